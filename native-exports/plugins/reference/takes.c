/* What this plug-in can do. Kinds and types that it does not have are UNSUPPORTED; references and shapes that fit nothing are INVALID_ARGUMENT. */
#include "model.h"

#include <stdio.h>

/* Which part of the model a message speaks of. */
typedef struct {
    const model *m;
    char where[96];
    error *e;
} place;

#define UNSUPPORTED(p, ...) fail_at(p, EDGE_LLM_OFFLOAD_UNSUPPORTED, __VA_ARGS__)
#define INVALID(p, ...) fail_at(p, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, __VA_ARGS__)
#define fail_at(p, s, part, format, ...) fail((p)->e, s, "%s: %s: " format, (p)->where, part, __VA_ARGS__)

/* A tensor of count matrices. */
static status check_tensor(const place *p, const char *part, uint32_t reference, int64_t in, int64_t out, int64_t count, const tensor **found)
{
    if (reference < 1 || reference > (uint32_t)p->m->d.tensor_count) return INVALID(p, part, "tensor %u of %d", reference, p->m->d.tensor_count);
    const tensor *t = &p->m->tensors[reference - 1];
    *found = t;
    if (t->later) return UNSUPPORTED(p, part, "%s uses a field of a later version", t->name);
    if (block_values(t->t.type) == 0) return UNSUPPORTED(p, part, "%s has type %u: expected F32, F16, Q8_0, Q4_K or Q6_K", t->name, t->t.type);
    if (t->t.ne[0] != in || t->t.ne[1] != out || t->t.ne[2] != count || t->t.ne[3] != 1)
        return INVALID(p, part, "%s has the shape [%lld, %lld, %lld, %lld]: expected [%lld, %lld, %lld, 1]", t->name, (long long)t->t.ne[0], (long long)t->t.ne[1],
            (long long)t->t.ne[2], (long long)t->t.ne[3], (long long)in, (long long)out, (long long)count);
    if (in % block_values(t->t.type) != 0) return INVALID(p, part, "%s has rows of %lld values: expected whole blocks", t->name, (long long)in);
    uint64_t bytes = (uint64_t)(in / block_values(t->t.type)) * (uint64_t)block_bytes(t->t.type);
    if (t->t.row_bytes != bytes)
        return INVALID(p, part, "%s has rows of %llu bytes: expected %llu", t->name, (unsigned long long)t->t.row_bytes, (unsigned long long)bytes);
    return EDGE_LLM_OFFLOAD_OK;
}

static status check_vector(const place *p, const char *part, uint32_t reference, int64_t n)
{
    const tensor *t;
    if (reference == 0) return EDGE_LLM_OFFLOAD_OK;
    status s = check_tensor(p, part, reference, n, 1, 1, &t);
    if (s == EDGE_LLM_OFFLOAD_OK && t->t.type != TYPE_F32) return UNSUPPORTED(p, part, "%s has type %u: expected F32", t->name, t->t.type);
    return s;
}

static status check_linear(const place *p, const char *part, const edge_llm_offload_linear *linear, int64_t in, int64_t out)
{
    const tensor *t;
    if (linear->reserved != 0) return UNSUPPORTED(p, part, "%s", "a field of a later version");
    status s = check_tensor(p, part, linear->weight, in, out, 1, &t);
    return s == EDGE_LLM_OFFLOAD_OK ? check_vector(p, part, linear->bias, out) : s;
}

static status check_norm(const place *p, const char *part, const edge_llm_offload_norm *norm, int64_t n)
{
    if (norm->kind == 0) return EDGE_LLM_OFFLOAD_OK;
    if (norm->kind > EDGE_LLM_OFFLOAD_NORM_LAYER) return UNSUPPORTED(p, part, "a norm of kind %u", norm->kind);
    status s = check_vector(p, part, norm->weight, n);
    return s == EDGE_LLM_OFFLOAD_OK ? check_vector(p, part, norm->bias, n) : s;
}

