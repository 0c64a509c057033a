// Q3_K: engine/Kernels/Formats/Q3_K.cs. 110 bytes a unit: read as Q6_K is.
#include "gemv.h"

struct Q3K
{
    static const int Bytes = 110;
    static const bool Grouped = false;

    DEVICE float unit(const u8* w, const u128* x)
    {
        int shift = (int)((u64)w & 2);
        const u32* words = (const u32*)(w - shift), *xw = (const u32*)x;
        u32 s0 = shifted_word(words, shift, 24), s1 = shifted_word(words, shift, 25), s2 = shifted_word(words, shift, 26);
        u32 scales[4] = {(s0 & 0x0f0f0f0f) | (s2 << 4 & 0x30303030), (s1 & 0x0f0f0f0f) | (s2 << 2 & 0x30303030),
            (s0 >> 4 & 0x0f0f0f0f) | (s2 & 0x30303030), (s1 >> 4 & 0x0f0f0f0f) | (s2 >> 2 & 0x30303030)};
        int isum = 0;
        UNROLL for (int half = 0; half < 2; half++) // 16 of each 32
        UNROLL for (int h = 0; h < 2; h++)          // 128 values
        {
            int sum[4] = {0, 0, 0, 0};
            UNROLL for (int v = 0; v < 4; v++)      // 4 values of each of the four 32s
            {
                int at = 4 * half + v;
                u32 low = shifted_word(words, shift, 8 + 8 * h + at), high = shifted_word(words, shift, at) >> (4 * h);
                UNROLL for (int j = 0; j < 4; j++)
                    sum[j] = dot4((low >> (2 * j) & 0x03030303) | ((high >> j & 0x01010101) << 2), xw[32 * h + 8 * j + at], sum[j]);
            }
            UNROLL for (int j = 0; j < 4; j++)
            {
                int k = 8 * h + 2 * j + half;
                isum += (byte_of(scales[k / 4], k % 4) - 32) * (sum[j] - 4 * half_word(x, Sums16At / 2 + k));
            }
        }
        return (float)isum * half_to_float(*(const u16*)(w + 108));
    }
};
GEMV(q3_k, Q3K)
