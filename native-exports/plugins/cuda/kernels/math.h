// Functions of single values and the quantization of activations: docs/canonical-arithmetic.md to the bit.
#pragma once
#include "args.h"
#include "gpu.h"

DEVICE float exp_canonical(float x) // NaN gives NaN
{
    float c = x > 89.0f ? 89.0f : x, n = round_even(c * 1.44269504f);
    float r = fma(n, -0.693359375f, c);
    r = fma(n, 2.12194440e-4f, r);
    float p = fma(1.9875691500e-4f, r, 1.3981999507e-3f);
    p = fma(p, r, 8.3334519073e-3f);
    p = fma(p, r, 4.1665795894e-2f);
    p = fma(p, r, 1.6666665459e-1f);
    p = fma(p, r, 5.0000001201e-1f);
    p = fma(p, r * r, r) + 1.0f;
    float y = p * from_bits((u32)((int)n + 127) << 23);
    return x < -87.33654f ? 0.0f : y;
}

DEVICE float softcap_canonical(float x, float c) { return c * (1.0f - divide(2.0f, exp_canonical(2.0f * divide(x, c)) + 1.0f)); }

DEVICE float activation(float x, int function)
{
    if (function == Silu) return divide(x, 1.0f + exp_canonical(x * -1.0f));
    if (function == Gelu) return divide(x, 1.0f + exp_canonical(x * -1.5957691216f * fma(x * x, 0.044715f, 1.0f)));
    if (function == Relu) return x < 0.0f ? 0.0f : x;
    if (function == ReluSquared) return x < 0.0f ? 0.0f : x * x;
    if (function == SwigluOai)
    {
        float g = x > 7.0f ? 7.0f : x;
        return divide(g, 1.0f + exp_canonical(g * -1.702f));
    }
    return x;
}
// What an activation is multiplied with.
DEVICE float partner(float y, int function)
{
    if (function != SwigluOai) return y;
    float least = y < -7.0f ? -7.0f : y;
    return (least > 7.0f ? 7.0f : least) + 1.0f;
}
DEVICE float sigmoid(float x) { return divide(1.0f, 1.0f + exp_canonical(x * -1.0f)); }

// A warp quantizes the 256 values of a unit, 8 consecutive ones a lane: with one scale for all (256), or one for each 32.
template <int LENGTH> DEVICE void quantize(const float* v, u8* unit, float* scale, u32* nonFinite)
{
    int lane = thread_index() & 31, leader = lane % (LENGTH / 8) == 0;
    u32 amax = 0;
    UNROLL for (int i = 0; i < 8; i++) { u32 b = bits(v[i]) & 0x7fffffff; amax = b > amax ? b : amax; }
    UNROLL for (int m = LENGTH / 16; m > 0; m /= 2) { u32 other = (u32)shuffle_xor((int)amax, m); amax = other > amax ? other : amax; }
    bool zero = amax < (27u << 23) || amax >= 0x7f800000; // under 2^-100, or not finite
    if (amax >= 0x7f800000 && leader) *nonFinite = 1;
    float max = from_bits(zero ? 0x3f800000 : amax), inverse = divide(127.0f, max);
    u32 packed[2] = {0, 0};
    int sum = 0;
    UNROLL for (int i = 0; i < 8; i++)
    {
        int q = zero ? 0 : (int)larger(smaller(round_even(v[i] * inverse), 127.0f), -127.0f);
        packed[i / 4] |= (u32)(q & 255) << (i % 4 * 8);
        sum += q;
    }
    ((u32*)unit)[2 * lane] = packed[0];
    ((u32*)unit)[2 * lane + 1] = packed[1];
    sum += shuffle_xor(sum, 1);
    if (LENGTH == 256 && lane % 2 == 0) ((s16*)(unit + Sums16At))[lane / 2] = (s16)sum;
    sum += shuffle_xor(sum, 2);
    if (lane % 4 == 0) ((s16*)(unit + Sums32At))[lane / 4] = (s16)sum;
    float d = zero ? 0.0f : divide(max, 127.0f);
    if (LENGTH == 256 && lane == 0) *scale = d;
    if (LENGTH == 32 && leader) ((float*)(unit + ScalesAt))[lane / 4] = d;
}

// The 8 values of a lane, in every form that is wanted. A warp a unit.
DEVICE void put(const Forms& to, const float* v, int row, int unit, int unitsInRow, int n, u32* nonFinite)
{
    int first = 256 * unit + 8 * (thread_index() & 31);
    if (to.floats)
        UNROLL for (int i = 0; i < 8; i++) if (first + i < n) to.floats[(u64)row * to.stride + first + i] = v[i];
    u64 at = (u64)row * unitsInRow + unit;
    if (to.q256) quantize<256>(v, to.q256 + at * UnitBytes, to.scales + at, nonFinite);
    if (to.q32) quantize<32>(v, to.q32 + at * UnitBytes, nullptr, nonFinite);
}
