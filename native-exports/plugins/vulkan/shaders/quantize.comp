#version 450
#extension GL_GOOGLE_include_directive : require
// Activations to int8, in the bytes of the engine's Q8_K (one scale for 256) or Q8_32 (one for 32): a workgroup a group of 256, whose
// missing values are 0. A network's activation comes first, where there is one. 80 words: 64 of values; Q8_K: sums of 16, sums of 32, scale; Q8_32: scales, sums.
#include "common.glsl"
#include "activation.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Constants
{
    Floats x, up;
    Words y, flag; // *flag: at least `mark` where a value is not finite
    uint xStride, width, groups, wide, mark; // wide: Q8_K
    uint activation, paired; // paired: times up
} c;
shared uint largest[8];
shared int sums[16];

void main()
{
    uint id = gl_LocalInvocationID.x, group = gl_WorkGroupID.x, row = gl_WorkGroupID.y;
    uint block = c.wide != 0u ? 0u : id / 8u, to = (row * c.groups + group) * 80u;
    if (id < 8u) largest[id] = 0u;
    if (id < 16u) sums[id] = 0;
    barrier();
    float v[4];
    for (uint i = 0u; i < 4u; i++)
    {
        uint at = group * 256u + 4u * id + i;
        v[i] = 0.0;
        if (at < c.width)
        {
            v[i] = c.x.at[row * c.xStride + at];
            if (c.activation != 0u) v[i] = activation(c.activation, v[i]);
            if (c.paired != 0u) v[i] = mul(v[i], c.up.at[row * c.xStride + at]);
        }
        atomicMax(largest[block], floatBitsToUint(v[i]) & 0x7fffffffu);
    }
    barrier();
    uint amax = largest[block];
    bool counts = amax >= 27u << 23 && amax < 0x7f800000u;
    if (amax >= 0x7f800000u) atomicMax(c.flag.at[0], c.mark);
    float scale = 0.0;
    uint word = 0u;
    int sum = 0;
    if (counts)
    {
        float limit = uintBitsToFloat(amax), inverse = divide(127.0, limit);
        scale = divide(limit, 127.0);
        for (uint i = 0u; i < 4u; i++)
        {
            int q = clamp(int(roundEven(mul(v[i], inverse))), -127, 127);
            word |= (uint(q) & 255u) << 8u * i;
            sum += q;
        }
    }
    c.y.at[to + id] = word;
    atomicAdd(sums[id / 4u], sum);
    barrier();
    if (c.wide != 0u)
    {
        if (id < 8u) c.y.at[to + 64u + id] = uint(sums[2u * id]) & 0xffffu | uint(sums[2u * id + 1u]) << 16;
        else if (id < 12u)
        {
            uint i = 4u * (id - 8u);
            c.y.at[to + 64u + id] = uint(sums[i] + sums[i + 1u]) & 0xffffu | uint(sums[i + 2u] + sums[i + 3u]) << 16;
        }
        else if (id < 16u) c.y.at[to + 64u + id] = id == 12u ? floatBitsToUint(scale) : 0u;
    }
    else
    {
        if (id % 8u == 0u) c.y.at[to + 64u + id / 8u] = floatBitsToUint(scale);
        if (id < 8u) c.y.at[to + 72u + id] = uint(sums[2u * id] + sums[2u * id + 1u]);
    }
}
