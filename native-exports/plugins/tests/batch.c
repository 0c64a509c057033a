/* Makes and runs batches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { GAP = 3 }; /* floats between rows */

void batch_make(const test_model *m, const piece *pieces, int count, bool logits, float *out, test_batch *t)
{
    int rows = 0, hidden = m->s.hidden + GAP, rope = m->rope_width + GAP;
    memset(t, 0, sizeof *t);
    t->hidden = calloc((size_t)(TOKENS * hidden), sizeof *t->hidden);
    t->cos = calloc((size_t)(TOKENS * rope), sizeof *t->cos);
    t->sin = calloc((size_t)(TOKENS * rope), sizeof *t->sin);
    for (int i = 0; i < count; i++)
    {
        const piece *p = &pieces[i];
        t->runs[i] = (edge_llm_offload_run){rows, p->rows, p->position, 0, t->tables[i]};
        for (int g = 0; g < GROUPS; g++) t->tables[i][g] = p->table;
        for (int r = 0; r < p->rows; r++, rows++)
        {
            memcpy(t->hidden + rows * hidden, p->input + r * m->s.hidden, (size_t)m->s.hidden * sizeof(float));
            memcpy(t->cos + rows * rope, m->cos + (p->position + r) * m->rope_width, (size_t)m->rope_width * sizeof(float));
            memcpy(t->sin + rows * rope, m->sin + (p->position + r) * m->rope_width, (size_t)m->rope_width * sizeof(float));
            t->output_rows[rows] = rows;
        }
    }
    t->width = logits ? m->s.vocabulary : m->s.hidden;
    t->rope = (edge_llm_offload_rope_table){sizeof t->rope, m->rope_width, rope, 0, t->cos, t->sin};
    t->b.struct_size = sizeof t->b;
    t->b.rows = t->b.output_count = rows;
    t->b.run_count = count;
    t->b.rope_count = m->rope_width > 0;
    t->b.hidden_stride = hidden;
    t->b.out_stride = t->width;
    t->b.hidden = t->hidden;
    t->b.out = out;
    t->b.output_rows = t->output_rows;
    t->b.runs = t->runs;
    t->b.ropes = &t->rope;
}

void batch_free(test_batch *t)
{
    free(t->hidden);
    free(t->cos);
    free(t->sin);
}

edge_llm_offload_status batch_run(edge_llm_offload_stage *stage, test_batch *t)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_status s = plugin.forward(stage, &t->b, &e);
    if (s != EDGE_LLM_OFFLOAD_OK) CHECK(e.text[0] != 0 && memchr(e.text, 0, sizeof e.text));
    return s;
}

bool run_piece(const test_model *m, edge_llm_offload_stage *stage, piece p, bool logits, float *out)
{
    test_batch t;
    edge_llm_offload_error e = {.struct_size = sizeof e};
    batch_make(m, &p, 1, logits, out, &t);
    edge_llm_offload_status s = plugin.forward(stage, &t.b, &e);
    if (s != EDGE_LLM_OFFLOAD_OK) printf("forward: status %d: %s\n", s, e.text);
    batch_free(&t);
    return CHECK(s == EDGE_LLM_OFFLOAD_OK);
}
