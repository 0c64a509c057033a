// The self-test: the operations that exactness rests on, on operands that the plug-in chooses and computes itself.
#pragma once
#include "math.h"

KERNEL MAX_THREADS(256) probe(ProbeArgs a)
{
    for (int i = block_index() * thread_count() + thread_index(); i < a.n; i += block_count() * thread_count())
    {
        float x = a.a[i], y = a.b[i], z = a.c[i];
        u32 u = bits(x), v = bits(y);
        u32 results[ProbeOperations] = {
            bits(x + y), bits(x * y), bits(fma(x, y, z)), bits(divide(x, y)), bits(square_root(from_bits(u & 0x7fffffff))), bits(round_even(x)),
            bits(exp_canonical(x)), bits(half_to_float(u & 0xffff)), float_to_half(x), bits((float)(int)u),
            (u32)dot4(u, v, 7), (u32)dot2_low(u, v, 7), funnel(u, v, (int)(u & 31)), pick_bytes(u, v, bits(z) & 0x7777),
        };
        UNROLL for (int k = 0; k < ProbeOperations; k++) a.out[k * a.n + i] = results[k];
    }
}
