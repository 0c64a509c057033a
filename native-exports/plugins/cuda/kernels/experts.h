// Mixtures of experts: the choice, the order of the entries, and the sum. The header of the plug-ins says each step's order.
#pragma once
#include "math.h"

// The first of the largest of n values in shared memory, by a warp; a NaN is never the largest; 0 if all are NaN.
DEVICE int largest(const float* v, int n)
{
    int best = 0x7fffffff;
    float most = from_bits(0xff800000);
    for (int i = thread_index() & 31; i < n; i += 32)
        if (v[i] > most || (v[i] == most && best == 0x7fffffff)) { most = v[i]; best = i; }
    UNROLL for (int m = 16; m > 0; m /= 2)
    {
        float other = shuffle_xor(most, m);
        int at = shuffle_xor(best, m);
        if (other > most || (other == most && at < best)) { most = other; best = at; }
    }
    return best == 0x7fffffff ? 0 : best;
}

// e^(v - the largest), divided by the sum of all, which one thread adds up by ascending number. Of n values in shared memory, by a warp.
DEVICE void softmax(float* v, int n)
{
    int lane = thread_index() & 31;
    float most = from_bits(0xff800000), sum = 0;
    for (int i = lane; i < n; i += 32) most = larger(most, v[i]);
    UNROLL for (int m = 16; m > 0; m /= 2) most = larger(most, shuffle_xor(most, m));
    for (int i = lane; i < n; i += 32) v[i] = exp_canonical(v[i] - most);
    sync_warp();
    for (int i = 0; i < n; i++) sum += v[i]; // all lanes do the same
    sync_warp();
    for (int i = lane; i < n; i += 32) v[i] = divide(v[i], sum);
    sync_warp();
}

// Leaves only the groups that are worth most: what their two best experts are together.
DEVICE void hide_groups(const RouteArgs& a, float* v, float* worth)
{
    int lane = thread_index() & 31, size = a.count / a.groups;
    const float lowest = from_bits(0xff800000), taken = from_bits(0x7fc00000);
    for (int g = lane; g < a.groups; g += 32)
    {
        float first = lowest, second = lowest;
        for (int i = g * size; i < (g + 1) * size; i++)
        {
            if (v[i] > first) { second = first; first = v[i]; }
            else if (v[i] > second) second = v[i];
        }
        worth[g] = size == 1 ? first : first + second;
    }
    sync_warp();
    for (int i = 0; i < a.groupsUsed; i++)
    {
        int best = largest(worth, a.groups);
        sync_warp();
        if (lane == 0) worth[best] = taken;
        sync_warp();
    }
    for (int i = lane; i < a.count; i += 32)
        if (worth[i / size] == worth[i / size]) v[i] = lowest;
    sync_warp();
}

KERNEL MAX_THREADS(32) route(RouteArgs a)
{
    DYNAMIC_SHARED(memory);
    float* p = (float*)memory, *v = p + a.count, *worth = v + a.count, *weights = worth + a.groups;
    int* chosen = (int*)(weights + a.used);
    int lane = thread_index() & 31, row = block_index();
    const float* logits = a.logits + (u64)row * a.count;
    for (int i = lane; i < a.count; i += 32) p[i] = a.gating == GateSigmoid ? sigmoid(logits[i]) : logits[i];
    sync_warp();
    if (a.gating == GateSoftmax) softmax(p, a.count);
    for (int i = lane; i < a.count; i += 32) v[i] = a.bias ? p[i] + a.bias[i] : p[i];
    sync_warp();
    if (a.groupsUsed < a.groups) hide_groups(a, v, worth);
    for (int n = 0; n < a.used; n++)
    {
        int best = largest(v, a.count);
        sync_warp();
        if (lane == 0)
        {
            v[best] = from_bits(0xff800000);
            int at = n; // among those before it, ascending
            for (; at > 0 && chosen[at - 1] > best; at--) chosen[at] = chosen[at - 1];
            chosen[at] = best;
        }
        sync_warp();
    }
    for (int i = lane; i < a.used; i += 32) weights[i] = p[chosen[i]];
    sync_warp();
    if (a.gating == GateSoftmaxOfChosen) softmax(weights, a.used);
    float sum = 0;
    for (int i = 0; i < a.used; i++) sum += weights[i];
    if (sum < 0x1p-14f) sum = 0x1p-14f;
    for (int i = lane; i < a.used; i += 32)
    {
        float w = a.normalize ? divide(weights[i], sum) : weights[i];
        a.weights[(u64)row * a.used + i] = w * a.scale;
        a.experts[(u64)row * a.used + i] = chosen[i];
        if (a.tiles) a.tiles[i] = {i, i + 1, chosen[i]};
    }
}

