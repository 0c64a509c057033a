/* What a stage gives, by definition: a token at a time, everything in plain arrays. */
#include "definition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "formats.h"
#include "values.h"

enum { WIDEST = 1024 };

static const float *vector(const test_model *m, uint32_t reference)
{
    return reference ? m->tensors[reference - 1].data : NULL;
}

static int linear(const test_model *m, const edge_llm_offload_linear *l, const float *x, float *y)
{
    const edge_llm_offload_tensor *t = &m->tensors[l->weight - 1];
    const float *bias = vector(m, l->bias);
    for (int64_t r = 0; r < t->ne[1]; r++)
    {
        y[r] = defined_product(t->type, (const uint8_t *)t->data + (uint64_t)r * t->row_bytes, x, (int)t->ne[0]);
        if (l->scale != 0) y[r] = y[r] * l->scale;
        if (bias) y[r] = y[r] + bias[r];
    }
    return (int)t->ne[1];
}

static void norm(const test_model *m, const edge_llm_offload_norm *n, const float *x, float *y, int count)
{
    defined_norm(n->kind, x, vector(m, n->weight), vector(m, n->bias), n->epsilon, y, count);
}

static void norm_heads(const test_model *m, const edge_llm_offload_norm *n, float *x, int heads, int dim)
{
    bool whole = m->s.head_norms == 2;
    for (int h = 0; h < (whole ? 1 : heads); h++) norm(m, n, x + h * dim, x + h * dim, whole ? heads * dim : dim);
}

static void rotate(const test_model *m, float *x, int heads, int dim, int position)
{
    int n = m->rope_width;
    const float *cosines = m->cos + position * n, *sines = m->sin + position * n;
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < n / 2; i++)
        {
            int p = m->s.halves ? i : 2 * i, q = m->s.halves ? i + n / 2 : 2 * i + 1;
            float *head = x + h * dim + m->s.rope_offset, first = head[p], second = head[q];
            float turned = second * sines[p], other = first * sines[q];
            head[p] = fmaf(first, cosines[p], turned);
            head[q] = fmaf(second, cosines[q], other);
        }
}

static void attend_head(const defined_text *t, int layer, int position, int head, const float *q, float *out)
{
    const edge_llm_offload_attention *a = &t->m->attention[layer];
    int kv = head / (a->heads / a->kv_heads), first = a->window && position >= a->window ? position - a->window + 1 : 0;
    float max = -INFINITY, sum = 0;
    memset(out, 0, (size_t)a->value_dim * sizeof *out);
    for (int block = first / 64; block <= position / 64; block++)
    {
        float scores[64], lanes[16] = {0}, ones[16], of_block[WIDEST] = {0}, largest = -INFINITY;
        for (int p = 64 * block; p < 64 * block + 64; p++)
        {
            if (p < first || p > position) continue;
            float score = defined_dot(q, t->keys[layer] + ((int64_t)p * a->kv_heads + kv) * a->key_dim, a->key_dim) * a->scale;
            scores[p % 64] = a->softcap != 0 ? defined_soft_cap(score, a->softcap) : score;
            largest = fmaxf(largest, scores[p % 64]);
        }
        for (int p = 64 * block; p < 64 * block + 64; p++)
        {
            if (p < first || p > position) continue;
            float weight = defined_exp(scores[p % 64] - largest);
            const float *value = t->values[layer] + ((int64_t)p * a->kv_heads + kv) * a->value_dim;
            lanes[p % 16] += weight;
            for (int i = 0; i < a->value_dim; i++) of_block[i] = fmaf(weight, value[i], of_block[i]);
        }
        for (int i = 0; i < 16; i++) ones[i] = 1;
        float now = fmaxf(max, largest), keep = defined_exp(max - now), take = defined_exp(largest - now);
        float added = defined_dot(lanes, ones, 16) * take;
        sum = fmaf(sum, keep, added);
        for (int i = 0; i < a->value_dim; i++)
        {
            float scaled = of_block[i] * take;
            out[i] = fmaf(out[i], keep, scaled);
        }
        max = now;
    }
    float keep = 1;
    if (a->sinks)
    {
        float sink = vector(t->m, a->sinks)[head], now = fmaxf(max, sink);
        keep = defined_exp(max - now);
        sum = fmaf(sum, keep, defined_exp(sink - now));
    }
    for (int i = 0; i < a->value_dim; i++)
    {
        float kept = out[i] * keep;
        out[i] = kept / sum;
    }
}

