#version 450
#extension GL_GOOGLE_include_directive : require
// Turns pairs of values of each head: (a, b) becomes (a cosA + b sinA, b cosB + a sinB), sinA being the negated sine.
#include "common.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Floats x, cos, sin;
    uint xStride, tableStride, heads, headDim, dimensions, offset, halves;
} c;

void main()
{
    uint pairs = c.dimensions / 2u, i = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (i >= c.heads * pairs) return;
    uint head = i / pairs, pair = i % pairs, p = c.halves != 0u ? pair : 2u * pair, q = c.halves != 0u ? pair + pairs : p + 1u;
    uint x = row * c.xStride + head * c.headDim + c.offset, t = row * c.tableStride;
    float a = c.x.at[x + p], b = c.x.at[x + q];
    c.x.at[x + p] = fused(a, c.cos.at[t + p], mul(b, c.sin.at[t + p]));
    c.x.at[x + q] = fused(b, c.cos.at[t + q], mul(a, c.sin.at[t + q]));
}
