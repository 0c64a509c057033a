/* Makes the models. */
#include "models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats.h"
#include "values.h"

#define DENSE .hidden = 64, .heads = 4, .kv_heads = 2, .key_dim = 16, .value_dim = 16, .width = 96, .vocabulary = 50
#define QUANT .hidden = 256, .heads = 8, .kv_heads = 2, .key_dim = 32, .value_dim = 32, .width = 256, .vocabulary = 33
enum { RMS = EDGE_LLM_OFFLOAD_NORM_RMS, LAYER = EDGE_LLM_OFFLOAD_NORM_LAYER };
enum { PRE = EDGE_LLM_OFFLOAD_PRE, PARALLEL = EDGE_LLM_OFFLOAD_PARALLEL };
enum { SOFTMAX = EDGE_LLM_OFFLOAD_GATING_SOFTMAX, SIGMOID = EDGE_LLM_OFFLOAD_GATING_SIGMOID, OF_CHOSEN = EDGE_LLM_OFFLOAD_GATING_SOFTMAX_OF_CHOSEN };
enum { GATED = EDGE_LLM_OFFLOAD_GATED, PLAIN = EDGE_LLM_OFFLOAD_PLAIN };
enum { SILU = EDGE_LLM_OFFLOAD_SILU, GELU = EDGE_LLM_OFFLOAD_GELU, RELU = EDGE_LLM_OFFLOAD_RELU, SQUARED = EDGE_LLM_OFFLOAD_RELU_SQUARED, OAI = EDGE_LLM_OFFLOAD_SWIGLU_OAI };

const shape shapes[] = {
    {"F32", F32, F32, DENSE, .key_type = F32, .value_type = F32, .topology = PRE, .norm = RMS, .activation = SILU, .halves = true},
    {"F16", F16, F16, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU},
    {"Q8_0", Q8_0, Q8_0, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU},
    {"Q4_K with a Q6_K output", Q4_K, Q6_K, QUANT, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU, .halves = true},
    {"Q6_K with a F16 output", Q6_K, F16, QUANT, .key_type = F32, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU},
    {"Q4_0", Q4_0, Q4_0, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU},
    {"MXFP4", MXFP4, Q8_0, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU, .halves = true},
    {"Q2_K with a Q5_K output", Q2_K, Q5_K, QUANT, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU},
    {"Q3_K with a F32 output", Q3_K, F32, QUANT, .key_type = F16, .value_type = F32, .topology = PRE, .norm = RMS, .activation = SILU, .halves = true},
    {"Q5_K", Q5_K, Q5_K, QUANT, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = GELU},
    {"head norms, biases", F16, F16, DENSE, .key_type = F16, .value_type = F32, .topology = PRE, .norm = RMS, .activation = SILU, .head_norms = 1, .biases = true,
        .halves = true},
    {"all heads normed at once", F32, Q8_0, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU, .head_norms = 2},
    {"head norms without weights", Q8_0, F32, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU, .head_norms = 3},
    {"windows, soft-caps, norms behind", Q8_0, F16, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = GELU, .window = 3,
        .softcap = 3, .output_softcap = 2, .after_norms = true, .halves = true},
    {"sinks, a window, factors", F16, F32, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU, .window = 65, .sinks = true,
        .residual_scale = 0.22f, .product_scale = 0.5f, .halves = true},
    {"parallel", Q8_0, Q8_0, DENSE, .key_type = F16, .value_type = F16, .topology = PARALLEL, .norm = LAYER, .activation = GELU, .plain = true, .biases = true,
        .rope_dimensions = 8, .halves = true},
    {"parallel with its own norm", F16, F16, DENSE, .key_type = F16, .value_type = F16, .topology = PARALLEL, .norm = RMS, .activation = SILU, .own_norm = true,
        .rope_dimensions = 8, .rope_offset = 4},
    {"plain network, no rotation", F32, F32, DENSE, .key_type = F32, .value_type = F16, .topology = PRE, .norm = LAYER, .activation = RELU, .plain = true,
        .rope_dimensions = -1, .biases = true},
    {"odd heads", F16, F16, .hidden = 40, .heads = 3, .kv_heads = 1, .key_dim = 24, .value_dim = 20, .width = 56, .vocabulary = 37, .key_type = F16,
        .value_type = F32, .topology = PRE, .norm = RMS, .activation = SQUARED, .plain = true, .halves = true},
    {"experts in F16", F16, F32, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU, .experts = 8, .used = 3,
        .gating = SOFTMAX, .normalize = true, .twins = true},
    {"experts in Q4_K beside a gated shared one", Q4_K, Q6_K, QUANT, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU,
        .halves = true, .experts = 5, .used = 2, .gating = SOFTMAX, .shared_kind = GATED, .shared_gate = true, .output_scale = 0.5f},
    {"experts in Q8_0 in groups", Q8_0, Q8_0, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = SILU, .halves = true,
        .experts = 24, .used = 5, .groups = 6, .groups_used = 2, .gating = SIGMOID, .choice_bias = true, .normalize = true, .router_bias = -11.5f,
        .weight_scale = 2.5f, .shared_kind = GATED},
    {"experts in Q6_K, gates and ups in one tensor", Q6_K, Q8_0, QUANT, .key_type = F32, .value_type = F16, .topology = PRE, .norm = RMS, .activation = GELU,
        .experts = 3, .used = 3, .gating = SOFTMAX, .normalize = true, .gate_and_up = true, .after_norms = true},
    {"experts in MXFP4 with biases", MXFP4, Q8_0, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = OAI, .halves = true,
        .biases = true, .sinks = true, .experts = 9, .used = 4, .gating = OF_CHOSEN},
    {"experts in Q8_0 with biases", Q8_0, F16, DENSE, .key_type = F16, .value_type = F16, .topology = PRE, .norm = RMS, .activation = OAI, .halves = true,
        .biases = true, .experts = 9, .used = 4, .gating = OF_CHOSEN, .gate_and_up = true},
    {"plain experts, parallel", F16, F16, DENSE, .key_type = F16, .value_type = F16, .topology = PARALLEL, .norm = RMS, .activation = SQUARED, .plain = true,
        .experts = 12, .used = 3, .groups = 12, .groups_used = 7, .gating = SIGMOID, .shared_kind = PLAIN, .choice_bias = true},
};
const int shape_count = sizeof shapes / sizeof *shapes;

