/* Runs a batch that was checked. */
#include "stage.h"

#include <string.h>

#include "canonical.h"

static void copy_rows(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t width, int rows)
{
    for (int row = 0; row < rows; row++) memcpy(to + row * to_stride, from + row * from_stride, (size_t)width * sizeof *to);
}

status stage_forward(stage *s, const edge_llm_offload_batch *b, error *e)
{
    const edge_llm_offload_stage_desc *d = &s->m.d;
    int rows = b->rows;
    copy_rows(s->w.x, d->hidden, b->hidden, b->hidden_stride, d->hidden, rows);
    for (int i = 0; i < d->layer_count; i++)
    {
        if (s->host->cancelled && s->host->cancelled(s->host->context, b->context))
            return fail(e, EDGE_LLM_OFFLOAD_CANCELLED, "cancelled before layer %d", s->m.layers[i].l.number);
        status r = layer_run(s, b, i, &rows, e);
        if (r != EDGE_LLM_OFFLOAD_OK) return r;
    }
    if (d->layer_count == 0) keep_rows(s->w.x, d->hidden, b);
    float *result = s->w.x;
    if (d->output.weight != 0) result = norm_rows(&s->m, &d->final_norm, result, s->w.h, b->output_count);
    if (d->output.weight == 0 || (b->flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN))
    {
        copy_rows(b->out, b->out_stride, result, d->hidden, d->hidden, b->output_count);
        return EDGE_LLM_OFFLOAD_OK;
    }
    status r = product(s, &d->output, result, d->hidden, b->output_count, b->out, b->out_stride, e);
    for (int row = 0; row < b->output_count && d->output_softcap != 0; row++)
        for (int i = 0; i < d->vocabulary; i++) b->out[(int64_t)row * b->out_stride + i] = soft_cap(b->out[(int64_t)row * b->out_stride + i], d->output_softcap);
    return r;
}