void defined_mixer(defined_text *t, int layer, int position, const float *qkv, float *out)
{
    const edge_llm_offload_attention *a = &t->m->attention[layer];
    const shape *s = &t->m->s;
    float q[WIDEST], k[WIDEST];
    int queries = a->heads * a->key_dim, keys = a->kv_heads * a->key_dim, values = a->kv_heads * a->value_dim;
    memcpy(q, qkv, (size_t)queries * sizeof *q);
    memcpy(k, qkv + queries, (size_t)keys * sizeof *k);
    norm_heads(t->m, &a->q_norm, q, a->heads, a->key_dim);
    norm_heads(t->m, &a->k_norm, k, a->kv_heads, a->key_dim);
    rotate(t->m, q, a->heads, a->key_dim, position);
    rotate(t->m, k, a->kv_heads, a->key_dim, position);
    for (int i = 0; i < keys; i++) t->keys[layer][(int64_t)position * keys + i] = defined_cached(s->key_type, k[i]);
    for (int i = 0; i < values; i++) t->values[layer][(int64_t)position * values + i] = defined_cached(s->value_type, qkv[queries + keys + i]);
    for (int h = 0; h < a->heads; h++) attend_head(t, layer, position, h, q + h * a->key_dim, out + h * a->value_dim);
}

/* The experts' matrices lie one behind the other. */
static void expert_rows(const test_model *m, const edge_llm_offload_expert_matrices *w, int expert, int rows, const float *x, float *y)
{
    const edge_llm_offload_tensor *t = &m->tensors[w->weight - 1];
    for (int r = 0; r < rows; r++)
    {
        int64_t at = expert * t->ne[1] + w->first_row + r;
        y[r] = defined_product(t->type, (const uint8_t *)t->data + (uint64_t)at * t->row_bytes, x, (int)t->ne[0]);
        if (w->bias) y[r] = y[r] + vector(m, w->bias)[at];
    }
}

static void add_expert(const test_model *m, const edge_llm_offload_experts *x, int expert, float weight, const float *h, float *y)
{
    float up[WIDEST], gate[WIDEST], down[WIDEST];
    expert_rows(m, &x->up, expert, x->width, h, up);
    if (x->gate.weight) expert_rows(m, &x->gate, expert, x->width, h, gate);
    for (int i = 0; i < x->width; i++)
        up[i] = x->gate.weight ? defined_activation(gate[i], x->activation) * defined_partner(up[i], x->activation) : defined_activation(up[i], x->activation);
    expert_rows(m, &x->down, expert, m->s.hidden, up, down);
    for (int i = 0; i < m->s.hidden; i++) y[i] = fmaf(down[i], weight, y[i]);
}

static void dense(const test_model *m, const edge_llm_offload_feed_forward *f, bool plain, const float *h, float *y)
{
    float up[WIDEST], gate[WIDEST];
    int n = linear(m, &f->up, h, up);
    if (!plain) linear(m, &f->gate, h, gate);
    for (int i = 0; i < n; i++)
        up[i] = plain ? defined_activation(up[i], f->activation) : defined_activation(gate[i], f->activation) * defined_partner(up[i], f->activation);
    linear(m, &f->down, up, y);
}

void defined_network(const test_model *m, int layer, const float *h, float *y)
{
    if (m->layers[layer].feed_forward_kind != EDGE_LLM_OFFLOAD_EXPERTS) return dense(m, &m->networks[layer], m->s.plain, h, y);
    const edge_llm_offload_experts *x = &m->experts[layer];
    float logits[WIDEST], weights[WIDEST], shared[WIDEST];
    linear(m, &x->router, h, logits);
    defined_choice(x, vector(m, x->choice_bias), logits, weights);
    for (int i = 0; i < m->s.hidden; i++) y[i] = 0;
    for (int e = 0; e < x->count; e++)
        if (!isnan(weights[e])) add_expert(m, x, e, weights[e], h, y);
    if (x->shared_kind) dense(m, &m->networks[layer], x->shared_kind == EDGE_LLM_OFFLOAD_PLAIN, h, shared);
    if (x->shared_gate.weight)
    {
        float gate;
        linear(m, &x->shared_gate, h, &gate);
        for (int i = 0; i < m->s.hidden; i++) shared[i] = shared[i] * defined_sigmoid(gate);
    }
    for (int i = 0; i < m->s.hidden; i++)
    {
        if (x->shared_kind) y[i] = y[i] + shared[i];
        if (x->output_scale != 0) y[i] = y[i] * x->output_scale;
    }
}

