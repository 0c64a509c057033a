#version 450
#extension GL_GOOGLE_include_directive : require
#define BLOCK_WORDS 52u
#define MOVED_HALVES 1u
#include "superblocks.glsl"

float share(uint w, uint x, uint halves)
{
    int isum = 0;
    for (uint j = 0u; j < 16u; j++) // values 16 j ..: h = j / 8 a half of the block, g = j / 2 % 4 a quarter of that
    {
        uint h = j / 8u, g = j / 2u % 4u, l = 4u * (j % 2u);
        int sum = 0;
        for (uint i = l; i < l + 4u; i++)
        {
            uint low = c.w.at[w + 16u * h + 8u * (g % 2u) + i] >> 4u * (g / 2u) & 0x0f0f0f0fu;
            uint high = c.w.at[w + 32u + 8u * h + i] >> 2u * g & 0x03030303u;
            sum = dot4(low | high << 4, c.x.at[x + 4u * j + i - l], sum);
        }
        isum += signed_byte(c.w.at[w + 48u + j / 4u], int(j % 4u)) * (sum - 32 * sum16(x, j));
    }
    return scaled(isum, half_at(halves));
}
