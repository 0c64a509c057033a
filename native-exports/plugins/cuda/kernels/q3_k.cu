// Q3_K: engine/Kernels/Formats/Q3_K.cs. 110 bytes a unit: read as Q6_K is.
#include "gemm256.h"

struct Q3K
{
    static const int Bytes = 110;
    static const bool Grouped = false;

    struct Scales { u32 four[4]; }; // a byte each, with 32 added
    DEVICE Scales scales_of(const u32* words, int shift)
    {
        u32 s0 = shifted_word(words, shift, 24), s1 = shifted_word(words, shift, 25), s2 = shifted_word(words, shift, 26);
        return {{(s0 & 0x0f0f0f0f) | (s2 << 4 & 0x30303030), (s1 & 0x0f0f0f0f) | (s2 << 2 & 0x30303030),
            (s0 >> 4 & 0x0f0f0f0f) | (s2 & 0x30303030), (s1 >> 4 & 0x0f0f0f0f) | (s2 >> 2 & 0x30303030)}};
    }

    DEVICE float unit(const u8* w, const u128* x)
    {
        int shift = (int)((u64)w & 2);
        const u32* words = (const u32*)(w - shift), *xw = (const u32*)x;
        Scales sc = scales_of(words, shift);
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
                isum += (byte_of(sc.four[k / 4], k % 4) - 32) * (sum[j] - 4 * half_word(x, Sums16At / 2 + k));
            }
        }
        return (float)isum * half_to_float(*(const u16*)(w + 108));
    }

    static const int Mins = 0;
    DEVICE u32 scales(const u32* words, int shift) { return *(const u16*)((const u8*)words + shift + 108); }
    DEVICE void unpack(const u32* words, int shift, int part, u32* low, u32* high, u32*)
    {
        Scales sc = scales_of(words, shift);
        u32 scales[2] = {part == 0 ? sc.four[0] : sc.four[2], part == 0 ? sc.four[1] : sc.four[3]};
        UNROLL for (int i = 0; i < 8; i++)          // 4 values of each of the four 32s
        {
            u32 two = shifted_word(words, shift, 8 + 8 * part + i), third = shifted_word(words, shift, i) >> (4 * part);
            UNROLL for (int j = 0; j < 4; j++)
            {
                int k = 2 * j + i / 4;
                Split s = split_signed((two >> (2 * j) & 0x03030303) | ((third >> j & 0x01010101) << 2), byte_of(scales[k / 4], k % 4) - 32, 4);
                low[8 * j + i] = s.low;
                high[8 * j + i] = s.high;
            }
        }
    }
};
GEMV(q3_k, Q3K)
GEMM256(q3_k, Q3K)