static void add(const test_model *m, const edge_llm_offload_layer *l, const edge_llm_offload_norm *after, float *branch, float *x)
{
    norm(m, after, branch, branch, m->s.hidden);
    for (int i = 0; i < m->s.hidden; i++)
    {
        if (l->residual_scale != 0) branch[i] = branch[i] * l->residual_scale;
        x[i] = x[i] + branch[i];
    }
}

static void run_layer(defined_text *t, int layer, int position, float *x)
{
    const test_model *m = t->m;
    const edge_llm_offload_layer *l = &m->layers[layer];
    const edge_llm_offload_attention *a = &m->attention[layer];
    float h[WIDEST], qkv[WIDEST], mixed[WIDEST], branch[WIDEST], result[WIDEST];
    norm(m, &l->mixer_norm, x, h, m->s.hidden);
    int n = linear(m, &a->q, h, qkv);
    n += linear(m, &a->k, h, qkv + n);
    linear(m, &a->v, h, qkv + n);
    defined_mixer(t, layer, position, qkv, mixed);
    linear(m, &a->output, mixed, branch);
    if (l->topology == EDGE_LLM_OFFLOAD_PARALLEL)
    {
        if (l->feed_forward_norm.kind) norm(m, &l->feed_forward_norm, x, h, m->s.hidden);
        defined_network(m, layer, h, result);
        add(m, l, &l->after_mixer, branch, x);
        add(m, l, &l->after_feed_forward, result, x);
        return;
    }
    add(m, l, &l->after_mixer, branch, x);
    norm(m, &l->feed_forward_norm, x, h, m->s.hidden);
    defined_network(m, layer, h, result);
    add(m, l, &l->after_feed_forward, result, x);
}

defined_text *define_text(const test_model *m, int text, int shared, int tokens)
{
    const shape *s = &m->s;
    defined_text *t = calloc(1, sizeof *t);
    size_t row = (size_t)s->hidden * sizeof(float);
    t->m = m;
    for (int i = 0; i <= m->layer_count; i++) t->streams[i] = calloc(TOKENS, row);
    for (int i = 0; i < m->layer_count; i++)
    {
        t->keys[i] = calloc(TOKENS, (size_t)(s->kv_heads * s->key_dim) * sizeof(float));
        t->values[i] = calloc(TOKENS, (size_t)(s->kv_heads * s->value_dim) * sizeof(float));
    }
    t->normed = calloc(TOKENS, row);
    t->logits = calloc(TOKENS, (size_t)s->vocabulary * sizeof(float));
    for (int p = 0; p < tokens; p++)
    {
        const float *input = m->hidden[p < shared ? 0 : text] + p * s->hidden;
        float *logits = t->logits + p * s->vocabulary;
        memcpy(t->streams[0] + p * s->hidden, input, row);
        for (int i = 0; i < m->layer_count; i++)
        {
            float *x = t->streams[i + 1] + p * s->hidden;
            memcpy(x, t->streams[i] + p * s->hidden, row);
            run_layer(t, i, p, x);
        }
        norm(m, &m->final_norm, t->streams[m->layer_count] + p * s->hidden, t->normed + p * s->hidden, s->hidden);
        linear(m, &m->output, t->normed + p * s->hidden, logits);
        for (int i = 0; i < s->vocabulary && s->output_softcap != 0; i++) logits[i] = defined_soft_cap(logits[i], s->output_softcap);
    }
    return t;
}

void defined_free(defined_text *t)
{
    for (int i = 0; i <= t->m->layer_count; i++) free(t->streams[i]);
    for (int i = 0; i < t->m->layer_count; i++)
    {
        free(t->keys[i]);
        free(t->values[i]);
    }
    free(t->normed);
    free(t->logits);
    free(t);
}