/* Of each head, or, where the weight is as long as all of them, of all at once. */
static status check_head_norm(const place *p, const char *part, const edge_llm_offload_norm *norm, int32_t heads, int32_t dim)
{
    uint32_t reference = norm->weight != 0 ? norm->weight : norm->bias;
    int64_t together = (int64_t)heads * dim;
    bool whole = reference >= 1 && reference <= (uint32_t)p->m->d.tensor_count && p->m->tensors[reference - 1].t.ne[0] == together;
    return check_norm(p, part, norm, whole ? together : dim);
}

static status check_cache(const place *p, const layer *l)
{
    const edge_llm_offload_attention *a = &l->a;
    if (a->group >= (uint32_t)p->m->d.group_count) return INVALID(p, "attention", "cache group %u of %d", a->group, p->m->d.group_count);
    const edge_llm_offload_cache_group *g = &p->m->groups[a->group];
    if (g->key_type > TYPE_F16 || g->value_type > TYPE_F16)
        return UNSUPPORTED(p, "attention", "a cache of types %u and %u: expected F32 or F16", g->key_type, g->value_type);
    if (g->heads != a->kv_heads || g->key_dim != a->key_dim || g->value_dim != a->value_dim)
        return INVALID(p, "attention", "its cache group has %d heads of %d and %d values: expected %d of %d and %d", g->heads, g->key_dim, g->value_dim, a->kv_heads,
            a->key_dim, a->value_dim);
    if (a->slot >= (uint32_t)g->layers) return INVALID(p, "attention", "layer %u of %d in its cache group", a->slot, g->layers);
    return EDGE_LLM_OFFLOAD_OK;
}

static status check_rope(const place *p, const edge_llm_offload_attention *a)
{
    if (a->rope.table == 0) return EDGE_LLM_OFFLOAD_OK;
    if (a->rope.table > (uint32_t)p->m->d.rope_count) return INVALID(p, "rope", "table %u of %d", a->rope.table, p->m->d.rope_count);
    if (a->rope.halves > 1) return UNSUPPORTED(p, "rope", "pairs of kind %u: expected 0 or 1", a->rope.halves);
    if (a->rope.dimensions < 2 || a->rope.dimensions % 2 || a->rope.offset < 0 || (int64_t)a->rope.offset + a->rope.dimensions > a->key_dim)
        return INVALID(p, "rope", "%d values from %d on of heads of %d", a->rope.dimensions, a->rope.offset, a->key_dim);
    return EDGE_LLM_OFFLOAD_OK;
}

static status check_attention(const place *p, const layer *l)
{
    const edge_llm_offload_attention *a = &l->a;
    int64_t hidden = p->m->d.hidden;
    if (a->flags || a->reserved) return UNSUPPORTED(p, "attention", "flags %#x: expected none", a->flags | a->reserved);
    if (a->heads < 1 || a->kv_heads < 1 || a->heads % a->kv_heads || a->key_dim < 1 || a->value_dim < 1 || a->heads > LONGEST / 64 || a->key_dim > LONGEST / 64
        || a->value_dim > LONGEST / 64 || (int64_t)a->heads * (a->key_dim > a->value_dim ? a->key_dim : a->value_dim) > LONGEST)
        return INVALID(p, "attention", "%d heads of %d and %d values on %d", a->heads, a->key_dim, a->value_dim, a->kv_heads);
    if (a->window < 0) return INVALID(p, "attention", "a window of %d", a->window);
    status s = check_linear(p, "q", &a->q, hidden, (int64_t)a->heads * a->key_dim);
    if (s == EDGE_LLM_OFFLOAD_OK) s = check_linear(p, "k", &a->k, hidden, (int64_t)a->kv_heads * a->key_dim);
    if (s == EDGE_LLM_OFFLOAD_OK) s = check_linear(p, "v", &a->v, hidden, (int64_t)a->kv_heads * a->value_dim);
    if (s == EDGE_LLM_OFFLOAD_OK) s = check_linear(p, "attention's output", &a->output, (int64_t)a->heads * a->value_dim, hidden);
    if (s != EDGE_LLM_OFFLOAD_OK || (l->l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER)) return s;
    if ((s = check_head_norm(p, "norm of q", &a->q_norm, a->heads, a->key_dim))) return s;
    if ((s = check_head_norm(p, "norm of k", &a->k_norm, a->kv_heads, a->key_dim))) return s;
    if ((s = check_rope(p, a))) return s;
    if ((s = check_vector(p, "sinks", a->sinks, a->heads))) return s;
    return check_cache(p, l);
}

