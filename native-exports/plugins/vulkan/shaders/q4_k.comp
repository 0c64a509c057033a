#version 450
#extension GL_GOOGLE_include_directive : require
#define BLOCK_WORDS 36u
#define MOVED_HALVES 0u
#include "superblocks.glsl"

float share(uint w, uint x, uint halves)
{
    uint scales[2], mins[2];
    scales_and_mins(w + 1u, scales, mins);
    int isum = 0, msum = 0;
    for (uint g = 0u; g < 4u; g++)
    {
        int low = 0, high = 0;
        for (uint i = 0u; i < 8u; i++)
        {
            uint q = c.w.at[w + 4u + 8u * g + i];
            low = dot4(q & 0x0f0f0f0fu, c.x.at[x + 16u * g + i], low);
            high = dot4(q >> 4 & 0x0f0f0f0fu, c.x.at[x + 16u * g + 8u + i], high);
        }
        uint pair = scales[g / 2u] >> 16u * (g % 2u), minPair = mins[g / 2u] >> 16u * (g % 2u);
        isum += int(pair & 255u) * low + int(pair >> 8 & 255u) * high;
        msum += int(minPair & 255u) * sum32(x, 2u * g) + int(minPair >> 8 & 255u) * sum32(x, 2u * g + 1u);
    }
    return scaled(isum, half_at(2u * w), msum, half_at(2u * w + 1u));
}
