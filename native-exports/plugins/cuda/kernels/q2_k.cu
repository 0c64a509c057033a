// Q2_K: engine/Kernels/Formats/Q2_K.cs. 84 bytes are 21 words: odd, so 4-byte reads of neighbouring units meet no bank twice.
#include "gemm256.h"

struct Q2K
{
    static const int Bytes = 84;
    static const bool Grouped = false;

    DEVICE float unit(const u8* w, const u128* x)
    {
        const u32* words = (const u32*)w, *xw = (const u32*)x;
        int isum = 0, msum = 0;
        UNROLL for (int h = 0; h < 2; h++)          // 128 values
        UNROLL for (int half = 0; half < 2; half++) // 16 of each 32
        {
            int sum[4] = {0, 0, 0, 0};
            UNROLL for (int v = 0; v < 4; v++)      // 4 values of each of the four 32s
            {
                int at = 4 * half + v;
                u32 q = words[4 + 8 * h + at];
                UNROLL for (int j = 0; j < 4; j++) sum[j] = dot4(q >> (2 * j) & 0x03030303, xw[32 * h + 8 * j + at], sum[j]);
            }
            UNROLL for (int j = 0; j < 4; j++)
            {
                int k = 8 * h + 2 * j + half, scale = byte_of(words[k / 4], k % 4);
                isum += (scale & 15) * sum[j];
                msum += (scale >> 4) * half_word(x, Sums16At / 2 + k);
            }
        }
        u32 d = words[20];
        return fma(-(float)msum, half_to_float(d >> 16), (float)isum * half_to_float(d & 0xffff));
    }

    static const int Mins = 16;
    DEVICE u32 scales(const u32* words, int) { return words[20]; }
    DEVICE void unpack(const u32* words, int, int part, u32* low, u32* high, u32* mins)
    {
        u32 scales[2] = {words[2 * part], words[2 * part + 1]};
        UNROLL for (int i = 0; i < 2; i++) mins[2 * part + i] = scales[i] >> 4 & 0x0f0f0f0f;
        UNROLL for (int i = 0; i < 8; i++)          // 4 values of each of the four 32s
        {
            u32 q = words[4 + 8 * part + i];
            UNROLL for (int j = 0; j < 4; j++)
            {
                int k = 2 * j + i / 4;
                Split s = split(q >> (2 * j) & 0x03030303, byte_of(scales[k / 4], k % 4) & 15);
                low[8 * j + i] = s.low;
                high[8 * j + i] = s.high;
            }
        }
    }
};
GEMV(q2_k, Q2K)
GEMM256(q2_k, Q2K)
