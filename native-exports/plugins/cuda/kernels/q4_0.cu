// Q4_0: engine/Kernels/Formats/Q4_0.cs.
#include "gemm32.h"

struct Q40
{
    static const int Bytes = 18;

    template <int AT> DEVICE Block value(const u32* words, const u32* x, int sum)
    {
        u32 q[4] = {word_at<AT + 2>(words), word_at<AT + 6>(words), word_at<AT + 10>(words), word_at<AT + 14>(words)};
        int isum = -8 * sum;
        UNROLL for (int i = 0; i < 4; i++) isum = dot4(q[i] >> 4 & 0x0f0f0f0f, x[4 + i], dot4(q[i] & 0x0f0f0f0f, x[i], isum));
        return {isum, half_at<AT>(words)};
    }
    template <int AT> DEVICE float unpack(const u32* words, u32* to)
    {
        u32 q[4] = {word_at<AT + 2>(words), word_at<AT + 6>(words), word_at<AT + 10>(words), word_at<AT + 14>(words)};
        UNROLL for (int i = 0; i < 4; i++)
        {
            to[i] = less_8(q[i] & 0x0f0f0f0f);
            to[4 + i] = less_8(q[i] >> 4 & 0x0f0f0f0f);
        }
        return half_at<AT>(words);
    }
    DEVICE u32 less_8(u32 q) { return ((q | 0x80808080) - 0x08080808) ^ 0x80808080; } // of each byte; none borrows
};
GEMV(q4_0, Blocks32<Q40>)
GEMM32(q4_0, Q40)
