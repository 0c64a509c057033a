// Q8_0: engine/Kernels/Formats/Q8_0.cs. A unit has 272 bytes: 16-byte reads would meet no bank twice; words, as here, meet two.
#include "blocks32.h"

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
};
GEMV(q8_0, Blocks32<Q80>)
