#version 450
#extension GL_GOOGLE_include_directive : require
// Joins the blocks of a head of a row, ascending. What goes on in a later range of blocks is kept in y and state.
#include "common.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Words places;
    Floats scratch, y, state, sinks; // state: [row][head][maximum, sum]
    uint yStride, heads, valueDim, window, firstBlock, blocks, hasSinks;
} c;

void main()
{
    uint id = gl_LocalInvocationID.x, head = gl_WorkGroupID.x, row = gl_WorkGroupID.y;
    uint position = c.places.at[2u * row], last = position / 64u;
    uint first = (c.window != 0u && position + 1u > c.window ? position + 1u - c.window : 0u) / 64u;
    uint begin = max(first, c.firstBlock), end = min(last + 1u, c.firstBlock + c.blocks);
    if (begin >= end) return;
    bool begins = begin == first, ends = end == last + 1u;
    uint kept = 2u * (row * c.heads + head), from = (row * c.heads + head) * c.blocks, y = row * c.yStride + head * c.valueDim;
    float maximum0 = begins ? -3.402823466e38 : c.state.at[kept], sum0 = begins ? 0.0 : c.state.at[kept + 1u];
    memoryBarrierBuffer();
    barrier();
    for (uint d = id; d < c.valueDim; d += 64u)
    {
        float maximum = maximum0, sum = sum0, v = begins ? 0.0 : c.y.at[y + d];
        for (uint b = begin; b < end; b++)
        {
            uint at = (from + b - c.firstBlock) * (c.valueDim + 2u);
            float m = c.scratch.at[at + c.valueDim], now = max(maximum, m);
            float keep = exp_(sub(maximum, now)), take = exp_(sub(m, now));
            sum = fused(sum, keep, mul(c.scratch.at[at + c.valueDim + 1u], take));
            v = fused(v, keep, mul(c.scratch.at[at + d], take));
            maximum = now;
        }
        if (d == 0u) { c.state.at[kept] = maximum; c.state.at[kept + 1u] = sum; }
        if (ends && c.hasSinks != 0u)
        {
            float sink = c.sinks.at[head], now = max(maximum, sink), keep = exp_(sub(maximum, now));
            sum = fused(sum, keep, exp_(sub(sink, now)));
            v = mul(v, keep);
        }
        c.y.at[y + d] = ends ? divide(v, sum) : v;
    }
}
