/* Cache blocks: shared, copied, saved and loaded, and what they hold. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "formats.h"
#include "values.h"

static const int32_t original[] = {5, 2}, forked[] = {4, 2}, elsewhere[] = {0, 7};

static uint8_t *read_block(edge_llm_offload_stage *stage, const description *d, uint32_t group, int32_t block)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    uint8_t *bytes = malloc(d->groups[group].block_bytes);
    CHECK(plugin.block_read(stage, group, block, bytes, d->groups[group].block_bytes, &e) == EDGE_LLM_OFFLOAD_OK);
    return bytes;
}

static void put(uint8_t *row, uint32_t type, const float *x, int n)
{
    for (int i = 0; i < n; i++)
    {
        uint16_t half = defined_to_half(x[i]);
        if (type == F16) memcpy(row + 2 * i, &half, 2);
        else memcpy(row + 4 * i, &x[i], 4);
    }
}

/* What a block of a group must hold: [layer][keys, values][head][64][row], zeros where nothing was written. */
static uint8_t *expected_block(const texts *t, const description *d, int group, int block)
{
    const shape *s = &t->m->s;
    uint64_t key_row = padded_bytes(s->key_type, s->key_dim), value_row = padded_bytes(s->value_type, s->value_dim);
    uint8_t *bytes = calloc(1, d->groups[group].block_bytes), *at = bytes;
    for (int i = 0; i < d->d.layer_count; i++)
    {
        if (d->attention[i].group != (uint32_t)group) continue;
        for (int values = 0; values < 2; values++)
            for (int head = 0; head < s->kv_heads; head++)
                for (int p = 64 * block; p < 64 * block + 64; p++)
                {
                    int n = values ? s->value_dim : s->key_dim;
                    const float *all = values ? t->first->values[i] : t->first->keys[i];
                    if (p < TOKENS) put(at, values ? s->value_type : s->key_type, all + ((int64_t)p * s->kv_heads + head) * n, n);
                    at += values ? value_row : key_row;
                }
    }
    return bytes;
}

static void check_layout(const texts *t, edge_llm_offload_stage *stage, const description *d)
{
    for (int g = 0; g < d->d.group_count; g++)
        for (int i = 0; i < 3; i++)
        {
            uint64_t bytes = d->groups[g].block_bytes;
            uint8_t *found = read_block(stage, d, (uint32_t)g, i == 2 ? 6 : original[i]), *expected = i == 2 ? calloc(1, bytes) : expected_block(t, d, g, i);
            if (exact || i == 2) CHECK(memcmp(found, expected, bytes) == 0);
            free(found);
            free(expected);
        }
}

/* The second text goes on behind FORK positions of the first; its block is copied, and the first text's stays as it was. */
static void check_fork(const texts *t, edge_llm_offload_stage *stage, const description *d)
{
    const test_model *m = t->m;
    edge_llm_offload_error e = {.struct_size = sizeof e};
    float *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    const int32_t table[] = {forked[0], 6};
    for (int g = 0; g < d->d.group_count; g++)
    {
        CHECK(plugin.block_copy(stage, (uint32_t)g, original[0], forked[0], &e) == EDGE_LLM_OFFLOAD_OK);
        CHECK(plugin.block_copy(stage, (uint32_t)g, original[0], original[0], &e) == EDGE_LLM_OFFLOAD_OK);
    }
    run_piece(m, stage, (piece){m->hidden[1] + FORK * m->s.hidden, FORK, TOKENS - FORK, table}, true, logits);
    CHECK(same(logits, t->forked->logits + FORK * m->s.vocabulary, (int64_t)(TOKENS - FORK) * m->s.vocabulary));
    run_piece(m, stage, (piece){m->hidden[0] + (TOKENS - 1) * m->s.hidden, TOKENS - 1, 1, original}, true, logits);
    CHECK(same(logits, t->first->logits + (TOKENS - 1) * m->s.vocabulary, m->s.vocabulary));
    free(logits);
}

/* Into another stage, where the blocks have other numbers. */
static void check_saved(const texts *t, edge_llm_offload_stage *stage, const description *d)
{
    const test_model *m = t->m;
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_stage *other = make_stage(d);
    if (!other) return;
    float *logits = malloc((size_t)m->s.vocabulary * sizeof(float));
    for (int g = 0; g < d->d.group_count; g++)
        for (int i = 0; i < 2; i++)
        {
            uint64_t bytes = d->groups[g].block_bytes;
            uint8_t *saved = read_block(stage, d, (uint32_t)g, original[i]);
            CHECK(plugin.block_write(other, (uint32_t)g, elsewhere[i], saved, bytes, &e) == EDGE_LLM_OFFLOAD_OK);
            uint8_t *again = read_block(other, d, (uint32_t)g, elsewhere[i]);
            CHECK(memcmp(saved, again, bytes) == 0);
            free(saved);
            free(again);
        }
    run_piece(m, other, (piece){m->hidden[0] + (TOKENS - 1) * m->s.hidden, TOKENS - 1, 1, elsewhere}, true, logits);
    CHECK(same(logits, t->first->logits + (TOKENS - 1) * m->s.vocabulary, m->s.vocabulary));
    plugin.destroy(other);
    free(logits);
}

void check_cache(const texts *t)
{
    const test_model *m = t->m;
    description d;
    describe(m, 0, m->layer_count, true, &d);
    edge_llm_offload_stage *stage = make_stage(&d);
    if (!stage) return;
    float *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    run_piece(m, stage, (piece){m->hidden[0], 0, TOKENS, original}, true, logits);
    check_layout(t, stage, &d);
    check_fork(t, stage, &d);
    check_saved(t, stage, &d);
    plugin.destroy(stage);
    free(logits);
}
