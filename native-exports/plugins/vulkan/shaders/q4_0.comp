#version 450
#extension GL_GOOGLE_include_directive : require
#define WORDS32 4u
#include "blocks32.glsl"

int dot32(uint w, uint x)
{
    int sum = 0, values = 0;
    for (uint i = 0u; i < 4u; i++)
    {
        uint q = c.w.at[w + i], low = c.x.at[x + i], high = c.x.at[x + 4u + i];
        sum = dot4(q & 0x0f0f0f0fu, low, dot4(q >> 4 & 0x0f0f0f0fu, high, sum));
        values = dot4(0x01010101u, low, dot4(0x01010101u, high, values));
    }
    return sum - 8 * values;
}