static bool is_activation(uint32_t kind)
{
    uint32_t last = does_mixtures ? EDGE_LLM_OFFLOAD_SWIGLU_OAI : EDGE_LLM_OFFLOAD_RELU_SQUARED;
    return kind >= EDGE_LLM_OFFLOAD_SILU && kind <= last;
}

static status check_network(const place *p, uint32_t kind, const edge_llm_offload_feed_forward *f)
{
    int64_t hidden = p->m->d.hidden;
    if (!is_activation(f->activation)) return UNSUPPORTED(p, "network", "activation %u", f->activation);
    if (f->up.weight < 1 || f->up.weight > (uint32_t)p->m->d.tensor_count) return INVALID(p, "up", "tensor %u of %d", f->up.weight, p->m->d.tensor_count);
    int64_t width = p->m->tensors[f->up.weight - 1].t.ne[1];
    if (width < 1 || width > LONGEST) return INVALID(p, "up", "%lld rows: expected 1 to %d", (long long)width, LONGEST);
    status s = check_linear(p, "up", &f->up, hidden, width);
    if (s == EDGE_LLM_OFFLOAD_OK && kind == EDGE_LLM_OFFLOAD_GATED) s = check_linear(p, "gate", &f->gate, hidden, width);
    return s == EDGE_LLM_OFFLOAD_OK ? check_linear(p, "down", &f->down, width, hidden) : s;
}

static status check_matrices(const place *p, const char *part, const edge_llm_offload_expert_matrices *w, int64_t in, int64_t out, int32_t count)
{
    const tensor *t;
    if (w->reserved) return UNSUPPORTED(p, part, "%s", "a field of a later version");
    if (w->weight < 1 || w->weight > (uint32_t)p->m->d.tensor_count) return INVALID(p, part, "tensor %u of %d", w->weight, p->m->d.tensor_count);
    int64_t rows = p->m->tensors[w->weight - 1].t.ne[1];
    if (rows > LONGEST || w->first_row < 0 || w->first_row + out > rows)
        return INVALID(p, part, "%lld rows from %d on of %lld", (long long)out, w->first_row, (long long)rows);
    status s = check_tensor(p, part, w->weight, in, rows, count, &t);
    if (s != EDGE_LLM_OFFLOAD_OK || w->bias == 0) return s;
    s = check_tensor(p, part, w->bias, rows, count, 1, &t);
    return s == EDGE_LLM_OFFLOAD_OK && t->t.type != TYPE_F32 ? UNSUPPORTED(p, part, "%s has type %u: expected F32", t->name, t->t.type) : s;
}

static status check_router(const place *p, const edge_llm_offload_experts *x)
{
    if (x->gating < EDGE_LLM_OFFLOAD_GATING_SOFTMAX || x->gating > EDGE_LLM_OFFLOAD_GATING_SOFTMAX_OF_CHOSEN) return UNSUPPORTED(p, "router", "gating %u", x->gating);
    if (x->count < 1 || x->count > LONGEST || x->used < 1 || x->used > x->count) return INVALID(p, "router", "%d of %d experts", x->used, x->count);
    if (x->groups < 0 || x->groups_used < 0 || (x->groups > 0 && (x->count % x->groups || x->groups_used < 1)))
        return INVALID(p, "router", "%d of %d groups of %d experts", x->groups_used, x->groups, x->count);
    status s = check_linear(p, "router", &x->router, p->m->d.hidden, x->count);
    return s == EDGE_LLM_OFFLOAD_OK ? check_vector(p, "bias of the choice", x->choice_bias, x->count) : s;
}

