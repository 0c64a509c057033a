// What the formats with blocks of 32 share: a unit is eight blocks, whose numbers a tree adds up.
#pragma once
#include "gemv.h"

// A block B says Bytes and value<AT>(words, x): (isum, dw) of the block at byte AT, x being its 32 activations and their sum.
struct Block { int isum; float d; };
template <typename B> struct Blocks32
{
    static const int Bytes = 8 * B::Bytes;
    static const bool Grouped = true;

    template <int J> DEVICE float product(const u32* words, const u128* x)
    {
        Block b = B::template value<J * B::Bytes>(words, (const u32*)x + 8 * J, half_word(x, Sums32At / 2 + J));
        return (float)b.isum * b.d * from_bits(((const u32*)x)[ScalesAt / 4 + J]);
    }
    DEVICE float unit(const u8* w, const u128* x)
    {
        const u32* words = (const u32*)w;
        return ((product<0>(words, x) + product<1>(words, x)) + (product<2>(words, x) + product<3>(words, x)))
            + ((product<4>(words, x) + product<5>(words, x)) + (product<6>(words, x) + product<7>(words, x)));
    }
};
// The half at byte AT.
template <int AT> DEVICE float half_at(const u32* words) { return half_to_float(words[AT / 4] >> (AT % 4 * 8) & 0xffff); }
