/* The arithmetic's definition: slow, and as plain as can be. */
#include "values.h"

#include <math.h>
#include <string.h>

#include "edge_llm_offload.h"
#include "formats.h"

static float number(uint32_t b)
{
    float value;
    memcpy(&value, &b, 4);
    return value;
}

float defined_half(uint16_t half)
{
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    float value = exponent == 0 ? ldexpf((float)mantissa, -24) : ldexpf((float)(1024 + mantissa), exponent - 25);
    return half & 0x8000 ? -value : value;
}

/* The nearest of all halves; of two as near the even one. Neighbours in value are neighbours as numbers. */
uint16_t defined_to_half(float value)
{
    float magnitude = fabsf(value);
    uint16_t low = 0, high = 0x7bff;
    while (high - low > 1)
    {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (defined_half(middle) <= magnitude) low = middle;
        else high = middle;
    }
    double below = (double)magnitude - defined_half(low), above = (double)defined_half(high) - magnitude;
    uint16_t nearest = below < above || (below == above && low % 2 == 0) ? low : high;
    return (uint16_t)(nearest | (signbit(value) ? 0x8000 : 0));
}

float defined_exp(float x)
{
    static const float coefficients[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
    if (x < -87.33654f) return 0;
    if (isnan(x)) return x;
    if (x > 89) x = 89;
    float n = rintf(x * 1.44269504f), r = fmaf(n, 2.12194440e-4f, fmaf(n, -0.693359375f, x)), p = 1.9875691500e-4f;
    for (int i = 0; i < 5; i++) p = fmaf(p, r, coefficients[i]);
    p = fmaf(p, r * r, r) + 1;
    return p * number((uint32_t)(127 + (int)n) << 23);
}

float defined_soft_cap(float x, float c)
{
    float e = defined_exp(2 * (x / c));
    return c * (1 - 2 / (e + 1));
}

float defined_activation(float x, uint32_t kind)
{
    if (kind == EDGE_LLM_OFFLOAD_SILU) return x / (1 + defined_exp(-x));
    if (kind == EDGE_LLM_OFFLOAD_GELU)
    {
        float inner = fmaf(x * x, 0.044715f, 1), z = x * -1.5957691216f * inner;
        return x / (1 + defined_exp(z));
    }
    if (kind == EDGE_LLM_OFFLOAD_SWIGLU_OAI)
    {
        float g = fminf(x, 7), e = defined_exp(g * -1.702f);
        return g / (1 + e);
    }
    float positive = x < 0 ? 0 : x;
    return kind == EDGE_LLM_OFFLOAD_RELU ? positive : positive * positive;
}

float defined_partner(float y, uint32_t kind)
{
    return kind == EDGE_LLM_OFFLOAD_SWIGLU_OAI ? fmaxf(-7, fminf(y, 7)) + 1 : y;
}

float defined_sigmoid(float x)
{
    float e = defined_exp(-x);
    return 1 / (1 + e);
}

static float tree(const float *lanes, int first, int count)
{
    /* Lanes 8 apart are added first: of the tree's two halves, one has the even lanes, the other the odd ones. */
    return count == 16 ? lanes[first] : tree(lanes, first, 2 * count) + tree(lanes, first + count, 2 * count);
}

float defined_dot(const float *x, const float *y, int n)
{
    float lanes[16] = {0};
    for (int i = 0; i < n; i++) lanes[i % 16] = fmaf(x[i], y[i], lanes[i % 16]);
    return tree(lanes, 0, 1);
}

void defined_norm(uint32_t kind, const float *x, const float *weight, const float *bias, float epsilon, float *y, int n)
{
    float lanes[16] = {0}, mean = 0;
    for (int i = 0; i < n; i++)
    {
        if (kind == EDGE_LLM_OFFLOAD_NORM_LAYER) lanes[i % 16] += x[i];
        if (kind == 0) y[i] = x[i];
    }
    if (kind == 0) return;
    if (kind == EDGE_LLM_OFFLOAD_NORM_LAYER) mean = tree(lanes, 0, 1) / (float)n;
    for (int i = 0; i < n; i++) y[i] = x[i] - mean;
    float root = sqrtf(defined_dot(y, y, n) / (float)n + epsilon), scale = 1 / root;
    for (int i = 0; i < n; i++)
    {
        y[i] = y[i] * scale;
        if (weight) y[i] = y[i] * weight[i];
        if (bias) y[i] = y[i] + bias[i];
    }
}

float defined_cached(uint32_t type, float value)
{
    return type == F16 ? defined_half(defined_to_half(value)) : value;
}
