// Norms, activations and what else treats rows one by one.
#pragma once
#include "math.h"

// norm(x), in each form in which it is read next. 16 virtual lanes add up: the upper half of the first warp does the same once more.
KERNEL MAX_THREADS(256) norm(NormArgs a)
{
    DYNAMIC_SHARED(memory);
    float* row = (float*)memory;
    SHARED(float, found, 2);
    int t = thread_index(), threads = thread_count(), lane = t & 31, head = block_index_y();
    const float* x = a.x + (u64)block_index() * a.stride + (u64)head * a.n;
    const float* weight = a.weight ? a.weight + (u64)head * a.weightStep : nullptr, *bias = a.bias ? a.bias + (u64)head * a.weightStep : nullptr;
    for (int i = t; i < a.n; i += threads) row[i] = x[i];
    sync_block();
    if (t < 32)
    {
        float mean = 0, sum = 0;
        if (a.centered)
        {
            for (int i = lane & 15; i < a.n; i += 16) sum += row[i];
            UNROLL for (int m = 8; m > 0; m /= 2) sum += shuffle_xor(sum, m);
            mean = divide(sum, (float)a.n);
            sum = 0;
        }
        for (int i = lane & 15; i < a.n; i += 16) sum = fma(row[i] - mean, row[i] - mean, sum);
        UNROLL for (int m = 8; m > 0; m /= 2) sum += shuffle_xor(sum, m);
        if (lane == 0)
        {
            found[0] = mean;
            found[1] = divide(1.0f, square_root(divide(sum, (float)a.n) + a.epsilon));
        }
    }
    sync_block();
    float mean = found[0], scale = found[1];
    int units = (a.n + 255) / 256;
    Forms to = a.to;
    if (to.floats) to.floats += (u64)head * a.n;
    for (int unit = t / 32; unit < units; unit += threads / 32)
    {
        float v[8];
        UNROLL for (int i = 0; i < 8; i++)
        {
            int at = 256 * unit + 8 * lane + i;
            v[i] = 0;
            if (at >= a.n) continue;
            v[i] = (row[at] - mean) * scale;
            if (weight) v[i] *= weight[at];
            if (bias) v[i] += bias[at];
        }
        put(to, v, block_index(), unit, units, a.n, a.nonFinite);
    }
}

// f(x), or f(x) * up.
KERNEL MAX_THREADS(128) activate(ActivateArgs a)
{
    int at = block_index() * 4 + thread_index() / 32, lane = thread_index() & 31;
    if (at >= a.rows * a.unitsInRow) return;
    int row = at / a.unitsInRow, unit = at % a.unitsInRow;
    float v[8];
    UNROLL for (int i = 0; i < 8; i++)
    {
        int j = 256 * unit + 8 * lane + i;
        u64 from = (u64)row * (a.stride ? a.stride : a.n) + j;
        v[i] = 0;
        if (j >= a.n) continue;
        v[i] = activation(a.x[from], a.function);
        if (a.up) v[i] *= partner(a.up[from], a.function);
    }
    put(a.to, v, row, unit, a.unitsInRow, a.n, a.nonFinite);
}

KERNEL MAX_THREADS(256) rope(RopeArgs a)
{
    float* row = a.x + (u64)block_index() * a.stride + a.offset;
    const float* cos = a.cos + (u64)block_index() * a.width, *sin = a.sin + (u64)block_index() * a.width;
    int half = a.dimensions / 2;
    for (int p = thread_index(); p < a.heads * half; p += thread_count())
    {
        int i = p % half, first = a.halves ? i : 2 * i, second = a.halves ? i + half : 2 * i + 1;
        float* h = row + (u64)(p / half) * a.dim;
        float x = h[first], y = h[second];
        h[first] = fma(x, cos[first], y * sin[first]);
        h[second] = fma(y, cos[second], x * sin[second]);
    }
}

KERNEL MAX_THREADS(256) add(AddArgs a)
{
    int i = block_index() * 256 + thread_index();
    if (i < a.n) a.x[i] += a.y[i] * a.scale;
}

KERNEL MAX_THREADS(256) scale_bias(ScaleArgs a)
{
    float* y = a.y + (u64)block_index() * a.stride;
    for (int i = thread_index(); i < a.n; i += thread_count())
    {
        float v = y[i] * a.scale;
        y[i] = a.bias ? v + a.bias[i] : v;
    }
}

KERNEL MAX_THREADS(256) softcap(SoftcapArgs a)
{
    int i = block_index() * 256 + thread_index();
    if (i < a.n) a.y[i] = softcap_canonical(a.y[i], a.cap);
}

KERNEL MAX_THREADS(256) gather(GatherArgs a)
{
    const float* x = a.x + (u64)a.rows[block_index()] * a.n;
    float* y = a.y + (u64)block_index() * a.n;
    for (int i = thread_index(); i < a.n; i += thread_count()) y[i] = x[i];
}
