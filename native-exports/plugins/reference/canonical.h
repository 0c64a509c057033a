/* The engine's arithmetic on single values, as docs/canonical-arithmetic.md defines it. A fused multiply-add stands where fmaf does, and
 * nowhere else: compile with -ffp-contract=off. */
#ifndef CANONICAL_H
#define CANONICAL_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "floats must be computed as floats: for 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

#define INLINE static inline __attribute__((always_inline))

/* A function with a body of its own is compiled twice where a processor may or may not have a fused multiply-add: calls of fmaf are slow. */
#if defined(__x86_64__) && !defined(__FMA__)
#define WITH_FMA __attribute__((target("avx2,fma")))
#define HAS_FMA() (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#else
#define WITH_FMA
#define HAS_FMA() true
#endif

INLINE uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* The half's exponent, shifted into place, counts from another zero: the product moves it there. It is exact, of subnormal halves as well. */
INLINE float half_to_float(uint16_t half)
{
    float value = from_bits((uint32_t)(half & 0x7fff) << 13) * 0x1p112f;
    return from_bits(bits_of(value) | (uint32_t)(half & 0x8000) << 16);
}

/* To the nearest half, ties to even; what would be infinite becomes the largest. */
INLINE uint16_t float_to_half(float value)
{
    uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7bff);
    if (magnitude < 0x38800000) return (uint16_t)(sign | (bits_of(from_bits(magnitude) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

/* To the nearest integer, ties to even; |x| is below 2^22. */
INLINE float round_even(float x)
{
    return x + 0x1.8p23f - 0x1.8p23f;
}

INLINE bool is_finite(float x)
{
    return (bits_of(x) & 0x7f800000) != 0x7f800000;
}

/* Sums run in 16 lanes; this adds those 8 apart, then 4, 2, 1. */
INLINE float tree16(float *lanes)
{
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

/* e^x = 2^n e^r; +0 where the true value is below the smallest normal float. */
INLINE float exp_of(float x)
{
    if (x < -87.33654f) return 0;
    if (x != x) return x;
    if (x > 89.0f) x = 89.0f;
    float n = round_even(x * 1.44269504f);
    float r = fmaf(n, -0.693359375f, x);
    r = fmaf(n, 2.12194440e-4f, r);
    float p = fmaf(1.9875691500e-4f, r, 1.3981999507e-3f);
    p = fmaf(p, r, 8.3334519073e-3f);
    p = fmaf(p, r, 4.1665795894e-2f);
    p = fmaf(p, r, 1.6666665459e-1f);
    p = fmaf(p, r, 5.0000001201e-1f);
    p = fmaf(p, r * r, r) + 1.0f;
    return p * from_bits((uint32_t)((int32_t)n + 127) << 23);
}

/* c * tanh(x / c) */
INLINE float soft_cap(float x, float c)
{
    return c * (1.0f - 2.0f / (exp_of(2.0f * (x / c)) + 1.0f));
}

/* 1 / (1 + e^-x) */
INLINE float sigmoid(float x)
{
    return 1.0f / (1.0f + exp_of(x * -1.0f));
}

/* Eight blocks of 32 are a group; those that are missing are +0. */
INLINE float add_group(float sum, const float *p)
{
    return sum + (((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7])));
}

/* (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * weight + bias; the mean is 0 unless it is centered; weight and bias may be NULL, y may be x. */
void norm_row(const float *x, const float *weight, const float *bias, float *y, int n, float epsilon, bool centered);

/* Turns the values of one head. */
void rope_head(float *x, const float *cos, const float *sin, int n, bool halves);

/* x = activation(x), or activation(x) * y where there is y; SWIGLU_OAI: * (y + 1). The kind is edge_llm_offload's. */
void activate(float *x, const float *y, int64_t n, uint32_t kind);

/* Values as int8 with a scale, n of them, block (256 or 32) at a time, and the sum of each 32. False: a value is not finite. */
bool quantize_row(const float *x, int n, int block, int8_t *q, float *scales, int32_t *sums);

/* Whether this build and this processor round as they must: once in a fused multiply-add, twice without one, and keep subnormal numbers. */
bool arithmetic_holds(void);

#endif