static status check_experts(const place *p, const layer *l)
{
    const edge_llm_offload_experts *x = &l->x;
    int64_t hidden = p->m->d.hidden;
    if (x->flags & ~(uint32_t)EDGE_LLM_OFFLOAD_NORMALIZE || x->reserved) return UNSUPPORTED(p, "experts", "flags %#x", x->flags | x->reserved);
    if (!is_activation(x->activation)) return UNSUPPORTED(p, "experts", "activation %u", x->activation);
    if (x->shared_kind > EDGE_LLM_OFFLOAD_PLAIN) return UNSUPPORTED(p, "shared expert", "kind %u: expected gated or plain", x->shared_kind);
    if (x->width < 1 || x->width > LONGEST) return INVALID(p, "experts", "a width of %d: expected 1 to %d", x->width, LONGEST);
    status s = check_router(p, x);
    if (s == EDGE_LLM_OFFLOAD_OK && x->gate.weight != 0) s = check_matrices(p, "gates of experts", &x->gate, hidden, x->width, x->count);
    if (s == EDGE_LLM_OFFLOAD_OK) s = check_matrices(p, "ups of experts", &x->up, hidden, x->width, x->count);
    if (s == EDGE_LLM_OFFLOAD_OK) s = check_matrices(p, "downs of experts", &x->down, x->width, hidden, x->count);
    if (s != EDGE_LLM_OFFLOAD_OK || x->shared_kind == 0) return s;
    if (x->shared_gate.weight != 0) s = check_linear(p, "gate of the shared expert", &x->shared_gate, hidden, 1);
    return s == EDGE_LLM_OFFLOAD_OK ? check_network(p, x->shared_kind, &l->f) : s;
}

status takes_layer(const model *m, int i, error *e)
{
    const layer *l = &m->layers[i];
    const edge_llm_offload_norm *norms[] = {&l->l.mixer_norm, &l->l.feed_forward_norm, &l->l.after_mixer, &l->l.after_feed_forward};
    static const char *const names[] = {"norm before the mixer", "norm before the network", "norm after the mixer", "norm after the network"};
    uint32_t flags = EDGE_LLM_OFFLOAD_HOST_MIXER | EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD;
    place p = {m, "", e};
    snprintf(p.where, sizeof p.where, "layer %d", l->l.number);
    if (l->later || l->l.reserved) return UNSUPPORTED(&p, "layer", "%s", "a field of a later version");
    if (l->l.flags & ~flags) return UNSUPPORTED(&p, "layer", "flags %#x", l->l.flags);
    if (l->l.topology != EDGE_LLM_OFFLOAD_PRE && l->l.topology != EDGE_LLM_OFFLOAD_PARALLEL) return UNSUPPORTED(&p, "layer", "topology %u", l->l.topology);
    if (l->l.mixer_kind > EDGE_LLM_OFFLOAD_ATTENTION) return UNSUPPORTED(&p, "mixer", "kind %u: expected attention", l->l.mixer_kind);
    if (l->l.feed_forward_kind > (does_mixtures ? EDGE_LLM_OFFLOAD_EXPERTS : EDGE_LLM_OFFLOAD_PLAIN))
        return UNSUPPORTED(&p, "network", "kind %u: expected gated or plain%s", l->l.feed_forward_kind, does_mixtures ? ", or experts" : "");
    if (l->l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER && l->l.mixer_kind == 0) return INVALID(&p, "mixer", "%s", "the host's, and none");
    if (l->l.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD && l->l.feed_forward_kind != 0) return INVALID(&p, "network", "%s", "the host's: expected kind 0");
    status s = EDGE_LLM_OFFLOAD_OK;
    for (int j = 0; j < 4 && s == EDGE_LLM_OFFLOAD_OK; j++) s = check_norm(&p, names[j], norms[j], m->d.hidden);
    if (s == EDGE_LLM_OFFLOAD_OK && l->l.mixer_kind != 0) s = check_attention(&p, l);
    if (s != EDGE_LLM_OFFLOAD_OK || l->l.feed_forward_kind == 0) return s;
    return l->l.feed_forward_kind == EDGE_LLM_OFFLOAD_EXPERTS ? check_experts(&p, l) : check_network(&p, l->l.feed_forward_kind, &l->f);
}

