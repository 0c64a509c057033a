// Q4_K: engine/Kernels/Formats/Q4_K.cs. 144 bytes are 36 words, 4 modulo 32 banks: 16-byte reads of neighbouring units meet no bank twice.
#include "gemm256.h"
#include "scale_mins.h"

struct Q4K
{
    static const int Bytes = 144;
    static const bool Grouped = false;

    DEVICE float unit(const u8* from, const u128* x)
    {
        const u128* w = (const u128*)from;
        u128 head = w[0];
        ScaleMins sm = scale_mins(head.y, head.z, head.w);
        int isum = 0;
        UNROLL for (int g = 0; g < 4; g++) // 64 values: 32 bytes of nibbles, low ones first
        {
            int low = 0, high = 0;
            UNROLL for (int v = 0; v < 2; v++)
            {
                u128 q = w[1 + 2 * g + v], xl = x[4 * g + v], xh = x[4 * g + 2 + v];
                low = dot4(q.x & 0x0f0f0f0f, xl.x, low); high = dot4(q.x >> 4 & 0x0f0f0f0f, xh.x, high);
                low = dot4(q.y & 0x0f0f0f0f, xl.y, low); high = dot4(q.y >> 4 & 0x0f0f0f0f, xh.y, high);
                low = dot4(q.z & 0x0f0f0f0f, xl.z, low); high = dot4(q.z >> 4 & 0x0f0f0f0f, xh.z, high);
                low = dot4(q.w & 0x0f0f0f0f, xl.w, low); high = dot4(q.w >> 4 & 0x0f0f0f0f, xh.w, high);
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
        return words[4 + 16 * part + 8 * (b / 2) + i] >> (b % 2 * 4) & 0x0f0f0f0f;
    }
    DEVICE void unpack(const u32* words, int, int part, u32* low, u32* high, u32* mins) { unpack_with_mins<Q4K>(words, part, low, high, mins); }
};
GEMV(q4_k, Q4K)
GEMM256(q4_k, Q4K)
