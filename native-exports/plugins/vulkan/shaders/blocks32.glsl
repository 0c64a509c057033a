// Blocks of 32 with Q8_32 activations: eight are a group, the missing ones of the last group count as +0. The including file defines
// WORDS32, the words of a block, and `int dot32(w, x)`.
#define BLOCK_WORDS (8u * WORDS32)
#define MOVED_HALVES 8u
#include "blocks.glsl"
float chain(float sum, float share_, uint x) { return add(sum, share_); }
int dot32(uint w, uint x);

// A group's place in its row follows from the words of whole groups; rows with a part of a group are padded with zeros to a whole one.
float share(uint w, uint x, uint halves)
{
    float p[8];
    for (uint b = 0u; b < 8u; b++)
        p[b] = mul(mul(float(dot32(w + b * WORDS32, x + 8u * b)), half_at(halves + b)), uintBitsToFloat(c.x.at[x + 64u + b]));
    return add(add(add(p[0], p[1]), add(p[2], p[3])), add(add(p[4], p[5]), add(p[6], p[7])));
}
