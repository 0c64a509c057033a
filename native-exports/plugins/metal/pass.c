/* Runs a batch: the counterpart of the reference plug-in's layer.c and forward.c. */
#include <string.h>

#include "metal_stage.h"

/* A batch on its way through the layers. */
typedef struct {
    metal_stage *s;
    const edge_llm_offload_batch *b;
    const batch_inputs *in;
    float *x;                               /* the residual stream */
    int rows;
} pass;

#define RUN(p, kernel, parameters, x, y, ...) \
    run(p, kernel, (const void *const[]){__VA_ARGS__}, (int)(sizeof((const void *const[]){__VA_ARGS__}) / sizeof(void *)), parameters, x, y)

static void run(const pass *p, enum kernel_number kernel, const void *const *buffers, int count, const struct parameters *with, int64_t x, int y)
{
    gpu_run(p->s->gpu, kernel, buffers, count, with, (uint32_t)x, (uint32_t)y);
    p->s->launches++;
}

/* Waits for the work. A flag says that a value was not finite. */
static status settle(const pass *p, error *e)
{
    char text[400];
    if (!gpu_wait(p->s->gpu, text, sizeof text))
    {
        p->s->lost = true;
        return fail(e, EDGE_LLM_OFFLOAD_DEVICE_LOST, "the GPU failed: %s", text);
    }
    return *p->in->flag ? fail(e, EDGE_LLM_OFFLOAD_NON_FINITE, "an input of a product, or keys or values, hold a NaN or an infinity") : EDGE_LLM_OFFLOAD_OK;
}

static void multiply_rows(const pass *p, const edge_llm_offload_linear *linear, const float *x, int64_t width, int rows, float *y, int64_t stride)
{
    const model *m = &p->s->base->m;
    const edge_llm_offload_tensor *t = &m->tensors[linear->weight - 1].t;
    static const enum kernel_number kernels[] = {[TYPE_F32] = PRODUCT_F32, [TYPE_F16] = PRODUCT_F16, [TYPE_Q8_0] = PRODUCT_Q8_0, [TYPE_Q4_K] = PRODUCT_Q4_K,
        [TYPE_Q6_K] = PRODUCT_Q6_K};
    struct parameters with = {.n = (int)t->ne[0], .m = (int)t->ne[1], .x_stride = (int)width, .y_stride = (int)stride, .kind = block_values(t->type),
        .row_bytes = t->row_bytes, .scale = linear->scale == 1 ? 0 : linear->scale, .has_bias = linear->bias != 0};
    int64_t values = (int64_t)rows * with.n;
    int8_t *q = p->s->base->w.packed;
    float *scales = (float *)(void *)(q + values);
    int32_t *sums = (int32_t *)(scales + values / 32);
    if (rows == 0) return;
    if (with.kind > 1) RUN(p, QUANTIZE, &with, with.n / with.kind, rows, x, q, scales, sums, p->in->flag);
    RUN(p, kernels[t->type], &with, with.m, rows, t->data, with.kind > 1 ? (const void *)q : x, y, vector_of(m, linear->bias), scales, sums);
}

static float *norm(const pass *p, const edge_llm_offload_norm *n, float *x, float *y, int rows, int heads, int width, int stride)
{
    struct parameters with = {.n = width, .x_stride = stride, .y_stride = stride, .kind = (int)n->kind, .epsilon = n->epsilon, .has_weight = n->weight != 0,
        .has_bias = n->bias != 0};
    if (n->kind == 0) return x;
    RUN(p, NORM, &with, heads, rows, x, y, vector_of(&p->s->base->m, n->weight), vector_of(&p->s->base->m, n->bias));
    return y;
}

static float *normed(const pass *p, const edge_llm_offload_norm *n, float *x, float *y, int rows)
{
    int hidden = p->s->base->m.d.hidden;
    return norm(p, n, x, y, rows, 1, hidden, hidden);
}

/* Of each head, or, where the weight is as long as all of them, of all at once. */
static void norm_heads(const pass *p, const edge_llm_offload_norm *n, float *x, int heads, int dim, int stride)
{
    uint32_t reference = n->weight != 0 ? n->weight : n->bias;
    bool whole = reference != 0 && p->s->base->m.tensors[reference - 1].t.ne[0] != dim;
    norm(p, n, x, x, p->b->rows, whole ? 1 : heads, whole ? heads * dim : dim, stride);
}

static void rotate(const pass *p, const edge_llm_offload_rope *r, float *x, int heads, int dim, int stride)
{
    struct parameters with = {.x_stride = stride, .key_dim = dim, .halves = (int)r->halves, .offset = r->offset, .dimensions = r->dimensions};
    if (r->table != 0) RUN(p, ROPE, &with, heads, p->b->rows, x, p->in->cosines[r->table - 1], p->in->sines[r->table - 1]);
}

