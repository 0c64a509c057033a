// Q5_K: engine/Kernels/Formats/Q5_K.cs.
#include "gemm256.h"
#include "scale_mins.h"

struct Q5K
{
    static const int Bytes = 176;
    static const bool Grouped = false;

    DEVICE float unit(const u8* from, const u128* x)
    {
        const u128* w = (const u128*)from;
        const u32* nibbles = (const u32*)(w + 3), *fifths = (const u32*)(w + 1), *xw = (const u32*)x;
        u128 head = w[0];
        ScaleMins sm = scale_mins(head.y, head.z, head.w);
        int isum = 0;
        UNROLL for (int g = 0; g < 4; g++) // 64 values: 32 bytes of nibbles, low ones first; bit 2g and 2g + 1 of the fifths
        {
            int low = 0, high = 0;
            UNROLL for (int i = 0; i < 8; i++)
            {
                u32 q = nibbles[8 * g + i], h = fifths[i] >> (2 * g);
                low = dot4((q & 0x0f0f0f0f) | (h << 4 & 0x10101010), xw[16 * g + i], low);
                high = dot4((q >> 4 & 0x0f0f0f0f) | (h << 3 & 0x10101010), xw[16 * g + 8 + i], high);
            }
            isum += byte_of(sm.scales[g / 2], 2 * g % 4) * low + byte_of(sm.scales[g / 2], 2 * g % 4 + 1) * high;
        }
        return with_mins(isum, sm, x, head.x);
    }

    static const int Mins = 8;
    DEVICE u32 scales(const u32* words, int) { return words[0]; }
    // Four values of block b of half a super-block: 32 bytes of nibbles are two blocks.
    DEVICE u32 values(const u32* words, int part, int b, int i)
    {
        return (words[12 + 16 * part + 8 * (b / 2) + i] >> (b % 2 * 4) & 0x0f0f0f0f) | (words[4 + i] >> (4 * part + b) & 0x01010101) << 4;
    }
    DEVICE void unpack(const u32* words, int, int part, u32* low, u32* high, u32* mins) { unpack_with_mins<Q5K>(words, part, low, high, mins); }
};
GEMV(q5_k, Q5K)
GEMM256(q5_k, Q5K)
