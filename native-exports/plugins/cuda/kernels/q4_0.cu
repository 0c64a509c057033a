// Q4_0: engine/Kernels/Formats/Q4_0.cs.
#include "blocks32.h"

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
};
GEMV(q4_0, Blocks32<Q40>)
