#version 450
#extension GL_GOOGLE_include_directive : require
#define BLOCK_WORDS 21u
#define MOVED_HALVES 0u
#include "superblocks.glsl"

float share(uint w, uint x, uint halves)
{
    int isum = 0, msum = 0;
    for (uint j = 0u; j < 16u; j++)
    {
        uint h = j / 8u, g = j / 2u % 4u, l = 4u * (j % 2u), scale = byte_at(w, j);
        int sum = 0;
        for (uint i = l; i < l + 4u; i++) sum = dot4(c.w.at[w + 4u + 8u * h + i] >> 2u * g & 0x03030303u, c.x.at[x + 4u * j + i - l], sum);
        isum += int(scale & 15u) * sum;
        msum += int(scale >> 4) * sum16(x, j);
    }
    return scaled(isum, half_at(2u * w + 40u), msum, half_at(2u * w + 41u));
}
