/* How a row's experts are chosen. */
#include "router.h"

#include "canonical.h"

/* What gating makes of the logits; the value that counts when choosing; what groups are worth. */
uint64_t choice_floats(const edge_llm_offload_experts *x)
{
    return 2 * (uint64_t)x->count + (uint64_t)x->groups;
}

/* Its sum has one lane, ascending. */
static void softmax(const float *logits, float *p, int n)
{
    float max = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        if (logits[i] > max) max = logits[i];
    for (int i = 0; i < n; i++) sum += p[i] = exp_of(logits[i] - max);
    for (int i = 0; i < n; i++) p[i] /= sum;
}

/* The first of the largest, or 0. A NaN is never the largest. */
static int32_t largest(const float *values, int n)
{
    int32_t best = -1;
    for (int i = 0; i < n; i++)
        if (values[i] == values[i] && (best < 0 || values[i] > values[best])) best = i;
    return best < 0 ? 0 : best;
}

/* Leaves only the groups that are worth most: what their two best experts are together. */
static void hide_groups(const edge_llm_offload_experts *x, float *value, float *worth)
{
    int size = x->count / x->groups;
    for (int g = 0; g < x->groups; g++)
    {
        float first = -INFINITY, second = -INFINITY;
        for (int i = g * size; i < (g + 1) * size; i++)
        {
            if (value[i] > first)
            {
                second = first;
                first = value[i];
            }
            else if (value[i] > second) second = value[i];
        }
        worth[g] = size == 1 ? first : first + second;
    }
    for (int i = 0; i < x->groups_used; i++) worth[largest(worth, x->groups)] = NAN; /* taken */
    for (int i = 0; i < x->count; i++)
        if (worth[i / size] == worth[i / size]) value[i] = -INFINITY;
}

static void sort(int32_t *numbers, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && numbers[j - 1] > numbers[j]; j--)
        {
            int32_t larger = numbers[j - 1];
            numbers[j - 1] = numbers[j];
            numbers[j] = larger;
        }
}

void choose(const edge_llm_offload_experts *x, const float *bias, const float *logits, float *work, int32_t *chosen, float *weights)
{
    int n = x->count;
    float *p = work, *value = work + n, *worth = value + n;
    if (x->gating == EDGE_LLM_OFFLOAD_GATING_SOFTMAX) softmax(logits, p, n);
    else for (int i = 0; i < n; i++) p[i] = x->gating == EDGE_LLM_OFFLOAD_GATING_SIGMOID ? sigmoid(logits[i]) : logits[i];
    for (int i = 0; i < n; i++) value[i] = bias ? p[i] + bias[i] : p[i];
    if (x->groups_used < x->groups) hide_groups(x, value, worth);
    for (int i = 0; i < x->used; i++)
    {
        chosen[i] = largest(value, n);
        value[chosen[i]] = -INFINITY;
    }
    sort(chosen, x->used);
    for (int i = 0; i < x->used; i++) weights[i] = p[chosen[i]];
    if (x->gating == EDGE_LLM_OFFLOAD_GATING_SOFTMAX_OF_CHOSEN) softmax(weights, weights, x->used);
    float sum = 0;
    for (int i = 0; i < x->used; i++) sum += weights[i];
    if (sum < 0x1p-14f) sum = 0x1p-14f;
    for (int i = 0; i < x->used; i++)
    {
        if (x->flags & EDGE_LLM_OFFLOAD_NORMALIZE) weights[i] /= sum;
        if (x->weight_scale != 0) weights[i] *= x->weight_scale;
    }
}
