#version 450
#extension GL_GOOGLE_include_directive : require
// Operations on single values of rows.
#include "common.glsl"
#include "activation.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Floats y, x;
    Words rows; // Gather: which rows of x
    uint yStride, xStride, width, operation, activation, paired; // paired: times x
    float p;
} c;
const uint AddScaled = 0u, SoftCap = 1u, Gather = 2u, Activate = 3u;

void main()
{
    uint i = gl_GlobalInvocationID.x, row = gl_WorkGroupID.y;
    if (i >= c.width) return;
    uint at = row * c.yStride + i, from = row * c.xStride + i;
    float y = c.y.at[at], v = y;
    switch (c.operation)
    {
        case AddScaled: v = add(y, mul(c.x.at[from], c.p)); break;
        case SoftCap: v = softcap_(y, c.p); break;
        case Gather: v = c.x.at[c.rows.at[row] * c.xStride + i]; break;
        case Activate: v = activation(c.activation, y); break;
    }
    if (c.paired != 0u) v = mul(v, c.x.at[from]);
    c.y.at[at] = v;
}
