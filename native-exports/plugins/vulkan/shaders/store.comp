#version 450
#extension GL_GOOGLE_include_directive : require
// Keys or values of each row to their place in the cache: two values an invocation, zeros up to the padded length.
#include "common.glsl"
layout(constant_id = 1) const bool WideCache = false; // F32, not F16
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Floats x;
    Words places, flag;  // places: for each row its position and the word of its table, an address of a block each two words
    uint xStride, heads, dim, padded, offset, mark; // offset: in words, of the layer's keys or values in a block
} c;

void main()
{
    uint i = 2u * gl_GlobalInvocationID.x, row = gl_WorkGroupID.y, head = i / c.padded, d = i % c.padded;
    if (head >= c.heads) return;
    uint position = c.places.at[2u * row], entry = c.places.at[2u * row + 1u] + position / 64u * 2u;
    Words block = Words(uvec2(c.places.at[entry], c.places.at[entry + 1u]));
    float a = d < c.dim ? c.x.at[row * c.xStride + head * c.dim + d] : 0.0;
    float b = d + 1u < c.dim ? c.x.at[row * c.xStride + head * c.dim + d + 1u] : 0.0;
    uint at = (head * 64u + position % 64u) * c.padded + d;
    if (WideCache)
    {
        block.at[c.offset + at] = floatBitsToUint(a);
        block.at[c.offset + at + 1u] = floatBitsToUint(b);
    }
    else block.at[c.offset + at / 2u] = float_to_half(a) | float_to_half(b) << 16;
    if (!finite(a) || !finite(b)) atomicMax(c.flag.at[0], c.mark);
}
