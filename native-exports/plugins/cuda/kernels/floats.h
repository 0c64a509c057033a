// The product of a matrix of floats or halves: 16 virtual lanes, each a lane of half a warp. A half warp a row, 8 rows a block.
#pragma once
#include "tiles.h"

DEVICE float value_of(u16 v) { return half_to_float(v); }
DEVICE float value_of(float v) { return v; }

template <typename F, int TOKENS> DEVICE void gemv_floats(const FloatGemvArgs& a)
{
    int t = thread_index(), lane = t & 15, mine = block_index() * 8 + t / 16, row = mine < a.rows ? mine : a.rows - 1;
    Part part = part_of(a, TOKENS);
    if (part.first >= part.end) return;
    int token0 = part.first, last = part.end - 1;
    const F* w = (const F*)part.w + (u64)row * a.k;
    const float* x[TOKENS];
    float sums[TOKENS];
    UNROLL for (int k = 0; k < TOKENS; k++)
    {
        x[k] = a.x + (u64)(part.x + (token0 + k < last ? k : last - token0)) * a.k; // behind the last one: once more, for nothing
        sums[k] = 0;
    }
    UNROLL_8 for (int i = lane; i < a.k; i += 16)
    {
        float v = value_of(w[i]);
        UNROLL for (int k = 0; k < TOKENS; k++) sums[k] = fma(v, x[k][i], sums[k]);
    }
    UNROLL for (int k = 0; k < TOKENS; k++)
    {
        UNROLL for (int m = 8; m > 0; m /= 2) sums[k] += shuffle_xor(sums[k], m);
        if (lane == 0 && mine < a.rows && token0 + k <= last) a.y[(u64)(token0 + k) * a.stride + row] = sums[k];
    }
}

#define GEMV_FLOATS(name, type) \
    KERNEL MAX_THREADS(128) gemv_##name##_1(FloatGemvArgs a) { gemv_floats<type, 1>(a); } \
    KERNEL MAX_THREADS(128) gemv_##name##_4(FloatGemvArgs a) { gemv_floats<type, 4>(a); }
