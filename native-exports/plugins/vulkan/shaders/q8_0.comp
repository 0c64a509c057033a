#version 450
#extension GL_GOOGLE_include_directive : require
#define WORDS32 8u
#include "blocks32.glsl"

int dot32(uint w, uint x)
{
    int sum = 0;
    for (uint i = 0u; i < 8u; i++)
    {
        uint q = c.w.at[w + i], v = c.x.at[x + i];
        for (int k = 0; k < 4; k++) sum += signed_byte(q, k) * signed_byte(v, k);
    }
    return sum;
}
