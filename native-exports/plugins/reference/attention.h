/* Attention over cache blocks of 64 positions. */
#ifndef ATTENTION_H
#define ATTENTION_H

#include "model.h"

/* Where the keys and values of a layer lie. */
typedef struct {
    uint8_t *blocks;                        /* the layer's place in block 0 */
    uint64_t block_bytes, key_bytes, value_bytes;
    uint32_t key_type, value_type;
} cache;

/* Stores the keys and values of all heads at a position. False: one is not finite. */
bool store_row(const edge_llm_offload_attention *a, const cache *c, const int32_t *table, int32_t position, const float *keys, const float *values);

/* What a token at a position sees, all heads: out [heads * value_dim]. work has room for value_dim floats. */
void attend_row(const edge_llm_offload_attention *a, const cache *c, const int32_t *table, int32_t position, const float *q, const float *sinks, float *out,
    float *work);

/* The first position that a token sees; window 0: all before it. */
int32_t first_seen(int32_t position, int32_t window);

#endif
