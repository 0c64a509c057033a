// The product of a matrix of quantized weights with rows of quantized activations, for any format.
//
// One lane owns one unit of 256 weights. What is inside is an integer sum (or, for blocks of 32, a tree of eight numbers), so a lane needs no
// other lane. The float steps between units, which have an order, are one operation each, done by one thread a row at the end. Weights come
// as they lie in the file, by asynchronous copies to shared memory, 32 units at a time.
#pragma once
#include "tiles.h"

// Four bytes from a place that is known when the program is compiled; words stand at a multiple of 4.
template <int AT> DEVICE u32 word_at(const u32* words)
{
    return AT % 4 == 0 ? words[AT / 4] : funnel(words[AT / 4], words[AT / 4 + 1], AT % 4 * 8);
}
// Word i of a unit that stands shift (0 or 2) bytes behind a word.
DEVICE u32 shifted_word(const u32* words, int shift, int i) { return funnel(words[i], words[i + 1], shift * 8); }

DEVICE int byte_of(u32 v, int i) { return (int)(v >> (8 * i) & 255); }
DEVICE int half_word(u128 const* x, int at) { return (s16)(((const u32*)x)[at / 2] >> (at % 2 * 16)); } // x as int16

// A format F says Bytes (of a unit), Grouped (blocks of 32) and unit(w, x): what one unit gives, before the activations' scale where they have
// one for the unit. Dynamic shared memory: for each warp 2 * 32 * Bytes, then TOKENS * units * (304 + 4 * rowsPerBlock) bytes.
// rowsPerBlock * units * Bytes is a multiple of 16; the matrix is padded to one. rowsPerBlock * units < 65536, units < 32768.
template <typename F, int TOKENS> DEVICE void gemv(const GemvArgs& a)
{
    const int Stage = 32 * F::Bytes, Vectors = Stage / 16;
    DYNAMIC_SHARED(memory);
    int t = thread_index(), threads = thread_count(), warp = t / 32, warps = threads / 32, lane = t & 31, units = a.units;
    u8* stage = memory + warp * 2 * Stage;
    u128* xs = (u128*)(memory + warps * 2 * Stage);                   // [TOKENS][units][19]
    float* partial = (float*)(xs + TOKENS * units * UnitVectors);     // [TOKENS][rowsPerBlock * units]
    Part part = part_of(a, TOKENS);
    if (part.first >= part.end) return;
    int row0 = block_index() * a.rowsPerBlock, token0 = part.first;
    int rows = a.rows - row0 < a.rowsPerBlock ? a.rows - row0 : a.rowsPerBlock, tokens = part.end - token0 < TOKENS ? part.end - token0 : TOKENS;
    int count = rows * units, chunks = (count + 31) / 32, end = (count * F::Bytes + 15) / 16;
    const u128* tile = (const u128*)(part.w + (u64)row0 * units * F::Bytes);
    const u128* x = (const u128*)a.x + (u64)part.x * units * UnitVectors;

    auto fetch = [&](int chunk, int slot) INLINE
    {
        for (int i = lane; i < Vectors; i += 32)
            if (chunk * Vectors + i < end) copy_async16(stage + slot * Stage + 16 * i, tile + chunk * Vectors + i);
        copy_commit();
    };

    fetch(warp, 0); // weights first: their way is the longest
    for (int i = t; i < tokens * units * UnitVectors; i += threads) copy_async16(xs + i, x + i);
    copy_commit();
    copy_wait<0>();
    sync_block();
    for (int chunk = warp, slot = 0; chunk < chunks; chunk += warps, slot ^= 1)
    {
        fetch(chunk + warps, slot ^ 1);
        copy_wait<1>();
        sync_warp();
        int i = chunk * 32 + lane;
        if (i < count)
        {
            int unit = i - (int)((u64)(u32)i * a.reciprocal >> 31) * units;
            float p[TOKENS]; // those behind the last row of activations are of what stands there, and not used
            UNROLL for (int k = 0; k < TOKENS; k++) p[k] = F::unit(stage + slot * Stage + lane * F::Bytes, xs + (k * units + unit) * UnitVectors);
            UNROLL for (int k = 0; k < TOKENS; k++)
                if (k < tokens) partial[k * a.rowsPerBlock * units + i] = p[k];
        }
        sync_warp(); // before the slot is filled again
    }
    copy_wait<0>();
    sync_block();
    for (int i = t; i < tokens * rows; i += threads)
    {
        int k = i / rows, row = i % rows;
        const float* p = partial + (k * a.rowsPerBlock + row) * units;
        const float* scales = a.scales + (u64)(part.x + k) * units;
        float acc = 0;
        for (int u = 0; u < units; u++) acc = F::Grouped ? acc + p[u] : fma(p[u], scales[u], acc);
        a.y[(u64)(token0 + k) * a.stride + row0 + row] = acc;
    }
}

#define GEMV(name, format) \
    KERNEL MAX_THREADS(128) gemv_##name##_1(GemvArgs a) { gemv<format, 1>(a); } \
    KERNEL MAX_THREADS(128) gemv_##name##_4(GemvArgs a) { gemv<format, 4>(a); }
