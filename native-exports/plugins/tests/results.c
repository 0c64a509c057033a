/* The same results, however layers are split and texts are cut. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"

static const int32_t table_a[] = {5, 2}, table_b[] = {3, 7};

/* The whole text through a stage. One without layers is not told where rows stand. */
static void run_text(const test_model *m, edge_llm_offload_stage *stage, const description *d, piece p, bool logits, float *out)
{
    test_batch b;
    batch_make(m, &p, 1, logits, out, &b);
    if (d->d.layer_count == 0)
    {
        b.b.run_count = 0;
        b.b.runs = NULL;
    }
    CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_OK);
    batch_free(&b);
}

static void check_splits(const texts *t)
{
    const test_model *m = t->m;
    float *between = malloc((size_t)(TOKENS * m->s.hidden) * sizeof(float)), *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    for (int n = 0; n <= m->layer_count; n++)
    {
        description front, back;
        describe(m, 0, n, false, &front);
        describe(m, n, m->layer_count - n, true, &back);
        edge_llm_offload_stage *a = make_stage(&front), *b = make_stage(&back);
        if (!a || !b) break;
        run_text(m, a, &front, (piece){m->hidden[0], 0, TOKENS, table_a}, false, between);
        CHECK(same(between, t->first->streams[n], (int64_t)TOKENS * m->s.hidden));
        run_text(m, b, &back, (piece){between, 0, TOKENS, table_b}, true, logits);
        CHECK(same(logits, t->first->logits, (int64_t)TOKENS * m->s.vocabulary));
        plugin.destroy(a);
        plugin.destroy(b);
    }
    free(between);
    free(logits);
}

/* Chunks of a length, with what is behind every window given up. */
static void check_chunks(const texts *t, edge_llm_offload_stage *stage, const description *d, int length)
{
    const test_model *m = t->m;
    float *logits = malloc((size_t)(length * m->s.vocabulary) * sizeof(float));
    for (int at = 0; at < TOKENS; at += length)
    {
        int rows = at + length < TOKENS ? length : TOKENS - at, behind = at - m->s.window + 1;
        int32_t windowed[] = {table_b[0], table_b[1]};
        if (behind >= EDGE_LLM_OFFLOAD_BLOCK) windowed[0] = -1;
        piece p = {m->hidden[0] + at * m->s.hidden, at, rows, table_b};
        test_batch b;
        batch_make(m, &p, 1, true, logits, &b);
        for (int g = 0; g < d->d.group_count; g++)
            if (d->group_of[g] == 1) b.tables[0][g] = windowed;
        CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_OK);
        CHECK(same(logits, t->first->logits + at * m->s.vocabulary, (int64_t)rows * m->s.vocabulary));
        batch_free(&b);
    }
    free(logits);
}

/* Two texts in turns, three pieces a batch: a text's own pieces follow each other. */
static void check_several(const texts *t, edge_llm_offload_stage *stage)
{
    const test_model *m = t->m;
    int hidden = m->s.hidden, vocabulary = m->s.vocabulary, a = 0, b = 0;
    float *logits = malloc((size_t)(TOKENS * vocabulary) * sizeof(float));
    while (a + 8 <= TOKENS)
    {
        piece pieces[] = {{m->hidden[0] + a * hidden, a, 5, table_a}, {m->hidden[1] + b * hidden, b, 2, table_b}, {m->hidden[0] + (a + 5) * hidden, a + 5, 3, table_a}};
        test_batch batch;
        batch_make(m, pieces, 3, true, logits, &batch);
        CHECK(batch_run(stage, &batch) == EDGE_LLM_OFFLOAD_OK);
        CHECK(same(logits, t->first->logits + a * vocabulary, 5 * vocabulary));
        CHECK(same(logits + 5 * vocabulary, t->second->logits + b * vocabulary, 2 * vocabulary));
        CHECK(same(logits + 7 * vocabulary, t->first->logits + (a + 5) * vocabulary, 3 * vocabulary));
        batch_free(&batch);
        a += 8;
        b += 2;
    }
    free(logits);
}

/* Some rows only; rows of results further apart than they are long, with nothing written between; hidden states. */
static void check_chosen(const texts *t, edge_llm_offload_stage *stage)
{
    static const int32_t choices[][4] = {{0}, {0, 6, 30, 69}, {69}, {1, 2}};
    static const int counts[] = {0, 4, 1, 2};
    const test_model *m = t->m;
    for (int i = 0; i < 8; i++)
    {
        bool hidden = i >= 4;
        int count = counts[i % 4], width = hidden ? m->s.hidden : m->s.vocabulary, stride = width + 5;
        const float *expected = hidden ? t->first->normed : t->first->logits;
        float *out = malloc((size_t)(4 * stride) * sizeof *out);
        piece p = {m->hidden[0], 0, TOKENS, table_a};
        test_batch b;
        batch_make(m, &p, 1, !hidden, out, &b);
        for (int j = 0; j < 4 * stride; j++) out[j] = 77;
        b.b.flags = hidden ? EDGE_LLM_OFFLOAD_WANT_HIDDEN : 0;
        b.b.out_stride = stride;
        b.b.output_count = count;
        b.b.output_rows = choices[i % 4];
        CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_OK);
        for (int row = 0; row < 4; row++)
        {
            if (row < count) CHECK(same(out + row * stride, expected + choices[i % 4][row] * width, width));
            for (int j = row < count ? width : 0; j < stride; j++)
                if (out[row * stride + j] != 77)
                {
                    CHECK(!"nothing is written between and behind the rows of results");
                    break;
                }
        }
        batch_free(&b);
        free(out);
    }
}

static void check_info(edge_llm_offload_stage *stage, uint64_t forwards, uint64_t rows)
{
    edge_llm_offload_stage_info info = {.struct_size = sizeof info};
    edge_llm_offload_error e = {.struct_size = sizeof e};
    CHECK(plugin.info(stage, &info, &e) == EDGE_LLM_OFFLOAD_OK);
    CHECK(info.exact == exact && info.weight_bytes > 0 && info.cache_bytes > 0);
    CHECK(info.forwards == forwards && info.rows == rows);
}

void check_results(const texts *t)
{
    static const int lengths[] = {1, 7, 64, TOKENS};
    description d;
    uint64_t forwards = 0;
    check_splits(t);
    describe(t->m, 0, t->m->layer_count, true, &d);
    for (int i = 0; i < 4; i++)
    {
        edge_llm_offload_stage *stage = make_stage(&d);
        if (!stage) return;
        check_chunks(t, stage, &d, lengths[i]);
        forwards = (uint64_t)((TOKENS + lengths[i] - 1) / lengths[i]);
        check_info(stage, forwards, TOKENS);
        plugin.destroy(stage);
    }
    edge_llm_offload_stage *stage = make_stage(&d);
    if (!stage) return;
    check_several(t, stage);
    check_chosen(t, stage);
    plugin.destroy(stage);
}
