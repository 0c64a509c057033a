#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// One block of 64 positions for one head of one row: its output, its maximum, its sum. An invocation a position, then one for each
// value of the output.
#include "common.glsl"
layout(constant_id = 1) const bool WideKeys = false; // F32, not F16
layout(constant_id = 2) const bool WideValues = false;
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Floats q;
    Words places;
    Floats scratch;      // [row][head][blocks][valueDim + 2]
    uint qStride, heads, sharing, keyDim, valueDim; // sharing: heads that share keys and values
    uint keyOffset, valueOffset, keyPadded, valuePadded;
    uint window, firstBlock, blocks;
    float scale, softcap;
} c;
shared float weights[64];
shared float lanes[16];
shared int highest; // of scores as integers of their order

float value(Words block, uint at, bool wide)
{
    return wide ? uintBitsToFloat(block.at[at]) : half_to_float(block.at[at / 2u] >> 16u * (at % 2u) & 0xffffu);
}
int ordered(float f) { int b = floatBitsToInt(f); return b < 0 ? b ^ 0x7fffffff : b; }

void main()
{
    uint id = gl_LocalInvocationID.x, head = gl_WorkGroupID.y, row = gl_WorkGroupID.z, number = c.firstBlock + gl_WorkGroupID.x;
    uint position = c.places.at[2u * row], first = c.window != 0u && position + 1u > c.window ? position + 1u - c.window : 0u;
    if (number < first / 64u || number > position / 64u) return;
    uint start = first > 64u * number ? first - 64u * number : 0u, end = min(position + 1u - 64u * number, 64u);
    uint entry = c.places.at[2u * row + 1u] + number * 2u;
    Words block = Words(uvec2(c.places.at[entry], c.places.at[entry + 1u]));
    uint kv = head / c.sharing, to = ((row * c.heads + head) * c.blocks + gl_WorkGroupID.x) * (c.valueDim + 2u);
    bool seen = id >= start && id < end;
    if (id == 0u) highest = int(0x80000000);
    barrier();
    float score = 0.0;
    if (seen)
    {
        uint q = row * c.qStride + head * c.keyDim, k = (kv * 64u + id) * c.keyPadded;
        k += WideKeys ? c.keyOffset : 2u * c.keyOffset;
        float l[16];
        [[unroll]] for (uint i = 0u; i < 16u; i++) l[i] = 0.0;
        for (uint base = 0u; base < c.keyDim; base += 16u)
            [[unroll]] for (uint i = 0u; i < 16u; i++)
                if (base + i < c.keyDim) l[i] = fused(c.q.at[q + base + i], value(block, k + base + i, WideKeys), l[i]);
        [[unroll]] for (uint i = 0u; i < 8u; i++) l[i] = add(l[i], l[i + 8u]);
        [[unroll]] for (uint i = 0u; i < 4u; i++) l[i] = add(l[i], l[i + 4u]);
        score = mul(add(add(l[0], l[2]), add(l[1], l[3])), c.scale);
        if (c.softcap != 0.0) score = softcap_(score, c.softcap);
        atomicMax(highest, ordered(score));
    }
    barrier();
    int top = highest;
    float maximum = intBitsToFloat(top < 0 ? top ^ 0x7fffffff : top);
    weights[id] = seen ? exp_(sub(score, maximum)) : 0.0;
    barrier();
    if (id < 16u) lanes[id] = add(add(add(weights[id], weights[id + 16u]), weights[id + 32u]), weights[id + 48u]);
    for (uint n = 8u; n > 0u; n /= 2u)
    {
        barrier();
        if (id < n) lanes[id] = add(lanes[id], lanes[id + n]);
    }
    if (id == 0u)
    {
        c.scratch.at[to + c.valueDim] = maximum;
        c.scratch.at[to + c.valueDim + 1u] = lanes[0];
    }
    for (uint d = id; d < c.valueDim; d += 64u)
    {
        uint v = kv * 64u * c.valuePadded + d + (WideValues ? c.valueOffset : 2u * c.valueOffset);
        float sum = 0.0;
        for (uint j = start; j < end; j++) sum = fused(weights[j], value(block, v + j * c.valuePadded, WideValues), sum);
        c.scratch.at[to + d] = sum;
    }
}
