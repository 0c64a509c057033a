/* Runs a layer's network. */
#include <string.h>

#include "canonical.h"
#include "products.h"
#include "router.h"
#include "stage.h"

/* down(act(gate(h)) * up(h)), or down(act(up(h))) */
static status dense(stage *s, uint32_t kind, const edge_llm_offload_feed_forward *f, const float *in, int rows, float *out, error *e)
{
    int64_t width = s->m.tensors[f->up.weight - 1].t.ne[1];
    status r = product(s, &f->up, in, s->m.d.hidden, rows, s->w.up, width, e);
    float *active = s->w.up;
    if (r == EDGE_LLM_OFFLOAD_OK && kind == EDGE_LLM_OFFLOAD_GATED)
    {
        r = product(s, &f->gate, in, s->m.d.hidden, rows, s->w.gate, width, e);
        active = s->w.gate;
    }
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    activate(active, active == s->w.gate ? s->w.up : NULL, rows * width, f->activation);
    return product(s, &f->down, active, width, rows, out, s->m.d.hidden, e);
}

/* An expert's product of one row. */
static status product_of(stage *s, const edge_llm_offload_expert_matrices *all, int32_t expert, const float *x, float *y, int64_t rows, error *e)
{
    matrix w = matrix_of_expert(&s->m, all, expert, rows);
    if (multiply(&w, (input_rows){x, w.t.ne[0], 1}, y, rows, s->w.packed)) return EDGE_LLM_OFFLOAD_OK;
    return fail(e, EDGE_LLM_OFFLOAD_NON_FINITE, "the input of %s holds a NaN or an infinity", s->m.tensors[all->weight - 1].name);
}

/* y += weight * expert(h), fused. */
static status add_expert(stage *s, const edge_llm_offload_experts *x, int32_t expert, float weight, const float *h, float *y, error *e)
{
    float *active = s->w.up;
    status r = product_of(s, &x->up, expert, h, s->w.up, x->width, e);
    if (r == EDGE_LLM_OFFLOAD_OK && x->gate.weight != 0)
    {
        r = product_of(s, &x->gate, expert, h, s->w.gate, x->width, e);
        active = s->w.gate;
    }
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    activate(active, active == s->w.gate ? s->w.up : NULL, x->width, x->activation);
    r = product_of(s, &x->down, expert, active, s->w.one, s->m.d.hidden, e);
    for (int i = 0; r == EDGE_LLM_OFFLOAD_OK && i < s->m.d.hidden; i++) y[i] = fmaf(s->w.one[i], weight, y[i]);
    return r;
}

static status add_shared(stage *s, const layer *l, const float *in, int rows, error *e)
{
    const edge_llm_offload_experts *x = &l->x;
    float *gates = s->w.logits;
    status r = dense(s, x->shared_kind, &l->f, in, rows, s->w.shared, e);
    if (r == EDGE_LLM_OFFLOAD_OK && x->shared_gate.weight != 0) r = product(s, &x->shared_gate, in, s->m.d.hidden, rows, gates, 1, e);
    for (int row = 0; r == EDGE_LLM_OFFLOAD_OK && row < rows; row++)
    {
        float *shared = s->w.shared + (int64_t)row * s->m.d.hidden, *y = s->w.result + (int64_t)row * s->m.d.hidden;
        float gate = x->shared_gate.weight != 0 ? sigmoid(gates[row]) : 1;
        for (int i = 0; i < s->m.d.hidden; i++) y[i] += x->shared_gate.weight != 0 ? shared[i] * gate : shared[i];
    }
    return r;
}

/* Row by row, and of a row expert by expert. */
static status mixture(stage *s, const layer *l, const float *in, int rows, error *e)
{
    const edge_llm_offload_experts *x = &l->x;
    int64_t hidden = s->m.d.hidden;
    status r = product(s, &x->router, in, hidden, rows, s->w.logits, x->count, e);
    for (int row = 0; r == EDGE_LLM_OFFLOAD_OK && row < rows; row++)
    {
        float *y = s->w.result + row * hidden;
        memset(y, 0, (size_t)hidden * sizeof *y);
        choose(x, vector_of(&s->m, x->choice_bias), s->w.logits + (int64_t)row * x->count, s->w.choice, s->w.chosen, s->w.weights);
        for (int i = 0; r == EDGE_LLM_OFFLOAD_OK && i < x->used; i++) r = add_expert(s, x, s->w.chosen[i], s->w.weights[i], in + row * hidden, y, e);
    }
    if (r == EDGE_LLM_OFFLOAD_OK && x->shared_kind != 0) r = add_shared(s, l, in, rows, e);
    for (int64_t i = 0; r == EDGE_LLM_OFFLOAD_OK && x->output_scale != 0 && x->output_scale != 1 && i < rows * hidden; i++) s->w.result[i] *= x->output_scale;
    return r;
}

status network_run(stage *s, const edge_llm_offload_batch *b, const layer *l, const float *in, int rows, error *e)
{
    if (rows == 0) return EDGE_LLM_OFFLOAD_OK;
    if (l->l.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD)
        return s->host->host_part(s->host->context, b->context, l->l.number, EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD, rows, in, s->w.result, e);
    if (l->l.feed_forward_kind == EDGE_LLM_OFFLOAD_EXPERTS) return mixture(s, l, in, rows, e);
    return dense(s, l->l.feed_forward_kind, &l->f, in, rows, s->w.result, e);
}