// Each entry of an expert, ascending. All threads of the block come, each with an expert of its own, or with a number that none has.
template <typename F> DEVICE void each_entry(const GroupArgs& a, int expert, F found)
{
    const int Chunk = 1024;
    SHARED(int, ids, Chunk);
    for (int base = 0; base < a.entries; base += Chunk)
    {
        int length = a.entries - base < Chunk ? a.entries - base : Chunk;
        sync_block(); // the last chunk has been read
        for (int i = thread_index(); i < length; i += 256) ids[i] = a.experts[base + i];
        sync_block();
        for (int i = 0; i < length; i++)
            if (ids[i] == expert) found(base + i);
    }
}

KERNEL MAX_THREADS(256) group(GroupArgs a)
{
    DYNAMIC_SHARED(memory);
    int* starts = (int*)memory, *tiles = starts + a.count + 1; // of each expert: its entries, then its first place and its first tile
    int t = thread_index();
    for (int e0 = 0; e0 < a.count; e0 += 256)
    {
        int n = 0;
        each_entry(a, e0 + t, [&](int) INLINE { n++; });
        if (e0 + t < a.count) starts[e0 + t] = n;
    }
    sync_block();
    if (t == 0)
    {
        int at = 0, tile = 0;
        for (int e = 0; e < a.count; e++)
        {
            int n = starts[e];
            starts[e] = at;
            tiles[e] = tile;
            at += n;
            tile += (n + a.size - 1) / a.size;
        }
        starts[a.count] = at;
        tiles[a.count] = tile;
    }
    sync_block();
    for (int e0 = 0; e0 < a.count; e0 += 256)
    {
        int e = e0 + t, at = starts[e < a.count ? e : 0];
        each_entry(a, e, [&](int entry) INLINE
        {
            a.places[entry] = at;
            a.rows[at] = entry / a.used;
            a.sorted[at] = e;
            at++;
        });
    }
    for (int e = t; e < a.count; e += 256)
        for (int at = starts[e], end = starts[e + 1], tile = tiles[e]; at < end; at += a.size, tile++) a.tiles[tile] = {at, end, e};
    for (int i = tiles[a.count] + t; i < a.tileCount; i += 256) a.tiles[i] = {0, 0, 0};
}

KERNEL MAX_THREADS(256) expert_bias(ExpertBiasArgs a)
{
    float* y = a.y + (u64)block_index() * a.n;
    const float* bias = a.bias + (u64)a.sorted[block_index()] * a.step;
    for (int i = thread_index(); i < a.n; i += thread_count()) y[i] += bias[i];
}

KERNEL MAX_THREADS(256) mix(MixArgs a)
{
    int row = block_index();
    float gate = a.gate ? sigmoid(a.gate[row]) : 1.0f;
    for (int i = thread_index(); i < a.n; i += thread_count())
    {
        float y = 0;
        for (int k = 0; k < a.used; k++)
        {
            u64 entry = (u64)row * a.used + k;
            y = fma(a.x[(u64)(a.places ? a.places[entry] : (int)entry) * a.n + i], a.weights[entry], y);
        }
        if (a.shared) y += a.shared[(u64)row * a.n + i] * gate;
        a.y[(u64)row * a.n + i] = y * a.scale;
    }
}