static void attend(const pass *p, const layer *l, int width, bool last)
{
    const edge_llm_offload_attention *a = &l->a;
    const batch_inputs *in = p->in;
    float *q = p->s->base->w.qkv, *k = q + (int64_t)a->heads * a->key_dim, *v = k + (int64_t)a->kv_heads * a->key_dim;
    cache c = cache_of(p->s->base, a);
    struct parameters with = {.x_stride = width, .heads = a->heads, .kv_heads = a->kv_heads, .key_dim = a->key_dim, .value_dim = a->value_dim, .window = a->window,
        .key_type = (int)c.key_type, .value_type = (int)c.value_type, .scale = a->scale, .softcap = a->softcap, .has_other = a->sinks != 0,
        .block_bytes = c.block_bytes, .key_bytes = c.key_bytes, .value_bytes = c.value_bytes};
    norm_heads(p, &a->q_norm, q, a->heads, a->key_dim, width);
    norm_heads(p, &a->k_norm, k, a->kv_heads, a->key_dim, width);
    rotate(p, &a->rope, q, a->heads, a->key_dim, width);
    rotate(p, &a->rope, k, a->kv_heads, a->key_dim, width);
    RUN(p, STORE, &with, a->kv_heads, p->b->rows, k, v, c.blocks, in->positions, in->starts, in->tables[a->group], in->flag);
    RUN(p, ATTEND, &with, a->heads, last ? p->b->output_count : p->b->rows, q, c.blocks, in->positions, in->starts, in->tables[a->group],
        last ? in->wanted : in->all, vector_of(&p->s->base->m, a->sinks), p->s->base->w.mixed, NULL, in->block);
}

/* A part of the host's, between what was added and what comes. */
static status host_part(const pass *p, const layer *l, int32_t part, int rows, const float *in, float *out, error *e)
{
    status r = settle(p, e);
    const edge_llm_offload_host *host = p->s->base->host;
    return r != EDGE_LLM_OFFLOAD_OK || rows == 0 ? r : host->host_part(host->context, p->b->context, l->l.number, part, rows, in, out, e);
}

/* What the mixer gives for the rows that are wanted, in branch. */
static status mix(const pass *p, const layer *l, const float *x, bool last, error *e)
{
    const edge_llm_offload_attention *a = &l->a;
    workspace *w = &p->s->base->w;
    int hidden = p->s->base->m.d.hidden, queries = a->heads * a->key_dim, keys = a->kv_heads * a->key_dim, width = queries + keys + a->kv_heads * a->value_dim;
    int values = a->heads * a->value_dim;
    multiply_rows(p, &a->q, x, hidden, p->b->rows, w->qkv, width);
    multiply_rows(p, &a->k, x, hidden, p->b->rows, w->qkv + queries, width);
    multiply_rows(p, &a->v, x, hidden, p->b->rows, w->qkv + queries + keys, width);
    if (l->l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER)
    {
        status r = host_part(p, l, EDGE_LLM_OFFLOAD_HOST_MIXER, p->b->rows, w->qkv, w->mixed, e);
        if (r != EDGE_LLM_OFFLOAD_OK) return r;
        if (last) keep_rows(w->mixed, values, p->b);
    }
    else attend(p, l, width, last);
    multiply_rows(p, &a->output, w->mixed, values, last ? p->b->output_count : p->b->rows, w->branch, hidden);
    return EDGE_LLM_OFFLOAD_OK;
}

static status network(const pass *p, const layer *l, const float *x, error *e)
{
    const edge_llm_offload_feed_forward *f = &l->f;
    workspace *w = &p->s->base->w;
    int hidden = p->s->base->m.d.hidden;
    if (l->l.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD) return host_part(p, l, EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD, p->rows, x, w->result, e);
    bool gated = l->l.feed_forward_kind == EDGE_LLM_OFFLOAD_GATED;
    int width = (int)p->s->base->m.tensors[f->up.weight - 1].t.ne[1];
    float *active = gated ? w->gate : w->up;
    struct parameters with = {.n = width, .kind = (int)f->activation, .has_other = gated};
    multiply_rows(p, &f->up, x, hidden, p->rows, w->up, width);
    if (gated) multiply_rows(p, &f->gate, x, hidden, p->rows, w->gate, width);
    RUN(p, ACTIVATE, &with, width, p->rows, active, gated ? w->up : NULL);
    multiply_rows(p, &f->down, active, width, p->rows, w->result, hidden);
    return EDGE_LLM_OFFLOAD_OK;
}

