// What Q4_K and Q5_K share: eight 6-bit scales and minimums in 12 bytes.
#pragma once
#include "split.h"

// A byte each.
struct ScaleMins { u32 scales[2], mins[2]; };
DEVICE ScaleMins scale_mins(u32 s0, u32 s1, u32 s2)
{
    return {{s0 & 0x3f3f3f3f, (s2 & 0x0f0f0f0f) | (s0 >> 2 & 0x30303030)}, {s1 & 0x3f3f3f3f, (s2 >> 4 & 0x0f0f0f0f) | (s1 >> 2 & 0x30303030)}};
}

// (isum * d) - msum * dmin, isum known; the sums of 32 are x's last vector.
DEVICE float with_mins(int isum, const ScaleMins& sm, const u128* x, u32 dPair)
{
    u128 s = x[Sums32At / 16];
    int msum = dot2_low(s.x, sm.mins[0], dot2_high(s.y, sm.mins[0], dot2_low(s.z, sm.mins[1], dot2_high(s.w, sm.mins[1], 0))));
    return fma(-(float)msum, half_to_float(dPair >> 16), (float)isum * half_to_float(dPair & 0xffff));
}

// Half a super-block for gemm256.
template <typename F> DEVICE void unpack_with_mins(const u32* words, int part, u32* low, u32* high, u32* mins)
{
    ScaleMins sm = scale_mins(words[1], words[2], words[3]);
    u32 scales = part == 0 ? sm.scales[0] : sm.scales[1];
    mins[part] = part == 0 ? sm.mins[0] : sm.mins[1];
    UNROLL for (int b = 0; b < 4; b++)
    UNROLL for (int i = 0; i < 8; i++)
    {
        Split s = split(F::values(words, part, b, i), byte_of(scales, b));
        low[8 * b + i] = s.low;
        high[8 * b + i] = s.high;
    }
}
