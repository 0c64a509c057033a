#version 450
#extension GL_GOOGLE_include_directive : require
// What a device's float arithmetic is: one operation on each of many operands, for the host to compare bit by bit with its own.
#include "common.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants { Floats a, b, c, r; uint operation, count; } k;

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i >= k.count) return;
    float x = k.a.at[i], y = k.b.at[i], z = k.c.at[i], v = 0.0;
    switch (k.operation)
    {
        case 0u: v = add(x, y); break;
        case 1u: v = sub(x, y); break;
        case 2u: v = mul(x, y); break;
        case 3u: v = add(mul(x, y), z); break;
        case 4u: { precise float f = fma(x, y, z); v = f; } break;
        case 5u: v = fma_exact(x, y, z); break;
        case 6u: v = divide(x, y); break;
        case 7u: v = root(abs(x)); break;
        case 8u: v = float(floatBitsToInt(x)); break;
        case 9u: v = roundEven(x); break;
        case 10u: v = intBitsToFloat(int(x)); break;
        case 11u: v = fused(x, y, z); break;
        case 12u: v = exp_(x); break;
    }
    k.r.at[i] = v;
}
