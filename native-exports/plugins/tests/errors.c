/* What breaks the rules of the header is INVALID_ARGUMENT, and the stage stays of use. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

static const int32_t table[] = {2, 0}, negative[] = {-1, 0}, beyond[] = {BLOCKS, 0}, second_beyond[] = {2, INT32_MAX};

static void check_blocks(edge_llm_offload_stage *stage, const description *d)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    uint64_t bytes = d->groups[0].block_bytes;
    void *memory = calloc(1, bytes);
    static const int32_t wrong[] = {-1, BLOCKS, INT32_MAX, INT32_MIN};
    for (int i = 0; i < 4; i++)
    {
        CHECK(plugin.block_copy(stage, 0, wrong[i], 0, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
        CHECK(plugin.block_copy(stage, 0, 0, wrong[i], &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
        CHECK(plugin.block_read(stage, 0, wrong[i], memory, bytes, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
        CHECK(plugin.block_write(stage, 0, wrong[i], memory, bytes, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    }
    CHECK(plugin.block_copy(stage, GROUPS + 5, 0, 1, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    CHECK(plugin.block_read(stage, GROUPS + 5, 0, memory, bytes, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    CHECK(plugin.block_write(stage, UINT32_MAX, 0, memory, bytes, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    CHECK(plugin.block_read(stage, 0, 0, memory, bytes - 1, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    CHECK(plugin.block_write(stage, 0, 0, memory, bytes + 1, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    free(memory);
}

/* One thing of a batch of 9 rows is wrong. False: there are no more. */
static bool spoil(test_batch *b, const test_model *m, int which)
{
    switch (which)
    {
        case 0: b->b.rows = 0; return true;
        case 1: b->b.rows = -1; return true;
        case 2: b->b.rows = TOKENS + 1; return true;
        case 3: b->b.output_count = -1; return true;
        case 4: b->b.output_count = TOKENS + 1; return true;
        case 5: b->output_rows[8] = 9; return true;
        case 6: b->output_rows[0] = -1; return true;
        case 7: b->output_rows[3] = 2; return true;
        case 8: b->b.hidden_stride = m->s.hidden - 1; return true;
        case 9: b->b.out_stride = m->s.vocabulary - 1; return true;
        case 10: b->runs[0].position = -1; return true;
        case 11: b->runs[0].position = INT32_MAX; return true;
        case 12: b->runs[0].rows = 10; return true;
        case 13: b->runs[0].row = -1; return true;
        case 14: b->runs[0].rows = 0; return true;
        case 15: b->b.run_count = -1; return true;
        case 16: for (int g = 0; g < GROUPS; g++) b->tables[0][g] = negative; return true;
        case 17: for (int g = 0; g < GROUPS; g++) b->tables[0][g] = beyond; return true;
        case 18: b->rope.width = 1; return true;
        case 19: b->rope.stride = 0; return true;
        case 20: b->b.rope_count = 0; return true;
        case 21: b->runs[1] = (edge_llm_offload_run){8, 1, 40, 0, b->tables[0]}; b->b.run_count = 2; return true; /* a row in two runs */
        case 22: b->runs[0].rows = 8; return true;                                                                 /* and one in none */
        default: return false;
    }
}

static void check_batches(const texts *t, edge_llm_offload_stage *stage)
{
    const test_model *m = t->m;
    float *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    bool more = true;
    for (int which = 0; more; which++)
    {
        piece p = {m->hidden[0], 0, 9, table};
        test_batch b;
        batch_make(m, &p, 1, true, logits, &b);
        more = spoil(&b, m, which);
        bool about_rope = which >= 18 && which <= 20;
        if (more && !(about_rope && m->rope_width == 0)) CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
        if (!more) CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_OK);
        batch_free(&b);
    }
    CHECK(same(logits, t->first->logits, 9 * m->s.vocabulary));
    piece p = {m->hidden[0] + 9 * m->s.hidden, 9, TOKENS - 9, second_beyond};
    test_batch b;
    batch_make(m, &p, 1, true, logits, &b);
    CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    batch_free(&b);
    free(logits);
}

