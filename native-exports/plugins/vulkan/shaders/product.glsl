// What all products have: y[token][row] = w[row] . x[token], times a factor, plus a bias, or added to what y holds.
#include "common.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Words w, x;
    Floats y, bias;
    uint rows, blocks, rowWords, tokens;     // blocks: of 256 activations; float weights: values of a row
    uint xStride, yStride, rowsPerGroup, tokensPerGroup; // xStride: words from one token's activations to the next's
    uint hasBias, accumulate;
    float scale, residual;                   // y += product * residual
} c;

uint first_row() { return (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * c.rowsPerGroup; }

void put(uint token, uint row, float v)
{
    v = mul(v, c.scale);
    if (c.hasBias != 0u) v = add(v, c.bias.at[row]);
    uint at = token * c.yStride + row;
    c.y.at[at] = c.accumulate != 0u ? add(c.y.at[at], mul(v, c.residual)) : v;
}
