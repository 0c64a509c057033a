/* Reads a description. */
#include "model.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

status fail(error *e, status s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    e->native_code = 0;
    vsnprintf(e->text, sizeof e->text, format, arguments);
    va_end(arguments);
    return s;
}

static uint32_t size_of(const void *p)
{
    uint32_t size;
    memcpy(&size, p, sizeof size);
    return size;
}

bool read_struct(void *to, uint32_t ours, const void *from)
{
    uint32_t size = size_of(from);
    memset(to, 0, ours);
    memcpy(to, from, size < ours ? size : ours);
    for (uint32_t i = ours; i < size; i++)
        if (((const char *)from)[i] != 0) return false;
    return true;
}

void write_struct(void *to, const void *from, uint32_t ours)
{
    uint32_t size;
    memcpy(&size, to, sizeof size);
    if (size > ours) size = ours;
    if (size > sizeof size) memcpy((char *)to + sizeof size, (const char *)from + sizeof size, size - sizeof size);
}

bool read_element(void *to, uint32_t ours, const void *array, int64_t i)
{
    return read_struct(to, ours, (const char *)array + i * size_of(array));
}

uint64_t times(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t round_up(uint64_t n, uint64_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

int block_values(uint32_t type)
{
    return type == TYPE_F32 || type == TYPE_F16 ? 1 : type == TYPE_Q8_0 ? 32 : type == TYPE_Q4_K || type == TYPE_Q6_K ? 256 : 0;
}

int block_bytes(uint32_t type)
{
    return type == TYPE_F32 ? 4 : type == TYPE_F16 ? 2 : type == TYPE_Q8_0 ? 34 : type == TYPE_Q4_K ? 144 : 210;
}

const float *vector_of(const model *m, uint32_t reference)
{
    return reference == 0 ? NULL : m->tensors[reference - 1].t.data;
}

static uint64_t cached_bytes(uint32_t type, int32_t values)
{
    return round_up((uint64_t)values, 32) * (type == TYPE_F32 ? 4 : 2);
}

uint64_t key_bytes(const edge_llm_offload_cache_group *g)
{
    return cached_bytes(g->key_type, g->key_dim);
}

uint64_t value_bytes(const edge_llm_offload_cache_group *g)
{
    return cached_bytes(g->value_type, g->value_dim);
}

uint64_t slot_bytes(const edge_llm_offload_cache_group *g)
{
    return times(times(EDGE_LLM_OFFLOAD_BLOCK, (uint64_t)g->heads), key_bytes(g) + value_bytes(g));
}

static status read_numbers(const model *m, error *e)
{
    const edge_llm_offload_stage_desc *d = &m->d;
    const int32_t counts[] = {d->vocabulary, d->layer_count, d->tensor_count, d->group_count, d->rope_count, d->max_output_rows};
    if (d->flags & ~(uint32_t)EDGE_LLM_OFFLOAD_EXACT) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the stage has flags %#x: expected 0 or EXACT", d->flags);
    if (d->hidden < 1 || d->hidden > LONGEST || d->max_rows < 1 || d->max_rows > LONGEST)
        return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "hidden is %d and max_rows %d: expected 1 to %d", d->hidden, d->max_rows, LONGEST);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i] < 0 || counts[i] > LONGEST)
            return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "the stage has a count of %d: expected 0 to %d", counts[i], LONGEST);
    if ((d->layer_count && !d->layers) || (d->tensor_count && !d->tensors) || (d->group_count && !d->groups))
        return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "layers, tensors and groups: expected a pointer where there are any");
    return EDGE_LLM_OFFLOAD_OK;
}

uint32_t dense_kind(const layer *l)
{
    return l->l.feed_forward_kind == EDGE_LLM_OFFLOAD_EXPERTS ? l->x.shared_kind : l->l.feed_forward_kind;
}

static bool is_dense(uint32_t kind)
{
    return kind == EDGE_LLM_OFFLOAD_GATED || kind == EDGE_LLM_OFFLOAD_PLAIN;
}

