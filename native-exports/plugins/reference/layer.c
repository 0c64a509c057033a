/* Runs a layer. */
#include "stage.h"

#include <string.h>

#include "canonical.h"
#include "products.h"

status product(stage *s, const edge_llm_offload_linear *linear, const float *x, int64_t width, int rows, float *y, int64_t stride, error *e)
{
    matrix w = matrix_of(&s->m, linear);
    if (multiply(&w, (input_rows){x, width, rows}, y, stride, s->w.packed)) return EDGE_LLM_OFFLOAD_OK;
    return fail(e, EDGE_LLM_OFFLOAD_NON_FINITE, "the input of %s holds a NaN or an infinity", s->m.tensors[linear->weight - 1].name);
}

float *norm_rows(const model *m, const edge_llm_offload_norm *norm, float *x, float *y, int rows)
{
    if (norm->kind == 0) return x;
    for (int row = 0; row < rows; row++)
    {
        int64_t at = (int64_t)row * m->d.hidden;
        norm_row(x + at, vector_of(m, norm->weight), vector_of(m, norm->bias), y + at, m->d.hidden, norm->epsilon, norm->kind == EDGE_LLM_OFFLOAD_NORM_LAYER);
    }
    return y;
}

void keep_rows(float *x, int64_t width, const edge_llm_offload_batch *b)
{
    for (int i = 0; i < b->output_count; i++)
        if (b->output_rows[i] != i) memcpy(x + i * width, x + b->output_rows[i] * width, (size_t)width * sizeof *x);
}

/* Norms the heads of a row, or the row as one, as long as the weight is. */
static void norm_heads(const model *m, const edge_llm_offload_norm *norm, float *x, int heads, int dim)
{
    if (norm->kind == 0) return;
    uint32_t reference = norm->weight != 0 ? norm->weight : norm->bias;
    int n = reference != 0 && m->tensors[reference - 1].t.ne[0] != dim ? heads * dim : dim;
    for (int at = 0; at < heads * dim; at += n)
        norm_row(x + at, vector_of(m, norm->weight), vector_of(m, norm->bias), x + at, n, norm->epsilon, norm->kind == EDGE_LLM_OFFLOAD_NORM_LAYER);
}

static void rotate(const stage *s, const edge_llm_offload_rope *rope, float *x, int heads, int dim, int row)
{
    if (rope->table == 0) return;
    const edge_llm_offload_rope_table *table = &s->w.ropes[rope->table - 1];
    int64_t at = (int64_t)row * table->stride;
    for (int h = 0; h < heads; h++) rope_head(x + h * dim + rope->offset, table->cos + at, table->sin + at, rope->dimensions, rope->halves != 0);
}

/* From queries, keys and values to what the output matrix reads. After it, the rows are those that are wanted. */
static status attend(stage *s, const edge_llm_offload_batch *b, const layer *l, bool last, error *e)
{
    const edge_llm_offload_attention *a = &l->a;
    cache c = cache_of(s, a);
    int64_t queries = (int64_t)a->heads * a->key_dim, keys = (int64_t)a->kv_heads * a->key_dim, width = queries + keys + (int64_t)a->kv_heads * a->value_dim;
    bool finite = true;
    for (int row = 0; row < b->rows; row++)
    {
        const row_place *place = &s->w.places[row];
        float *q = s->w.qkv + row * width, *k = q + queries;
        norm_heads(&s->m, &a->q_norm, q, a->heads, a->key_dim);
        norm_heads(&s->m, &a->k_norm, k, a->kv_heads, a->key_dim);
        rotate(s, &a->rope, q, a->heads, a->key_dim, row);
        rotate(s, &a->rope, k, a->kv_heads, a->key_dim, row);
        finite &= store_row(a, &c, place->run->tables[a->group], place->position, k, k + keys);
    }
    if (!finite) return fail(e, EDGE_LLM_OFFLOAD_NON_FINITE, "layer %d: keys or values hold a NaN or an infinity", l->l.number);
    int wanted = last ? b->output_count : b->rows;
    for (int i = 0; i < wanted; i++)
    {
        int row = last ? b->output_rows[i] : i;
        const row_place *place = &s->w.places[row];
        attend_row(a, &c, place->run->tables[a->group], place->position, s->w.qkv + row * width, vector_of(&s->m, a->sinks),
            s->w.mixed + (int64_t)i * a->heads * a->value_dim, s->w.block);
    }
    return EDGE_LLM_OFFLOAD_OK;
}