status takes_output(const model *m, error *e)
{
    place p = {m, "output", e};
    if (m->d.output.weight == 0) return EDGE_LLM_OFFLOAD_OK;
    status s = check_norm(&p, "last norm", &m->d.final_norm, m->d.hidden);
    return s == EDGE_LLM_OFFLOAD_OK ? check_linear(&p, "output matrix", &m->d.output, m->d.hidden, m->d.vocabulary) : s;
}

static uint64_t tensors_bytes(const model *m, const uint32_t *references, int count)
{
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++)
    {
        if (references[i] == 0 || references[i] > (uint32_t)m->d.tensor_count) continue;
        const edge_llm_offload_tensor *t = &m->tensors[references[i] - 1].t;
        bytes = plus(bytes, times(times(t->row_bytes, (uint64_t)t->ne[1]), (uint64_t)t->ne[2]));
    }
    return bytes;
}

uint64_t weight_bytes(const model *m, int i)
{
    const layer *l = &m->layers[i];
    const edge_llm_offload_attention *a = &l->a;
    const edge_llm_offload_feed_forward *f = &l->f;
    const edge_llm_offload_experts *x = &l->x;
    const uint32_t all[] = {l->l.mixer_norm.weight, l->l.mixer_norm.bias, l->l.feed_forward_norm.weight, l->l.feed_forward_norm.bias, l->l.after_mixer.weight,
        l->l.after_mixer.bias, l->l.after_feed_forward.weight, l->l.after_feed_forward.bias, a->q.weight, a->q.bias, a->k.weight, a->k.bias, a->v.weight, a->v.bias,
        a->output.weight, a->output.bias, a->q_norm.weight, a->q_norm.bias, a->k_norm.weight, a->k_norm.bias, a->sinks, f->gate.weight, f->gate.bias, f->up.weight,
        f->up.bias, f->down.weight, f->down.bias, x->router.weight, x->router.bias, x->choice_bias, x->gate.weight, x->gate.bias,
        x->up.weight == x->gate.weight ? 0 : x->up.weight, x->up.bias == x->gate.bias ? 0 : x->up.bias, x->down.weight, x->down.bias, x->shared_gate.weight,
        x->shared_gate.bias};
    return tensors_bytes(m, all, sizeof all / sizeof *all);
}

uint64_t layer_bytes(const model *m, int i)
{
    const layer *l = &m->layers[i];
    bool cached = l->l.mixer_kind == EDGE_LLM_OFFLOAD_ATTENTION && !(l->l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER);
    if (!cached || l->a.group >= (uint32_t)m->d.group_count) return weight_bytes(m, i);
    const edge_llm_offload_cache_group *g = &m->groups[l->a.group];
    return plus(weight_bytes(m, i), times(slot_bytes(g), (uint64_t)g->blocks));
}

uint64_t output_bytes(const model *m)
{
    const uint32_t all[] = {m->d.final_norm.weight, m->d.final_norm.bias, m->d.output.weight, m->d.output.bias};
    return m->d.output.weight == 0 ? 0 : tensors_bytes(m, all, sizeof all / sizeof *all);
}
