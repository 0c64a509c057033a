/* The engine's arithmetic on rows of values. */
#include "canonical.h"

#include "edge_llm_offload.h"

void norm_row(const float *x, const float *weight, const float *bias, float *y, int n, float epsilon, bool centered)
{
    float mean = 0;
    if (centered)
    {
        float lanes[16] = {0};
        for (int i = 0; i < n; i++) lanes[i % 16] += x[i];
        mean = tree16(lanes) / (float)n;
    }
    float lanes[16] = {0};
    for (int i = 0; i < n; i++) lanes[i % 16] = fmaf(x[i] - mean, x[i] - mean, lanes[i % 16]);
    float scale = 1.0f / sqrtf(tree16(lanes) / (float)n + epsilon);
    for (int i = 0; i < n; i++)
    {
        float value = (x[i] - mean) * scale;
        if (weight) value *= weight[i];
        if (bias) value += bias[i];
        y[i] = value;
    }
}

void rope_head(float *x, const float *cos, const float *sin, int n, bool halves)
{
    for (int i = 0; i < n / 2; i++)
    {
        int p = halves ? i : 2 * i, q = halves ? i + n / 2 : 2 * i + 1;
        float a = x[p], b = x[q];
        x[p] = fmaf(a, cos[p], b * sin[p]);
        x[q] = fmaf(b, cos[q], a * sin[q]);
    }
}

/* gpt-oss's limit. A NaN stays one. */
static float clamped(float x, float least)
{
    if (x < least) x = least;
    return x > 7.0f ? 7.0f : x;
}

static float activation_of(float x, uint32_t kind)
{
    switch (kind)
    {
        case EDGE_LLM_OFFLOAD_SILU: return x / (1.0f + exp_of(x * -1.0f));
        case EDGE_LLM_OFFLOAD_GELU: return x / (1.0f + exp_of(x * -1.5957691216f * fmaf(x * x, 0.044715f, 1.0f)));
        case EDGE_LLM_OFFLOAD_RELU: return x < 0 ? 0 : x;
        case EDGE_LLM_OFFLOAD_RELU_SQUARED: return x < 0 ? 0 : x * x;
        default: x = clamped(x, -INFINITY); return x / (1.0f + exp_of(x * -1.702f));
    }
}

void activate(float *x, const float *y, int64_t n, uint32_t kind)
{
    for (int64_t i = 0; i < n; i++)
    {
        float value = activation_of(x[i], kind);
        if (!y) x[i] = value;
        else x[i] = value * (kind == EDGE_LLM_OFFLOAD_SWIGLU_OAI ? clamped(y[i], -7.0f) + 1.0f : y[i]);
    }
}

bool quantize_row(const float *x, int n, int block, int8_t *q, float *scales, int32_t *sums)
{
    bool finite = true;
    for (int at = 0; at < n; at += block)
    {
        uint32_t largest = 0;
        for (int i = at; i < at + block; i++)
        {
            uint32_t magnitude = bits_of(x[i]) & 0x7fffffff;
            if (magnitude > largest) largest = magnitude;
        }
        bool is_number = largest < 0x7f800000;
        finite &= is_number;
        if (largest < 27u << 23 || !is_number) /* below 2^-100 the reciprocal might be infinite */
        {
            memset(q + at, 0, (size_t)block);
            *scales++ = 0;
            continue;
        }
        float inverse = 127.0f / from_bits(largest);
        for (int i = at; i < at + block; i++)
        {
            float value = round_even(x[i] * inverse);
            q[i] = (int8_t)(value > 127 ? 127 : value < -127 ? -127 : value);
        }
        *scales++ = from_bits(largest) / 127.0f;
    }
    for (int at = 0; at < n; at += 32)
    {
        int32_t sum = 0;
        for (int i = at; i < at + 32; i++) sum += q[i];
        *sums++ = sum;
    }
    return finite;
}

bool arithmetic_holds(void)
{
    /* The operands are volatile so that the processor computes, not the compiler. */
    volatile float one_and_bit = 1 + 0x1p-12f, smallest = FLT_MIN, three = 3, third, unfused, fused;
    unfused = one_and_bit * one_and_bit - 1.0f;
    fused = fmaf(one_and_bit, one_and_bit, -1.0f);
    third = 1.0f / three;
    volatile float half_of_smallest = smallest * 0.5f;
    return unfused == 0x1p-11f && fused == 0x1p-11f + 0x1p-24f && third == 0x1.555556p-2f && sqrtf(three) == 0x1.bb67aep0f && half_of_smallest > 0
        && half_of_smallest + half_of_smallest == smallest;
}