float random_float(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (float)(*state >> 8) / 0x1p23f - 1;
}

static uint32_t random_byte(uint32_t *state)
{
    return (uint32_t)((random_float(state) + 1) * 127.99f);
}

static void put_half(uint8_t *at, float value)
{
    uint16_t half = defined_to_half(value);
    at[0] = (uint8_t)half;
    at[1] = (uint8_t)(half >> 8);
}

/* A block's bytes are random, its scales such that weights are about as large as random floats times the factor. */
static void fill(uint8_t *row, uint32_t type, int64_t n, float factor, uint32_t *state)
{
    const format *f = format_of(type);
    for (int64_t i = 0; i < n; i += f->values, row += f->bytes)
    {
        float value = random_float(state) * factor;
        if (type == F32) memcpy(row, &value, sizeof value);
        else if (type == F16) put_half(row, value);
        else for (int j = 0; j < f->bytes; j++) row[j] = (uint8_t)random_byte(state);
        if (f->d_at >= 0) put_half(row + f->d_at, factor * f->d);
        if (f->dmin_at >= 0) put_half(row + f->dmin_at, factor * f->dmin);
        if (type == MXFP4) row[0] = (uint8_t)(120 + row[0] % 3); /* a power of two */
    }
}

static uint32_t add_tensors(test_model *m, uint32_t type, int64_t in, int64_t out, int64_t count, float factor, float offset, uint32_t *state)
{
    edge_llm_offload_tensor *t = &m->tensors[m->tensor_count];
    memset(t, 0, sizeof *t);
    t->struct_size = sizeof *t;
    t->type = type;
    for (int i = 0; i < 4; i++) t->ne[i] = i == 0 ? in : i == 1 ? out : i == 2 ? count : 1;
    t->row_bytes = (uint64_t)(in / format_of(type)->values * format_of(type)->bytes);
    t->name = "a.random.weight";
    out *= count;
    uint8_t *data = malloc(t->row_bytes * (uint64_t)out);
    for (int64_t r = 0; r < out; r++) fill(data + (uint64_t)r * t->row_bytes, type, in, factor, state);
    for (int64_t i = 0; offset != 0 && i < in * out; i++) ((float *)(void *)data)[i] += offset;
    t->data = data;
    return (uint32_t)++m->tensor_count;
}

static uint32_t add_tensor(test_model *m, uint32_t type, int64_t in, int64_t out, float factor, float offset, uint32_t *state)
{
    return add_tensors(m, type, in, out, 1, factor, offset, state);
}

