#version 450
#extension GL_GOOGLE_include_directive : require
#define BLOCK_WORDS 27u
#define MOVED_HALVES 1u
#include "superblocks.glsl"

float share(uint w, uint x, uint halves)
{
    int isum = 0;
    for (uint j = 0u; j < 16u; j++)
    {
        uint h = j / 8u, g = j / 2u % 4u, l = 4u * (j % 2u);
        int sum = 0;
        for (uint i = l; i < l + 4u; i++)
        {
            uint low = c.w.at[w + 8u + 8u * h + i] >> 2u * g & 0x03030303u, high = c.w.at[w + i] >> 4u * h + g & 0x01010101u;
            sum = dot4(low | high << 2, c.x.at[x + 4u * j + i - l], sum);
        }
        uint scale = byte_at(w + 24u, j % 8u) >> 4u * (j / 8u) & 15u | (byte_at(w + 24u, 8u + j % 4u) >> 2u * (j / 4u) & 3u) << 4;
        isum += (int(scale) - 32) * (sum - 4 * sum16(x, j));
    }
    return scaled(isum, half_at(halves));
}
