// Keys and values: into the cache, and attention over its blocks of 64 absolute positions.
#pragma once
#include "math.h"

DEVICE int padded(int dim) { return (dim + 31) & ~31; }

// The block of a row's position, as a pointer to a head's first row of keys or values there.
DEVICE u8* cached(const CacheArgs& c, int row, int block, int head, u64 offset, int dim, int half)
{
    return c.base + (u64)c.tables[c.tableAt[row] + block] * c.blockBytes + offset + (u64)head * 64 * padded(dim) * (half ? 2 : 4);
}

KERNEL MAX_THREADS(128) store(StoreArgs a)
{
    const CacheArgs& c = a.cache;
    int row = block_index(), position = c.positions[row], values = block_index_y();
    int dim = values ? c.valueDim : c.keyDim, half = values ? c.valueHalf : c.keyHalf, width = padded(dim);
    const float* x = (values ? a.values : a.keys) + (u64)row * a.stride;
    for (int i = thread_index(); i < c.heads * width; i += thread_count())
    {
        int head = i / width, at = i % width;
        float v = at < dim ? x[head * dim + at] : 0.0f;
        if ((bits(v) & 0x7fffffff) >= 0x7f800000) *a.nonFinite = 1;
        u8* to = cached(c, row, position / 64, head, values ? c.valueOffset : c.keyOffset, dim, half);
        u64 where = (u64)(position % 64) * width + at;
        if (half) ((u16*)to)[where] = float_to_half(v);
        else ((float*)to)[where] = v;
    }
}

DEVICE void unpack8(const u16* p, float* v)
{
    u128 r = *(const u128*)p;
    u32 words[4] = {r.x, r.y, r.z, r.w};
    UNROLL for (int i = 0; i < 8; i++) v[i] = from_half_finite((u16)(words[i / 2] >> (i % 2 * 16)));
}
DEVICE void unpack8(const float* p, float* v)
{
    u128 r = *(const u128*)p, s = *(const u128*)(p + 4);
    u32 words[8] = {r.x, r.y, r.z, r.w, s.x, s.y, s.z, s.w};
    UNROLL for (int i = 0; i < 8; i++) v[i] = from_bits(words[i]);
}
DEVICE void unpack2(const u16* p, float* v)
{
    u32 pair = *(const u32*)p;
    v[0] = from_half_finite((u16)pair);
    v[1] = from_half_finite((u16)(pair >> 16));
}
DEVICE void unpack2(const float* p, float* v) { v[0] = p[0]; v[1] = p[1]; }