static status read_layers(model *m, error *e)
{
    for (int i = 0; i < m->d.layer_count; i++)
    {
        layer *l = &m->layers[i];
        l->later = !read_element(&l->l, sizeof l->l, m->d.layers, i);
        if ((l->l.mixer_kind != 0 && !l->l.mixer) || (l->l.feed_forward_kind != 0 && !l->l.feed_forward))
            return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "layer %d: expected a pointer to its mixer and to its network", l->l.number);
        if (l->l.mixer_kind == EDGE_LLM_OFFLOAD_ATTENTION) l->later |= !read_struct(&l->a, sizeof l->a, l->l.mixer);
        if (is_dense(l->l.feed_forward_kind)) l->later |= !read_struct(&l->f, sizeof l->f, l->l.feed_forward);
        if (l->l.feed_forward_kind != EDGE_LLM_OFFLOAD_EXPERTS) continue;
        l->later |= !read_struct(&l->x, sizeof l->x, l->l.feed_forward);
        if (l->x.shared_kind != 0 && !l->x.shared)
            return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "layer %d: expected a pointer to its shared expert", l->l.number);
        if (is_dense(l->x.shared_kind)) l->later |= !read_struct(&l->f, sizeof l->f, l->x.shared);
    }
    return EDGE_LLM_OFFLOAD_OK;
}

static status read_groups(model *m, error *e)
{
    for (int i = 0; i < m->d.group_count; i++)
    {
        edge_llm_offload_cache_group *g = &m->groups[i];
        if (!read_element(g, sizeof *g, m->d.groups, i)) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "cache group %d uses a field of a later version", i);
        const int32_t sizes[] = {g->layers, g->heads, g->key_dim, g->value_dim, g->blocks};
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
            if (sizes[j] < 0 || sizes[j] > LONGEST)
                return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "cache group %d has a size of %d: expected 0 to %d", i, sizes[j], LONGEST);
        if (g->key_type > TYPE_F16 || g->value_type > TYPE_F16) continue; /* the layers in it are refused */
        if (g->block_bytes != times((uint64_t)g->layers, slot_bytes(g)))
            return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "cache group %d has blocks of %llu bytes: expected %llu", i, (unsigned long long)g->block_bytes,
                (unsigned long long)times((uint64_t)g->layers, slot_bytes(g)));
    }
    return EDGE_LLM_OFFLOAD_OK;
}

static void read_tensors(model *m)
{
    for (int i = 0; i < m->d.tensor_count; i++)
    {
        tensor *t = &m->tensors[i];
        t->later = !read_element(&t->t, sizeof t->t, m->d.tensors, i);
        snprintf(t->name, sizeof t->name, "%s", t->t.name ? t->t.name : "a tensor without a name");
    }
}

status model_read(model *m, const edge_llm_offload_stage_desc *desc, error *e)
{
    memset(m, 0, sizeof *m);
    if (!read_struct(&m->d, sizeof m->d, desc)) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the stage uses a field of a later version");
    status s = read_numbers(m, e);
    if (s != EDGE_LLM_OFFLOAD_OK) return s;
    m->layers = calloc((size_t)m->d.layer_count + 1, sizeof *m->layers);
    m->tensors = calloc((size_t)m->d.tensor_count + 1, sizeof *m->tensors);
    m->groups = calloc((size_t)m->d.group_count + 1, sizeof *m->groups);
    if (!m->layers || !m->tensors || !m->groups) s = fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "no memory for a description of %d layers", m->d.layer_count);
    if (s == EDGE_LLM_OFFLOAD_OK) s = read_groups(m, e);
    if (s == EDGE_LLM_OFFLOAD_OK) s = read_layers(m, e);
    if (s == EDGE_LLM_OFFLOAD_OK) read_tensors(m);
    if (s != EDGE_LLM_OFFLOAD_OK) model_free(m);
    return s;
}

void model_free(model *m)
{
    free(m->layers);
    free(m->tensors);
    free(m->groups);
    memset(m, 0, sizeof *m);
}
