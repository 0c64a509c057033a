// The definition of a mixture's choice: which experts a row has, and with which weights.
#pragma once
#include "reference.h"
#include <algorithm>

namespace reference
{
struct Router { int count, used, groups, groupsUsed, gating; bool normalize; float scale; }; // gating: the header's number
struct Chosen { std::vector<int> experts; std::vector<float> weights; };

inline float sigmoid(float x) { return 1.0f / (1.0f + exp(x * -1.0f)); }
inline void softmax(std::vector<float>& v)
{
    float max = -INFINITY, sum = 0;
    for (float f : v) max = f > max ? f : max;
    for (float& f : v) sum += f = exp(f - max);
    for (float& f : v) f /= sum;
}
// Numbers by what they are worth, the first of equals first.
inline std::vector<int> best(const std::vector<float>& worth, int n)
{
    std::vector<int> order(worth.size());
    for (size_t i = 0; i < order.size(); i++) order[i] = (int)i;
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return worth[a] > worth[b]; });
    order.resize(n);
    return order;
}

// Of finite logits. bias: null for none.
inline Chosen choose(const Router& r, const float* logits, const float* bias)
{
    std::vector<float> p(logits, logits + r.count), groups;
    if (r.gating == 1) softmax(p);
    if (r.gating == 2) for (float& f : p) f = sigmoid(f);
    std::vector<float> v = p;
    for (int i = 0; bias && i < r.count; i++) v[i] += bias[i];
    int size = r.groups > 0 ? r.count / r.groups : 0;
    for (int g = 0; g < r.groups; g++)
    {
        std::vector<float> own(&v[g * size], &v[g * size] + size);
        std::sort(own.rbegin(), own.rend());
        groups.push_back(size == 1 ? own[0] : own[0] + own[1]);
    }
    std::vector<int> kept = best(groups, r.groups > r.groupsUsed ? r.groupsUsed : r.groups);
    for (int i = 0; i < r.count && r.groups > 0; i++) if (std::find(kept.begin(), kept.end(), i / size) == kept.end()) v[i] = -INFINITY;
    Chosen c{best(v, r.used), {}};
    std::sort(c.experts.begin(), c.experts.end());
    for (int e : c.experts) c.weights.push_back(p[e]);
    if (r.gating == 3) softmax(c.weights);
    float sum = 0;
    for (float w : c.weights) sum += w;
    for (float& w : c.weights)
    {
        if (r.normalize) w /= sum < 0x1p-14f ? 0x1p-14f : sum;
        w *= r.scale;
    }
    return c;
}
}