// A query with a key, both padded with zeros: the 16 virtual lanes are 16 registers, so a thread needs no other one.
template <typename T> DEVICE float score(const float* query, const T* key, int width)
{
    float lanes[16];
    UNROLL for (int i = 0; i < 16; i++) lanes[i] = 0;
    for (int at = 0; at < width; at += 16)
    {
        float k[16], q[16];
        unpack8(key + at, k);
        unpack8(key + at + 8, k + 8);
        unpack8(query + at, q);
        unpack8(query + at + 8, q + 8);
        UNROLL for (int i = 0; i < 16; i++) lanes[i] = fma(q[i], k[i], lanes[i]);
    }
    UNROLL for (int i = 0; i < 8; i++) lanes[i] += lanes[i + 8];
    UNROLL for (int i = 0; i < 4; i++) lanes[i] += lanes[i + 4];
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

// Two neighbouring values of HEADS query heads, positions ascending. Heads from count on do what the last one does, for nothing.
template <int HEADS, typename T> DEVICE void outputs(const float* scores, const T* values, int width, int start, int end, int count, float* out, u64 step)
{
    float o[HEADS][2];
    UNROLL for (int h = 0; h < HEADS; h++) o[h][0] = o[h][1] = 0;
    for (int j = start; j < end; j++)
    {
        float v[2];
        unpack2(values + (u64)j * width, v);
        UNROLL for (int h = 0; h < HEADS; h++)
        {
            float p = scores[(h < count ? h : count - 1) * 64 + j];
            o[h][0] = fma(p, v[0], o[h][0]);
            o[h][1] = fma(p, v[1], o[h][1]);
        }
    }
    UNROLL for (int h = 0; h < HEADS; h++)
        if (h < count)
        {
            out[h * step] = o[h][0];
            out[h * step + 1] = o[h][1];
        }
}

// One row and KV head over one block of 64 positions: maximum, sum of exponentials and unnormalised output of each query head of the group.
// Blocks are absolute, so how many there are in a launch changes nothing. 128 threads; dynamic shared memory: 64 keys, each with 16 bytes
// behind it (no bank is met twice then), group queries, group * 64 scores.
template <int HEADS> DEVICE void attention(const AttentionArgs& a)
{
    DYNAMIC_SHARED(memory);
    const CacheArgs& c = a.cache;
    int t = thread_index(), lane = t & 31, block = a.firstBlock + block_index(), head = block_index_y(), row = block_index_z();
    int width = padded(c.keyDim), valueWidth = padded(c.valueDim), rowBytes = width * (c.keyHalf ? 2 : 4), slot = rowBytes + 16;
    u8* keys = memory;
    float* queries = (float*)(keys + 64 * slot), *scores = queries + a.group * width;
    int position = c.positions[row], first = position + 1 > a.window ? position + 1 - a.window : 0;
    int start = first - 64 * block > 0 ? first - 64 * block : 0, end = position + 1 - 64 * block < 64 ? position + 1 - 64 * block : 64;
    if (start >= end) return; // all threads of the block alike
    const u8* from = cached(c, row, block, head, c.keyOffset, c.keyDim, c.keyHalf);
    int vectors = rowBytes / 16;
    for (int i = t; i < end * vectors; i += 128) copy_async16(keys + i / vectors * slot + i % vectors * 16, from + 16 * i);
    copy_commit();
    const float* q = a.q + (u64)row * a.stride + (u64)head * a.group * c.keyDim;
    for (int i = t; i < a.group * width; i += 128) queries[i] = i % width < c.keyDim ? q[i / width * c.keyDim + i % width] : 0.0f;
    copy_wait<0>();
    sync_block();

    int p = t & 63;
    for (int h = t / 64; h < a.group; h += 2) // a thread a position
    {
        float s = from_bits(0xff800000);
        if (p >= start && p < end)
        {
            const float* query = queries + h * width;
            s = (c.keyHalf ? score(query, (const u16*)(keys + p * slot), width) : score(query, (const float*)(keys + p * slot), width)) * a.scale;
            if (a.softcap != 0.0f) s = softcap_canonical(s, a.softcap);
        }
        scores[h * 64 + p] = s;
    }
    sync_block();

    int blocks = block_count();
    u64 step = (u64)blocks * (valueWidth + 2);
    float* out = a.partial + ((((u64)row * c.heads + head) * a.group) * blocks + block_index()) * (valueWidth + 2);
    for (int h = t / 32; h < a.group; h += 4)
    {
        float* s = scores + 64 * h;
        float m = larger(s[lane], s[lane + 32]);
        UNROLL for (int x = 16; x > 0; x /= 2) m = larger(m, shuffle_xor(m, x));
        float low = exp_canonical(s[lane] - m), high = exp_canonical(s[lane + 32] - m);
        s[lane] = low;
        s[lane + 32] = high;
        // Virtual lane i holds ((p[i] + p[i + 16]) + p[i + 32]) + p[i + 48]; the upper half warp repeats the lower.
        int i = lane & 15;
        float p0 = shuffle(low, i), p1 = shuffle(low, i + 16), p2 = shuffle(high, i), p3 = shuffle(high, i + 16);
        float sum = ((p0 + p1) + p2) + p3;
        UNROLL for (int x = 8; x > 0; x /= 2) sum += shuffle_xor(sum, x);
        if (lane == 0)
        {
            out[h * step] = m;
            out[h * step + 1] = sum;
        }
    }
    sync_block();

    int pairs = valueWidth / 2;
    const u8* values = cached(c, row, block, head, c.valueOffset, c.valueDim, c.valueHalf);
    for (int item = t; item < pairs * ((a.group + HEADS - 1) / HEADS); item += 128)
    {
        int i = item % pairs * 2, h = item / pairs * HEADS, count = a.group - h < HEADS ? a.group - h : HEADS;
        float* to = out + h * step + 2 + i;
        if (c.valueHalf) outputs<HEADS>(scores + 64 * h, (const u16*)values + i, valueWidth, start, end, count, to, step);
        else outputs<HEADS>(scores + 64 * h, (const float*)values + i, valueWidth, start, end, count, to, step);
    }
}
KERNEL MAX_THREADS(128) attention_1(AttentionArgs a) { attention<1>(a); }
KERNEL MAX_THREADS(128) attention_4(AttentionArgs a) { attention<4>(a); }