static void add(const pass *p, const layer *l, const edge_llm_offload_norm *after, float *branch)
{
    struct parameters with = {.n = p->s->base->m.d.hidden, .scale = l->l.residual_scale == 1 ? 0 : l->l.residual_scale};
    RUN(p, ADD, &with, with.n, p->rows, p->x, normed(p, after, branch, branch, p->rows));
}

static float *gather(const pass *p, float *x, float *to)
{
    struct parameters with = {.n = p->s->base->m.d.hidden};
    RUN(p, GATHER, &with, with.n, p->b->output_count, x, p->in->wanted, to);
    return to;
}

static status run_layer(pass *p, int i, error *e)
{
    const layer *l = &p->s->base->m.layers[i];
    workspace *w = &p->s->base->w;
    bool last = i == p->s->base->m.d.layer_count - 1, parallel = l->l.topology == EDGE_LLM_OFFLOAD_PARALLEL;
    bool has_mixer = l->l.mixer_kind != 0, has_network = l->l.feed_forward_kind != 0 || (l->l.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD);
    float *in = normed(p, &l->l.mixer_norm, p->x, w->h, p->rows);
    status r = has_mixer ? mix(p, l, in, last, e) : EDGE_LLM_OFFLOAD_OK;
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (last)
    {
        bool same = in == p->x;
        p->x = gather(p, p->x, p->in->x);
        in = same ? p->x : gather(p, in, p->in->h);
        p->rows = p->b->output_count;
    }
    if (!parallel && has_mixer) add(p, l, &l->l.after_mixer, w->branch);
    if (!parallel || l->l.feed_forward_norm.kind != 0) in = normed(p, &l->l.feed_forward_norm, p->x, w->h, p->rows);
    if (has_network) r = network(p, l, in, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (parallel && has_mixer) add(p, l, &l->l.after_mixer, w->branch);
    if (has_network) add(p, l, &l->l.after_feed_forward, w->result);
    return EDGE_LLM_OFFLOAD_OK;
}

/* Many rows take long: then each layer is waited for, so that a batch can be cancelled between them. */
enum { MANY_ROWS = 16 };

static status run_layers(pass *p, error *e)
{
    const edge_llm_offload_host *host = p->s->base->host;
    for (int i = 0; i < p->s->base->m.d.layer_count; i++)
    {
        status r = EDGE_LLM_OFFLOAD_OK;
        if (host->cancelled && host->cancelled(host->context, p->b->context))
            return fail(e, EDGE_LLM_OFFLOAD_CANCELLED, "cancelled before layer %d", p->s->base->m.layers[i].l.number);
        if ((r = run_layer(p, i, e)) != EDGE_LLM_OFFLOAD_OK) return r;
        if (p->b->rows < MANY_ROWS) gpu_start(p->s->gpu);
        else if ((r = settle(p, e)) != EDGE_LLM_OFFLOAD_OK) return r;
    }
    return EDGE_LLM_OFFLOAD_OK;
}

static void copy_out(const pass *p, const float *from, int width)
{
    for (int i = 0; i < p->b->output_count; i++) memcpy(p->b->out + (int64_t)i * p->b->out_stride, from + (int64_t)i * width, (size_t)width * sizeof *from);
}

status metal_forward(metal_stage *s, const edge_llm_offload_batch *b, const batch_inputs *in, error *e)
{
    const edge_llm_offload_stage_desc *d = &s->base->m.d;
    pass p = {s, b, in, s->base->w.x, b->rows};
    for (int i = 0; i < b->rows; i++)
        memcpy(p.x + (int64_t)i * d->hidden, b->hidden + (int64_t)i * b->hidden_stride, (size_t)d->hidden * sizeof *p.x);
    status r = run_layers(&p, e);
    error ignored;
    if (r != EDGE_LLM_OFFLOAD_OK)
    {
        settle(&p, &ignored); /* nothing may run on behind the call */
        return r;
    }
    if (d->layer_count == 0 && b->output_count > 0) p.x = gather(&p, p.x, in->x);
    bool hidden = d->output.weight == 0 || (b->flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN);
    float *result = d->output.weight != 0 && b->output_count > 0 ? normed(&p, &d->final_norm, p.x, s->base->w.h, b->output_count) : p.x;
    if (!hidden)
    {
        struct parameters with = {.n = d->vocabulary, .softcap = d->output_softcap};
        multiply_rows(&p, &d->output, result, d->hidden, b->output_count, in->logits, d->vocabulary);
        if (with.softcap != 0 && b->output_count > 0) RUN(&p, SOFT_CAP, &with, with.n, b->output_count, in->logits);
    }
    if ((r = settle(&p, e)) != EDGE_LLM_OFFLOAD_OK) return r;
    copy_out(&p, hidden ? result : in->logits, hidden ? d->hidden : d->vocabulary);
    return EDGE_LLM_OFFLOAD_OK;
}
