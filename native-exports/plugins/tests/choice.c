/* Which experts a row has, by definition: an expert is chosen if few enough others go before it. */
#include "choice.h"

#include <math.h>
#include <stdbool.h>

#include "values.h"

enum { MOST = 256 };

/* Of those that are marked: e^(p - max), divided by the sum of all, added up in their order. */
static void softmax(float *p, const bool *marked, int n)
{
    float max = -INFINITY, sum = 0;
    for (int e = 0; e < n; e++) max = marked[e] ? fmaxf(max, p[e]) : max;
    for (int e = 0; e < n; e++)
    {
        if (!marked[e]) continue;
        p[e] = defined_exp(p[e] - max);
        sum = sum + p[e];
    }
    for (int e = 0; e < n; e++) p[e] = marked[e] ? p[e] / sum : p[e];
}

/* How many of the marked go before one: those with more, and those with as much and a lower number. */
static int before(const float *value, const bool *marked, int n, int one)
{
    int count = 0;
    for (int e = 0; e < n; e++) count += marked[e] && (value[e] > value[one] || (value[e] == value[one] && e < one));
    return count;
}

/* The sum of a group's two best, or its only one. */
static float worth(const float *value, int size)
{
    int best = 0;
    float rest = -INFINITY;
    for (int e = 1; e < size; e++) best = value[e] > value[best] ? e : best;
    for (int e = 0; e < size; e++) rest = e != best ? fmaxf(rest, value[e]) : rest;
    return size == 1 ? value[0] : value[best] + rest;
}

void defined_choice(const edge_llm_offload_experts *x, const float *bias, const float *logits, float *weights)
{
    int n = x->count;
    float p[MOST], value[MOST], worths[MOST], sum = 0;
    bool all[MOST] = {false}, open[MOST] = {false}, chosen[MOST] = {false};
    for (int e = 0; e < n; e++) all[e] = open[e] = true;
    for (int e = 0; e < n; e++) p[e] = x->gating == EDGE_LLM_OFFLOAD_GATING_SIGMOID ? defined_sigmoid(logits[e]) : logits[e];
    if (x->gating == EDGE_LLM_OFFLOAD_GATING_SOFTMAX) softmax(p, all, n);
    for (int e = 0; e < n; e++) value[e] = bias ? p[e] + bias[e] : p[e];
    for (int g = 0; g < x->groups; g++) worths[g] = worth(value + g * (n / x->groups), n / x->groups);
    for (int e = 0; x->groups && e < n; e++) open[e] = before(worths, all, x->groups, e / (n / x->groups)) < x->groups_used;
    for (int e = 0; e < n; e++) chosen[e] = open[e] && before(value, open, n, e) < x->used;
    if (x->gating == EDGE_LLM_OFFLOAD_GATING_SOFTMAX_OF_CHOSEN) softmax(p, chosen, n);
    for (int e = 0; e < n; e++) sum = chosen[e] ? sum + p[e] : sum;
    for (int e = 0; e < n; e++)
    {
        if (x->flags & EDGE_LLM_OFFLOAD_NORMALIZE) p[e] = p[e] / fmaxf(sum, 0x1p-14f);
        if (x->weight_scale != 0) p[e] = p[e] * x->weight_scale;
        weights[e] = chosen[e] ? p[e] : NAN;
    }
}
