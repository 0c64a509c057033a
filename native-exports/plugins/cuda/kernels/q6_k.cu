// Q6_K: engine/Kernels/Formats/Q6_K.cs. 210 bytes are no multiple of 4: a lane reads words at or before its bytes and takes pairs of them together.
#include "gemm256.h"

struct Q6K
{
    static const int Bytes = 210;
    static const bool Grouped = false;

    DEVICE float unit(const u8* w, const u128* x)
    {
        int shift = (int)((u64)w & 2);
        const u32* words = (const u32*)(w - shift), *xw = (const u32*)x;
        int isum = 0;
        UNROLL for (int h = 0; h < 2; h++)          // 128 values
        UNROLL for (int half = 0; half < 2; half++) // 16 of each 32
        {
            int sum[4] = {0, 0, 0, 0};
            UNROLL for (int v = 0; v < 4; v++)      // 4 values of each of the four 32s
            {
                int at = 4 * half + v;
                u32 l0 = shifted_word(words, shift, 16 * h + at), l1 = shifted_word(words, shift, 16 * h + 8 + at);
                u32 hi = shifted_word(words, shift, 32 + 8 * h + at);
                sum[0] = dot4((l0 & 0x0f0f0f0f) | (hi << 4 & 0x30303030), xw[32 * h + at], sum[0]);
                sum[1] = dot4((l1 & 0x0f0f0f0f) | (hi << 2 & 0x30303030), xw[32 * h + 8 + at], sum[1]);
                sum[2] = dot4((l0 >> 4 & 0x0f0f0f0f) | (hi & 0x30303030), xw[32 * h + 16 + at], sum[2]);
                sum[3] = dot4((l1 >> 4 & 0x0f0f0f0f) | (hi >> 2 & 0x30303030), xw[32 * h + 24 + at], sum[3]);
            }
            u32 scales[2] = {shifted_word(words, shift, 48 + 2 * h), shifted_word(words, shift, 48 + 2 * h + 1)};
            UNROLL for (int j = 0; j < 4; j++)
            {
                int k = 2 * j + half;
                isum += (s8)(scales[k / 4] >> (k % 4 * 8)) * (sum[j] - 32 * half_word(x, Sums16At / 2 + 8 * h + k));
            }
        }
        return (float)isum * half_to_float(*(const u16*)(w + 208));
    }

    static const int Mins = 0;
    DEVICE u32 scales(const u32* words, int shift) { return *(const u16*)((const u8*)words + shift + 208); }
    DEVICE void unpack(const u32* words, int shift, int part, u32* low, u32* high, u32*)
    {
        u32 scales[2] = {shifted_word(words, shift, 48 + 2 * part), shifted_word(words, shift, 48 + 2 * part + 1)};
        UNROLL for (int i = 0; i < 8; i++)         // 4 values of each of the four 32s
        {
            u32 l0 = shifted_word(words, shift, 16 * part + i), l1 = shifted_word(words, shift, 16 * part + 8 + i);
            u32 hi = shifted_word(words, shift, 32 + 8 * part + i);
            u32 q[4] = {(l0 & 0x0f0f0f0f) | (hi << 4 & 0x30303030), (l1 & 0x0f0f0f0f) | (hi << 2 & 0x30303030),
                (l0 >> 4 & 0x0f0f0f0f) | (hi & 0x30303030), (l1 >> 4 & 0x0f0f0f0f) | (hi >> 2 & 0x30303030)};
            UNROLL for (int j = 0; j < 4; j++)
            {
                int k = 2 * j + i / 4;
                Split s = split_signed(q[j], (s8)(scales[k / 4] >> (k % 4 * 8)), 32);
                low[8 * j + i] = s.low;
                high[8 * j + i] = s.high;
            }
        }
    }
};
GEMV(q6_k, Q6K)
GEMM256(q6_k, Q6K)
