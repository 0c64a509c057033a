/* Parts of layers that are the host's, and batches that nobody needs any more. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"

static const int32_t table[] = {1, 6};

/* The whole text in two chunks, the second with few rows wanted. */
static void run_with_parts(const texts *t, edge_llm_offload_stage *stage, int parts)
{
    const test_model *m = t->m;
    int hidden = m->s.hidden, vocabulary = m->s.vocabulary;
    float *logits = malloc((size_t)(TOKENS * vocabulary) * sizeof(float));
    host_state state = {.text = define_text(m, 0, 0, 0)};
    static const int32_t wanted[] = {3, TOKENS - 31};
    for (int chunk = 0; chunk < 2; chunk++)
    {
        int at = chunk * 30, rows = chunk ? TOKENS - 30 : 30;
        piece p = {m->hidden[0] + at * hidden, at, rows, table};
        test_batch b;
        batch_make(m, &p, 1, true, logits, &b);
        b.b.context = &state;
        state.batch = &b.b;
        if (chunk) b.b.output_count = 2;
        if (chunk) b.b.output_rows = wanted;
        CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_OK);
        for (int row = 0; row < b.b.output_count; row++)
            CHECK(same(logits + row * vocabulary, t->first->logits + (at + b.b.output_rows[row]) * vocabulary, vocabulary));
        batch_free(&b);
    }
    CHECK(state.parts == 2 * parts);
    CHECK(state.asked >= 2);
    piece p = {m->hidden[0], 0, 2, table};
    test_batch b;
    batch_make(m, &p, 1, true, logits, &b);
    b.b.context = &state;
    state.batch = &b.b;
    state.fails = EDGE_LLM_OFFLOAD_NON_FINITE;
    CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_NON_FINITE); /* the host's own status comes back */
    batch_free(&b);
    defined_free(state.text);
    free(logits);
}

static bool takes_all(const description *d)
{
    uint8_t verdicts[MOST_TENSORS];
    uint64_t bytes[MOST_LAYERS];
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_plan p = {.struct_size = sizeof p, .verdicts = verdicts, .layer_bytes = bytes};
    CHECK(plugin.plan(0, &d->d, &p, &e) == EDGE_LLM_OFFLOAD_OK);
    CHECK(p.first_layer == 0 || p.reason[0]);
    return p.first_layer == 0;
}

static void check_cancelling(const texts *t)
{
    const test_model *m = t->m;
    description d;
    describe(m, 0, m->layer_count, true, &d);
    edge_llm_offload_stage *stage = make_stage(&d);
    if (!stage) return;
    float *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    for (int cancel = 1; cancel >= 0; cancel--) /* and then the stage is of use again */
    {
        host_state state = {.cancel = cancel};
        piece p = {m->hidden[0], 0, 9, table};
        test_batch b;
        batch_make(m, &p, 1, true, logits, &b);
        b.b.context = &state;
        CHECK(batch_run(stage, &b) == (cancel ? EDGE_LLM_OFFLOAD_CANCELLED : EDGE_LLM_OFFLOAD_OK));
        CHECK(state.asked > 0);
        if (!cancel) CHECK(same(logits, t->first->logits, 9 * m->s.vocabulary));
        batch_free(&b);
    }
    plugin.destroy(stage);
    free(logits);
}

void check_parts(const texts *t)
{
    const test_model *m = t->m;
    for (int bits = 1; bits < 16; bits += bits == 3 ? 3 : bits == 6 ? 9 : 1) /* mixers of two layers, networks of two layers */
    {
        description d;
        int parts = 0;
        describe(m, 0, m->layer_count, true, &d);
        for (int i = 0; i < 2; i++)
        {
            int layer = i == 0 ? 0 : m->layer_count - 1;
            if (bits >> i & 1) d.layers[layer].flags |= EDGE_LLM_OFFLOAD_HOST_MIXER;
            if (bits >> (i + 2) & 1)
            {
                d.layers[layer].flags |= EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD;
                d.layers[layer].feed_forward_kind = 0;
                d.layers[layer].feed_forward = NULL;
            }
            parts += (bits >> i & 1) + (bits >> (i + 2) & 1);
        }
        describe_groups(m, &d);
        if (!takes_all(&d)) continue;
        edge_llm_offload_stage *stage = make_stage(&d);
        if (stage) run_with_parts(t, stage, parts);
        plugin.destroy(stage);
    }
    check_cancelling(t);
}
