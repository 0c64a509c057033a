/* Describes a stage of some of a model's layers. */
#include <string.h>

#include "models.h"
#include "formats.h"
#include "values.h"

uint64_t padded_bytes(uint32_t type, int32_t values)
{
    return (uint64_t)((values + 31) / 32 * 32) * (type == F32 ? 4 : 2);
}

void describe_groups(const test_model *m, description *d)
{
    const shape *s = &m->s;
    d->d.group_count = 0;
    memset(d->groups, 0, sizeof d->groups);
    for (int windowed = 0; windowed < GROUPS; windowed++)
    {
        edge_llm_offload_cache_group *g = &d->groups[d->d.group_count];
        uint32_t layers = 0;
        for (int i = 0; i < d->d.layer_count; i++)
        {
            if ((d->attention[i].window != 0) != windowed || (d->layers[i].flags & EDGE_LLM_OFFLOAD_HOST_MIXER)) continue;
            d->attention[i].group = (uint32_t)d->d.group_count;
            d->attention[i].slot = layers++;
        }
        if (layers == 0) continue;
        g->struct_size = sizeof *g;
        g->key_type = s->key_type;
        g->value_type = s->value_type;
        g->layers = (int32_t)layers;
        g->heads = s->kv_heads;
        g->key_dim = s->key_dim;
        g->value_dim = s->value_dim;
        g->blocks = BLOCKS;
        g->block_bytes = layers * EDGE_LLM_OFFLOAD_BLOCK * (uint64_t)s->kv_heads * (padded_bytes(s->key_type, s->key_dim) + padded_bytes(s->value_type, s->value_dim));
        d->group_of[d->d.group_count++] = windowed;
    }
}

void describe(const test_model *m, int first, int count, bool output, description *d)
{
    memset(d, 0, sizeof *d);
    memcpy(d->tensors, m->tensors, sizeof d->tensors);
    for (int i = 0; i < count; i++)
    {
        d->layers[i] = m->layers[first + i];
        d->attention[i] = m->attention[first + i];
        d->networks[i] = m->networks[first + i];
        d->layers[i].mixer = &d->attention[i];
        d->experts[i] = m->experts[first + i];
        d->experts[i].shared = d->experts[i].shared_kind ? &d->networks[i] : NULL;
        d->layers[i].feed_forward = &d->networks[i];
        if (d->layers[i].feed_forward_kind == EDGE_LLM_OFFLOAD_EXPERTS) d->layers[i].feed_forward = &d->experts[i];
    }
    d->d.struct_size = sizeof d->d;
    d->d.architecture = "test";
    d->d.hidden = m->s.hidden;
    d->d.vocabulary = m->s.vocabulary;
    d->d.layer_count = count;
    d->d.tensor_count = m->tensor_count;
    d->d.rope_count = m->rope_width > 0;
    d->d.max_rows = d->d.max_output_rows = TOKENS;
    d->d.layers = d->layers;
    d->d.tensors = d->tensors;
    d->d.groups = d->groups;
    d->d.arithmetic = EDGE_LLM_OFFLOAD_ARITHMETIC;
    if (output)
    {
        d->d.final_norm = m->final_norm;
        d->d.output = m->output;
        d->d.output_softcap = m->s.output_softcap;
    }
    describe_groups(m, d);
}