static edge_llm_offload_linear add_linear(test_model *m, int64_t in, int64_t out, bool bias, uint32_t *state)
{
    edge_llm_offload_linear linear = {0};
    linear.weight = add_tensor(m, m->s.type, in, out, 1.5f / sqrtf((float)in), 0, state);
    if (bias) linear.bias = add_tensor(m, F32, out, 1, 0.1f, 0, state);
    linear.scale = m->s.product_scale;
    return linear;
}

static edge_llm_offload_norm add_norm(test_model *m, uint32_t kind, int64_t n, uint32_t *state)
{
    edge_llm_offload_norm norm = {.kind = kind, .epsilon = 1e-5f};
    norm.weight = add_tensor(m, F32, n, 1, 0.3f, 1, state);
    if (kind == LAYER) norm.bias = add_tensor(m, F32, n, 1, 0.1f, 0, state);
    return norm;
}

static edge_llm_offload_norm add_head_norm(test_model *m, int heads, uint32_t *state)
{
    int kind = m->s.head_norms, dim = m->s.key_dim;
    edge_llm_offload_norm none = {0}, bare = {.kind = RMS, .epsilon = 1e-6f};
    if (kind == 0) return none;
    return kind == 3 ? bare : add_norm(m, RMS, kind == 2 ? heads * dim : dim, state);
}

static void add_network(test_model *m, edge_llm_offload_feed_forward *f, uint32_t kind, uint32_t *state)
{
    const shape *s = &m->s;
    f->struct_size = sizeof *f;
    f->activation = s->activation;
    if (kind == GATED) f->gate = add_linear(m, s->hidden, s->width, s->biases, state);
    f->up = add_linear(m, s->hidden, s->width, s->biases, state);
    f->down = add_linear(m, s->width, s->hidden, s->biases, state);
}

static edge_llm_offload_expert_matrices add_matrices(test_model *m, int64_t in, int64_t out, uint32_t *state)
{
    edge_llm_offload_expert_matrices w = {0};
    w.weight = add_tensors(m, m->s.type, in, out, m->s.experts, 1.5f / sqrtf((float)in), 0, state);
    if (m->s.biases) w.bias = add_tensor(m, F32, out, m->s.experts, 9, 0, state); /* beyond the limits of SWIGLU_OAI */
    return w;
}

/* The router is in F32, as in files. */
static void add_experts(test_model *m, int i, uint32_t *state)
{
    const shape *s = &m->s;
    edge_llm_offload_experts *x = &m->experts[i];
    x->struct_size = sizeof *x;
    x->flags = s->normalize ? EDGE_LLM_OFFLOAD_NORMALIZE : 0;
    x->gating = s->gating;
    x->activation = s->activation;
    x->count = s->experts;
    x->used = s->used;
    x->width = format_of(s->type)->values == 256 ? 256 : 32;
    x->groups = s->groups;
    x->groups_used = s->groups_used;
    x->weight_scale = s->weight_scale;
    x->output_scale = s->output_scale;
    x->router.weight = add_tensor(m, F32, s->hidden, s->experts, 2 / sqrtf((float)s->hidden), 0, state);
    if (s->twins)
    {
        uint8_t *rows = (uint8_t *)(uintptr_t)m->tensors[x->router.weight - 1].data;
        size_t bytes = (size_t)s->hidden * sizeof(float);
        for (int e = 1; e < s->experts; e += 2) memcpy(rows + (size_t)e * bytes, rows + (size_t)(e - 1) * bytes, bytes);
    }
    if (s->biases || s->router_bias != 0) x->router.bias = add_tensor(m, F32, s->experts, 1, 0.2f, s->router_bias, state);
    if (s->choice_bias) x->choice_bias = add_tensor(m, F32, s->experts, 1, 0.3f, 0, state);
    x->up = add_matrices(m, s->hidden, s->gate_and_up ? 2 * x->width : x->width, state);
    if (s->gate_and_up) x->gate = x->up;
    else if (!s->plain) x->gate = add_matrices(m, s->hidden, x->width, state);
    if (s->gate_and_up) x->up.first_row = x->width;
    x->down = add_matrices(m, x->width, s->hidden, state);
    x->shared_kind = s->shared_kind;
    if (s->shared_kind) add_network(m, &m->networks[i], s->shared_kind, state);
    if (s->shared_gate) x->shared_gate = add_linear(m, s->hidden, 1, false, state);
}

