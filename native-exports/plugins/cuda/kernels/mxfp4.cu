// MXFP4: engine/Kernels/Formats/MXFP4.cs. E2M1 numbers are doubled to integers, the scale is halved.
#include "gemm32.h"

struct Mxfp4
{
    static const int Bytes = 17;

    // The doubled numbers of four nibbles, as signed bytes; the others' bits are not read.
    DEVICE u32 numbers(u32 nibbles)
    {
        u32 selector = nibbles & 0x7777;
        u32 positive = pick_bytes(0x03020100, 0x0c080604, selector), negative = pick_bytes(0xfdfeff00, 0xf4f8fafc, selector);
        u32 signs = ((nibbles >> 3 & 1) | (nibbles << 1 & 0x100) | (nibbles << 5 & 0x10000) | (nibbles << 9 & 0x1000000)) * 255;
        return (positive & ~signs) | (negative & signs);
    }
    template <int AT> DEVICE Block value(const u32* words, const u32* x, int)
    {
        u32 q[4] = {word_at<AT + 1>(words), word_at<AT + 5>(words), word_at<AT + 9>(words), word_at<AT + 13>(words)};
        int isum = 0;
        UNROLL for (int i = 0; i < 4; i++) // value i stands in the low nibble of byte i, value 16 + i in the high one
        {
            u32 first = numbers(q[i]), second = numbers(q[i] >> 16);
            isum = dot4(pick_bytes(first, second, 0x7531), x[4 + i], dot4(pick_bytes(first, second, 0x6420), x[i], isum));
        }
        return {isum, scale<AT>(words)};
    }
    template <int AT> DEVICE float scale(const u32* words)
    {
        u32 e = words[AT / 4] >> (AT % 4 * 8) & 255;
        return from_bits(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    }
    template <int AT> DEVICE float unpack(const u32* words, u32* to)
    {
        u32 q[4] = {word_at<AT + 1>(words), word_at<AT + 5>(words), word_at<AT + 9>(words), word_at<AT + 13>(words)};
        UNROLL for (int i = 0; i < 4; i++)
        {
            u32 first = numbers(q[i]), second = numbers(q[i] >> 16);
            to[i] = pick_bytes(first, second, 0x6420);
            to[4 + i] = pick_bytes(first, second, 0x7531);
        }
        return scale<AT>(words);
    }
};
GEMV(mxfp4, Blocks32<Mxfp4>)
GEMM32(mxfp4, Mxfp4)
