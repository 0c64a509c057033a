// Joins what attention gave for the blocks of a row and query head, ascending.
#pragma once
#include "math.h"

// The running maximum is a maximum of a prefix, exact in any order: so all factors are found in parallel, 128 blocks at a time, and what is left
// of the chain is one FMA a block. A thread has values t, t + 128 ... of at most 512.
KERNEL MAX_THREADS(128) attention_combine(CombineArgs a)
{
    SHARED(float, maxima, 128);
    SHARED(float, keeps, 128);
    SHARED(float, takes, 128);
    const float lowest = from_bits(0xff800000);
    int t = thread_index(), head = block_index(), row = block_index_y(), position = a.positions[row], size = ((a.valueDim + 31) & ~31) + 2;
    int first = (position + 1 > a.window ? position + 1 - a.window : 0) / 64, last = position / 64;
    const float* partial = a.partial + ((u64)row * block_count() + head) * a.blocks * size - (u64)a.firstBlock * size;
    float max = lowest, sum = 0, o[4] = {0, 0, 0, 0};
    for (int base = first; base <= last; base += 128)
    {
        int b = base + t, count = last + 1 - base < 128 ? last + 1 - base : 128;
        float mine = b <= last ? partial[(u64)b * size] : lowest;
        maxima[t] = mine;
        sync_block();
        for (int step = 1; step < count; step *= 2) // maxima[t] = the largest of 0..t
        {
            float other = t >= step ? maxima[t - step] : lowest;
            sync_block();
            maxima[t] = larger(maxima[t], other);
            sync_block();
        }
        float before = t == 0 ? max : larger(max, maxima[t - 1]), now = larger(max, maxima[t]);
        keeps[t] = exp_canonical(before - now);
        takes[t] = exp_canonical(mine - now);
        sync_block();
        const float* from = partial + (u64)base * size;
        for (int j = 0; j < count; j++, from += size)
        {
            sum = fma(sum, keeps[j], from[1] * takes[j]);
            UNROLL for (int i = 0; i < 4; i++)
                if (t + 128 * i < a.valueDim) o[i] = fma(o[i], keeps[j], from[2 + t + 128 * i] * takes[j]);
        }
        max = larger(max, maxima[count - 1]);
        sync_block();
    }
    float keep = 1;
    if (a.sinks) // joins the maximum and the sum last, and not the output
    {
        float sink = a.sinks[head], now = larger(max, sink);
        keep = exp_canonical(max - now);
        sum = fma(sum, keep, exp_canonical(sink - now));
    }
    UNROLL for (int i = 0; i < 4; i++)
        if (t + 128 * i < a.valueDim) a.out[(u64)row * a.stride + (u64)head * a.valueDim + t + 128 * i] = divide(o[i] * keep, sum);
}