/* What the mixer gives for the rows that are wanted, in branch. */
static status mix(stage *s, const edge_llm_offload_batch *b, const layer *l, const float *in, bool last, error *e)
{
    const edge_llm_offload_attention *a = &l->a;
    int64_t queries = (int64_t)a->heads * a->key_dim, keys = (int64_t)a->kv_heads * a->key_dim, width = queries + keys + (int64_t)a->kv_heads * a->value_dim;
    int64_t values = (int64_t)a->heads * a->value_dim;
    float *qkv = s->w.qkv;
    status r = product(s, &a->q, in, s->m.d.hidden, b->rows, qkv, width, e);
    if (r == EDGE_LLM_OFFLOAD_OK) r = product(s, &a->k, in, s->m.d.hidden, b->rows, qkv + queries, width, e);
    if (r == EDGE_LLM_OFFLOAD_OK) r = product(s, &a->v, in, s->m.d.hidden, b->rows, qkv + queries + keys, width, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (l->l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER)
    {
        r = s->host->host_part(s->host->context, b->context, l->l.number, EDGE_LLM_OFFLOAD_HOST_MIXER, b->rows, qkv, s->w.mixed, e);
        if (last) keep_rows(s->w.mixed, values, b);
    }
    else r = attend(s, b, l, last, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    return product(s, &a->output, s->w.mixed, values, last ? b->output_count : b->rows, s->w.branch, s->m.d.hidden, e);
}

/* x += residual_scale * after(branch) */
static void add(stage *s, const layer *l, const edge_llm_offload_norm *after, float *branch, int rows)
{
    float scale = l->l.residual_scale == 0 ? 1 : l->l.residual_scale;
    norm_rows(&s->m, after, branch, branch, rows);
    for (int64_t i = 0; i < (int64_t)rows * s->m.d.hidden; i++) s->w.x[i] += scale == 1 ? branch[i] : branch[i] * scale;
}

status layer_run(stage *s, const edge_llm_offload_batch *b, int i, int *rows, error *e)
{
    const layer *l = &s->m.layers[i];
    bool last = i == s->m.d.layer_count - 1, has_network = l->l.feed_forward_kind != 0 || (l->l.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD);
    bool parallel = l->l.topology == EDGE_LLM_OFFLOAD_PARALLEL;
    float *in = norm_rows(&s->m, &l->l.mixer_norm, s->w.x, s->w.h, *rows);
    status r = l->l.mixer_kind != 0 ? mix(s, b, l, in, last, e) : EDGE_LLM_OFFLOAD_OK;
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (last)
    {
        keep_rows(s->w.x, s->m.d.hidden, b);
        if (in != s->w.x) keep_rows(in, s->m.d.hidden, b);
        *rows = b->output_count;
    }
    if (!parallel && l->l.mixer_kind != 0) add(s, l, &l->l.after_mixer, s->w.branch, *rows);
    if (!parallel || l->l.feed_forward_norm.kind != 0) in = norm_rows(&s->m, &l->l.feed_forward_norm, s->w.x, s->w.h, *rows);
    if (has_network) r = network_run(s, b, l, in, *rows, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (parallel && l->l.mixer_kind != 0) add(s, l, &l->l.after_mixer, s->w.branch, *rows);
    if (has_network) add(s, l, &l->l.after_feed_forward, s->w.result, *rows);
    return EDGE_LLM_OFFLOAD_OK;
}