static void add_layer(test_model *m, int i, uint32_t *state)
{
    const shape *s = &m->s;
    edge_llm_offload_attention *a = &m->attention[i];
    edge_llm_offload_feed_forward *f = &m->networks[i];
    edge_llm_offload_layer *l = &m->layers[i];
    a->struct_size = sizeof *a;
    a->heads = s->heads;
    a->kv_heads = s->kv_heads;
    a->key_dim = s->key_dim;
    a->value_dim = s->value_dim;
    a->scale = 1 / sqrtf((float)s->key_dim);
    a->softcap = s->softcap;
    a->window = i % 2 ? s->window : 0;
    a->q = add_linear(m, s->hidden, s->heads * s->key_dim, s->biases, state);
    a->k = add_linear(m, s->hidden, s->kv_heads * s->key_dim, s->biases, state);
    a->v = add_linear(m, s->hidden, s->kv_heads * s->value_dim, s->biases, state);
    a->output = add_linear(m, s->heads * s->value_dim, s->hidden, s->biases, state);
    a->q_norm = add_head_norm(m, s->heads, state);
    a->k_norm = add_head_norm(m, s->kv_heads, state);
    a->rope.table = m->rope_width > 0;
    a->rope.halves = s->halves;
    a->rope.dimensions = m->rope_width;
    a->rope.offset = s->rope_offset;
    if (s->sinks) a->sinks = add_tensor(m, F32, s->heads, 1, 1, 0, state);
    if (s->experts == 0 || i == 0) add_network(m, f, s->plain ? PLAIN : GATED, state);
    else add_experts(m, i, state);
    l->struct_size = sizeof *l;
    l->topology = s->topology;
    l->mixer_kind = EDGE_LLM_OFFLOAD_ATTENTION;
    l->feed_forward_kind = s->experts != 0 && i != 0 ? EDGE_LLM_OFFLOAD_EXPERTS : s->plain ? PLAIN : GATED;
    l->number = i;
    l->mixer_norm = add_norm(m, s->norm, s->hidden, state);
    if (s->topology == PRE || s->own_norm) l->feed_forward_norm = add_norm(m, s->norm, s->hidden, state);
    if (s->after_norms) l->after_mixer = add_norm(m, s->norm, s->hidden, state);
    if (s->after_norms) l->after_feed_forward = add_norm(m, s->norm, s->hidden, state);
    l->residual_scale = s->residual_scale;
}

static void add_rope(test_model *m)
{
    int n = m->rope_width;
    m->cos = calloc((size_t)(TOKENS * n + 1), sizeof *m->cos);
    m->sin = calloc((size_t)(TOKENS * n + 1), sizeof *m->sin);
    for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < n / 2; i++)
        {
            double angle = t * pow(1000, -2.0 * i / n);
            int p = t * n + (m->s.halves ? i : 2 * i), q = m->s.halves ? p + n / 2 : p + 1;
            m->cos[p] = m->cos[q] = (float)cos(angle);
            m->sin[q] = (float)sin(angle);
            m->sin[p] = -m->sin[q];
        }
}

test_model *model_make(const shape *s, uint32_t seed)
{
    test_model *m = calloc(1, sizeof *m);
    uint32_t state = seed;
    m->s = *s;
    m->layer_count = MOST_LAYERS;
    m->rope_width = s->rope_dimensions == 0 ? s->key_dim : s->rope_dimensions < 0 ? 0 : s->rope_dimensions;
    for (int i = 0; i < m->layer_count; i++) add_layer(m, i, &state);
    m->final_norm = add_norm(m, s->norm, s->hidden, &state);
    m->s.type = s->output_type;
    m->output = add_linear(m, s->hidden, s->vocabulary, s->biases, &state);
    m->s.type = s->type;
    add_rope(m);
    for (int text = 0; text < 2; text++)
    {
        m->hidden[text] = malloc((size_t)(TOKENS * s->hidden) * sizeof(float));
        for (int i = 0; i < TOKENS * s->hidden; i++) m->hidden[text][i] = random_float(&state);
        for (int i = 0; text == 1 && i < 2 * s->hidden; i++) m->hidden[text][i] *= i < s->hidden ? 0 : 0x1p-115f; /* nothing, and next to nothing */
    }
    return m;
}

void model_free(test_model *m)
{
    for (int i = 0; i < m->tensor_count; i++) free((void *)(uintptr_t)m->tensors[i].data);
    free(m->cos);
    free(m->sin);
    free(m->hidden[0]);
    free(m->hidden[1]);
    free(m);
}
