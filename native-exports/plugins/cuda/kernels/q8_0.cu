// Q8_0: engine/Kernels/Formats/Q8_0.cs. A unit has 272 bytes: 16-byte reads would meet no bank twice; words, as here, meet two.
#include "gemm32.h"

struct Q80
{
    static const int Bytes = 34;

    template <int AT> DEVICE Block value(const u32* words, const u32* x, int)
    {
        int isum = dot4(word_at<AT + 2>(words), x[0], 0);
        isum = dot4(word_at<AT + 6>(words), x[1], isum);
        isum = dot4(word_at<AT + 10>(words), x[2], isum);
        isum = dot4(word_at<AT + 14>(words), x[3], isum);
        isum = dot4(word_at<AT + 18>(words), x[4], isum);
        isum = dot4(word_at<AT + 22>(words), x[5], isum);
        isum = dot4(word_at<AT + 26>(words), x[6], isum);
        isum = dot4(word_at<AT + 30>(words), x[7], isum);
        return {isum, half_at<AT>(words)};
    }
    template <int AT> DEVICE float unpack(const u32* words, u32* to)
    {
        to[0] = word_at<AT + 2>(words); to[1] = word_at<AT + 6>(words); to[2] = word_at<AT + 10>(words); to[3] = word_at<AT + 14>(words);
        to[4] = word_at<AT + 18>(words); to[5] = word_at<AT + 22>(words); to[6] = word_at<AT + 26>(words); to[7] = word_at<AT + 30>(words);
        return half_at<AT>(words);
    }
};
GEMV(q8_0, Blocks32<Q80>)
GEMM32(q8_0, Q80)
