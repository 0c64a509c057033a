#version 450
#extension GL_GOOGLE_include_directive : require
// RMSNorm or LayerNorm of each row, or of each head of each row. A workgroup a head: y = (x - mean) * scale * w + b. y may be x.
#include "common.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Floats x, w, b, y;
    uint xStride, yStride, width, weightStep; // weightStep: from one head's weights to the next's
    uint centered, hasWeight, hasBias;
    float epsilon;
} c;
shared float tile[2048];
shared float lanes[16];
shared float found;

float tree()
{
    for (int n = 8; n > 0; n /= 2)
        for (int i = 0; i < n; i++) lanes[i] = add(lanes[i], lanes[i + n]);
    return lanes[0];
}

// Sums of the values, or of their squares less a mean, in 16 lanes; the result is in lanes.
void sums(uint at, float mean, bool squares)
{
    uint id = gl_LocalInvocationID.x;
    float sum = 0.0;
    for (uint first = 0u; first < c.width; first += 2048u)
    {
        uint n = min(2048u, c.width - first);
        barrier();
        for (uint i = id; i < n; i += 64u) tile[i] = c.x.at[at + first + i];
        barrier();
        if (id < 16u)
            for (uint i = id; i < n; i += 16u)
            {
                if (!squares) sum = add(sum, tile[i]);
                else { float v = sub(tile[i], mean); sum = fused(v, v, sum); }
            }
    }
    if (id < 16u) lanes[id] = sum;
    barrier();
}

void main()
{
    uint id = gl_LocalInvocationID.x, head = gl_WorkGroupID.x, row = gl_WorkGroupID.y;
    uint at = row * c.xStride + head * c.width, to = row * c.yStride + head * c.width, w = head * c.weightStep;
    float mean = 0.0;
    if (c.centered != 0u)
    {
        sums(at, 0.0, false);
        if (id == 0u) found = divide(tree(), float(c.width));
        barrier();
        mean = found;
    }
    sums(at, mean, true);
    if (id == 0u) found = divide(1.0, root(add(divide(tree(), float(c.width)), c.epsilon)));
    barrier();
    float scale = found;
    for (uint i = id; i < c.width; i += 64u)
    {
        float v = mul(sub(c.x.at[at + i], mean), scale);
        if (c.hasWeight != 0u) v = mul(v, c.w.at[w + i]);
        if (c.hasBias != 0u) v = add(v, c.b.at[w + i]);
        c.y.at[to + i] = v;
    }
}