/* A row that is not finite costs its own batch, and no other row of the cache. */
static void check_not_finite(const texts *t, edge_llm_offload_stage *stage)
{
    const test_model *m = t->m;
    float *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    run_piece(m, stage, (piece){m->hidden[0], 0, 20, table}, true, logits);
    for (int i = 0; i < 3; i++)
    {
        piece p = {m->hidden[0] + 20 * m->s.hidden, 20, 5, table};
        test_batch b;
        batch_make(m, &p, 1, true, logits, &b);
        b.hidden[2 * b.b.hidden_stride + 1] = i == 0 ? NAN : i == 1 ? INFINITY : -INFINITY;
        CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_NON_FINITE);
        batch_free(&b);
    }
    run_piece(m, stage, (piece){m->hidden[0] + 20 * m->s.hidden, 20, TOKENS - 20, table}, true, logits);
    CHECK(same(logits, t->first->logits + 20 * m->s.vocabulary, (int64_t)(TOKENS - 20) * m->s.vocabulary));
    free(logits);
}

static void check_descriptions(const test_model *m)
{
    for (int i = 0; i < 29; i++)
    {
        description d;
        if (i >= 16 && !m->s.experts) continue;
        describe(m, 0, m->layer_count, true, &d);
        edge_llm_offload_attention *a = &d.attention[1];
        edge_llm_offload_experts *x = &d.experts[1];
        edge_llm_offload_tensor *k = &d.tensors[a->k.weight - 1];
        switch (i)
        {
            case 0: d.d.hidden = 0; break;
            case 1: d.d.max_rows = 0; break;
            case 2: d.d.layer_count = -1; break;
            case 3: a->q.weight = (uint32_t)m->tensor_count + 1; break;
            case 4: a->output.weight = 0; break;
            case 5: k->ne[1]++; break;
            case 6: k->ne[0] *= 2; break;
            case 7: k->row_bytes--; break;
            case 8: k->data = NULL; break;
            case 9: a->kv_heads = 0; break;
            case 10: a->group = GROUPS + 3; break;
            case 11: a->slot = 7; break;
            case 12: d.groups[0].block_bytes++; break;
            case 13: d.networks[0].down.weight = m->networks[0].up.weight; d.networks[0].up.weight = m->attention[1].k.weight; break;
            case 14: a->key_dim = -a->key_dim; break;
            case 15: d.layers[1].mixer = NULL; break;
            case 16: x->count++; break;
            case 17: x->used = x->count + 1; break;
            case 18: x->used = 0; break;
            case 19: x->width *= 2; break;
            case 20: x->width = -1; break;
            case 21: x->up.first_row = -1; break;
            case 22: x->down.first_row = 1; break;
            case 23: x->groups = x->count + 1; x->groups_used = 1; break;
            case 24: x->up.weight = (uint32_t)m->tensor_count + 1; break;
            case 25: x->down.weight = 0; break;
            case 26: x->router.weight = x->down.weight; break;
            case 27: d.layers[1].feed_forward = NULL; break;
            case 28: x->groups = 0; x->groups_used = -1; break;
        }
        CHECK(try_stage(&d) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    }
}

static void check_devices(const test_model *m)
{
    description d;
    edge_llm_offload_stage *stage = NULL;
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_device_info info = {.struct_size = sizeof info};
    int32_t count = 0;
    describe(m, 0, m->layer_count, true, &d);
    CHECK(plugin.device_count(&count, &e) == EDGE_LLM_OFFLOAD_OK && count > 0);
    for (int i = 0; i < 2; i++)
    {
        int32_t wrong = i == 0 ? -1 : count;
        CHECK(plugin.device_info(wrong, &info, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
        CHECK(plugin.create(wrong, &d.d, &stage, &e) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT && !stage);
    }
    plugin.destroy(NULL);
}

void check_errors(const texts *t)
{
    description d;
    describe(t->m, 0, t->m->layer_count, true, &d);
    edge_llm_offload_stage *stage = make_stage(&d);
    if (!stage) return;
    check_blocks(stage, &d);
    check_batches(t, stage);
    check_not_finite(t, stage);
    plugin.destroy(stage);
    check_descriptions(t->m);
    check_devices(t->m);
}
