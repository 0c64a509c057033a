/* Attention. Each block of 64 absolute positions gives a maximum, a sum and an output; blocks combine ascending. So where a batch begins makes
 * no difference. */
#include "attention.h"

#include "canonical.h"

enum { BLOCK = EDGE_LLM_OFFLOAD_BLOCK };

int32_t first_seen(int32_t position, int32_t window)
{
    return window == 0 || position < window ? 0 : position - window + 1;
}

static uint8_t *key_row(const cache *c, int32_t block, int head, int place)
{
    return c->blocks + (uint64_t)block * c->block_bytes + (uint64_t)(head * BLOCK + place) * c->key_bytes;
}

static uint8_t *value_row(const edge_llm_offload_attention *a, const cache *c, int32_t block, int head, int place)
{
    uint64_t keys = (uint64_t)a->kv_heads * BLOCK * c->key_bytes;
    return c->blocks + (uint64_t)block * c->block_bytes + keys + (uint64_t)(head * BLOCK + place) * c->value_bytes;
}

/* A row of the cache, padded with zeros. */
static bool store(uint8_t *row, uint64_t bytes, uint32_t type, const float *x, int n)
{
    bool finite = true;
    memset(row, 0, bytes);
    for (int i = 0; i < n; i++)
    {
        finite &= is_finite(x[i]);
        if (type == TYPE_F16)
        {
            uint16_t half = float_to_half(x[i]);
            memcpy(row + 2 * i, &half, sizeof half);
        }
        else memcpy(row + 4 * i, &x[i], sizeof *x);
    }
    return finite;
}

bool store_row(const edge_llm_offload_attention *a, const cache *c, const int32_t *table, int32_t position, const float *keys, const float *values)
{
    bool finite = true;
    int32_t block = table[position / BLOCK];
    for (int h = 0; h < a->kv_heads; h++)
    {
        finite &= store(key_row(c, block, h, position % BLOCK), c->key_bytes, c->key_type, keys + h * a->key_dim, a->key_dim);
        finite &= store(value_row(a, c, block, h, position % BLOCK), c->value_bytes, c->value_type, values + h * a->value_dim, a->value_dim);
    }
    return finite;
}

INLINE float cached(const uint8_t *row, int i, uint32_t type)
{
    if (type == TYPE_F16) return half_to_float(((const uint16_t *)(const void *)row)[i]);
    return ((const float *)(const void *)row)[i];
}

INLINE float dot(const float *q, const uint8_t *key, int n, uint32_t type)
{
    float lanes[16] = {0};
    int i = 0;
    for (; i + 16 <= n; i += 16)
        for (int l = 0; l < 16; l++) lanes[l] = fmaf(q[i + l], cached(key, i + l, type), lanes[l]);
    for (int l = 0; l < n - i; l++) lanes[l] = fmaf(q[i + l], cached(key, i + l, type), lanes[l]);
    return tree16(lanes);
}

INLINE void add_value(float *out, float p, const uint8_t *value, int n, uint32_t type)
{
    for (int i = 0; i < n; i++) out[i] = fmaf(p, cached(value, i, type), out[i]);
}

INLINE float larger(float a, float b)
{
    return a > b ? a : b;
}

INLINE void head_body(const edge_llm_offload_attention *a, const cache *c, const int32_t *table, int32_t position, int kv, const float *q, const float *sink, float *out,
    float *block_out)
{
    int32_t first = first_seen(position, a->window);
    float max = -INFINITY, sum = 0, scores[BLOCK];
    memset(out, 0, (size_t)a->value_dim * sizeof *out);
    for (int32_t b = first / BLOCK; b <= position / BLOCK; b++)
    {
        int start = b == first / BLOCK ? first % BLOCK : 0, end = b == position / BLOCK ? position % BLOCK + 1 : BLOCK;
        float block_max = -INFINITY, lanes[16] = {0};
        for (int j = start; j < end; j++)
        {
            const uint8_t *key = key_row(c, table[b], kv, j);
            scores[j] = (c->key_type == TYPE_F16 ? dot(q, key, a->key_dim, TYPE_F16) : dot(q, key, a->key_dim, TYPE_F32)) * a->scale;
            if (a->softcap != 0) scores[j] = soft_cap(scores[j], a->softcap);
            block_max = larger(scores[j], block_max);
        }
        memset(block_out, 0, (size_t)a->value_dim * sizeof *block_out);
        for (int j = start; j < end; j++)
        {
            float p = exp_of(scores[j] - block_max);
            const uint8_t *value = value_row(a, c, table[b], kv, j);
            lanes[j % 16] += p;
            if (c->value_type == TYPE_F16) add_value(block_out, p, value, a->value_dim, TYPE_F16);
            else add_value(block_out, p, value, a->value_dim, TYPE_F32);
        }
        float new_max = larger(max, block_max), keep = exp_of(max - new_max), take = exp_of(block_max - new_max);
        sum = fmaf(sum, keep, tree16(lanes) * take);
        for (int i = 0; i < a->value_dim; i++) out[i] = fmaf(out[i], keep, block_out[i] * take);
        max = new_max;
    }
    float keep = 1;
    if (sink) /* joins the maximum and the sum last, and not the output */
    {
        float new_max = larger(max, *sink);
        keep = exp_of(max - new_max);
        sum = fmaf(sum, keep, exp_of(*sink - new_max));
    }
    for (int i = 0; i < a->value_dim; i++) out[i] = out[i] * keep / sum;
}

WITH_FMA static void head_fma(const edge_llm_offload_attention *a, const cache *c, const int32_t *table, int32_t position, int kv, const float *q, const float *sink,
    float *out, float *work)
{
    head_body(a, c, table, position, kv, q, sink, out, work);
}

static void head_any(const edge_llm_offload_attention *a, const cache *c, const int32_t *table, int32_t position, int kv, const float *q, const float *sink, float *out,
    float *work)
{
    head_body(a, c, table, position, kv, q, sink, out, work);
}

void attend_row(const edge_llm_offload_attention *a, const cache *c, const int32_t *table, int32_t position, const float *q, const float *sinks, float *out,
    float *work)
{
    bool fma = HAS_FMA();
    for (int h = 0; h < a->heads; h++)
    {
        const float *sink = sinks ? sinks + h : NULL;
        (fma ? head_fma : head_any)(a, c, table, position, h / (a->heads / a->kv_heads), q + h * a->key_dim, sink, out + h * a->value_dim, work);
    }
}
