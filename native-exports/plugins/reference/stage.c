/* Makes and destroys stages. */
#include "stage.h"

#include <stdlib.h>
#include <string.h>

#include "products.h"
#include "router.h"

/* The widest rows of each kind that layers need. */
typedef struct {
    uint64_t qkv, mixed, network, value, logits, choice, used;
} widths;

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t not_negative(int64_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static widths widths_of(const model *m, int first)
{
    widths w = {0};
    for (int i = first; i < m->d.layer_count; i++)
    {
        const edge_llm_offload_attention *a = &m->layers[i].a;
        const edge_llm_offload_experts *x = &m->layers[i].x;
        uint32_t up = m->layers[i].f.up.weight;
        w.qkv = most(w.qkv, not_negative((int64_t)a->heads * a->key_dim + (int64_t)a->kv_heads * ((int64_t)a->key_dim + a->value_dim)));
        w.mixed = most(w.mixed, not_negative((int64_t)a->heads * a->value_dim));
        w.value = most(w.value, not_negative(a->value_dim));
        if (up >= 1 && up <= (uint32_t)m->d.tensor_count) w.network = most(w.network, not_negative(m->tensors[up - 1].t.ne[1]));
        if (m->layers[i].l.feed_forward_kind != EDGE_LLM_OFFLOAD_EXPERTS) continue;
        w.network = most(w.network, not_negative(x->width));
        w.logits = most(w.logits, not_negative(x->count));
        w.choice = most(w.choice, choice_floats(x));
        w.used = most(w.used, not_negative(x->used));
    }
    return w;
}

/* Lays the workspace out from an address, or from 0 to know its size. */
static uint64_t lay_out(const model *m, int first, workspace *w, uint8_t *memory)
{
    widths wide = widths_of(m, first);
    uint64_t rows = (uint64_t)m->d.max_rows, hidden = (uint64_t)m->d.hidden, longest = most(most(hidden, wide.mixed), wide.network), used = 0;
#define ROOM(pointer, bytes) \
    do \
    { \
        w->pointer = memory ? (void *)(memory + used) : NULL; \
        used = plus(used, plus(bytes, 63) / 64 * 64); \
    } while (0)
    ROOM(x, times(rows, 4 * hidden));
    ROOM(h, times(rows, 4 * hidden));
    ROOM(branch, times(rows, 4 * hidden));
    ROOM(result, times(rows, 4 * hidden));
    ROOM(qkv, times(rows, times(4, wide.qkv)));
    ROOM(mixed, times(rows, times(4, wide.mixed)));
    ROOM(gate, times(rows, times(4, wide.network)));
    ROOM(up, times(rows, times(4, wide.network)));
    ROOM(logits, times(rows, times(4, wide.logits)));
    ROOM(shared, wide.logits ? times(rows, 4 * hidden) : 0);
    ROOM(choice, times(4, wide.choice));
    ROOM(weights, times(4, wide.used));
    ROOM(one, 4 * hidden);
    ROOM(chosen, times(4, wide.used));
    ROOM(block, times(4, wide.value));
    ROOM(packed, product_bytes(rows, longest));
    ROOM(places, times(rows, sizeof *w->places));
    ROOM(ropes, times((uint64_t)m->d.rope_count, sizeof *w->ropes));
#undef ROOM
    return used;
}

uint64_t workspace_bytes(const model *m, int first)
{
    workspace w;
    return lay_out(m, first, &w, NULL);
}

static status check(const stage *s, error *e)
{
    const model *m = &s->m;
    for (int i = 0; i < m->d.tensor_count; i++)
        if (!m->tensors[i].t.data) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "%s has no data", m->tensors[i].name);
    for (int i = 0; i < m->d.layer_count; i++)
    {
        uint32_t flags = m->layers[i].l.flags & (EDGE_LLM_OFFLOAD_HOST_MIXER | EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD);
        if (flags && !s->host->host_part)
            return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "layer %d: a part is the host's, which has no host_part", m->layers[i].l.number);
        status taken = takes_layer(m, i, e);
        if (taken != EDGE_LLM_OFFLOAD_OK) return taken;
    }
    return takes_output(m, e);
}

bool pages_take(page_memory *m, uint64_t bytes)
{
    if (bytes > SIZE_MAX - 2 * PAGE) return false;
    m->bytes = round_up(bytes, PAGE);
    m->taken = calloc(1, (size_t)m->bytes + PAGE);
    if (m->taken) m->pages = m->taken + (PAGE - (uintptr_t)m->taken % PAGE) % PAGE;
    return m->taken;
}

static bool allocate(stage *s)
{
    const model *m = &s->m;
    s->caches = calloc((size_t)m->d.group_count + 1, sizeof *s->caches);
    s->windows = calloc((size_t)m->d.group_count + 1, sizeof *s->windows);
    s->work_bytes = workspace_bytes(m, 0);
    if (!s->caches || !s->windows || !pages_take(&s->memory, s->work_bytes)) return false;
    lay_out(m, 0, &s->w, s->memory.pages);
    for (int i = 0; i < m->d.group_count; i++)
    {
        const edge_llm_offload_cache_group *g = &m->groups[i];
        uint64_t bytes = times(g->block_bytes, (uint64_t)g->blocks);
        s->cache_bytes = plus(s->cache_bytes, bytes);
        if (!pages_take(&s->caches[i], bytes)) return false;
    }
    return true;
}

static void find_windows(stage *s)
{
    for (int g = 0; g < s->m.d.group_count; g++) s->windows[g] = NO_LAYERS;
    for (int i = 0; i < s->m.d.layer_count; i++)
    {
        const layer *l = &s->m.layers[i];
        if (l->l.mixer_kind == 0 || (l->l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER)) continue;
        int32_t *window = &s->windows[l->a.group];
        *window = *window == 0 || l->a.window == 0 ? 0 : l->a.window > *window ? l->a.window : *window;
    }
}

status stage_create(const edge_llm_offload_host *host, int32_t device, const edge_llm_offload_stage_desc *desc, stage **made, error *e)
{
    stage *s = calloc(1, sizeof *s);
    if (!s) return fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "no memory for a stage");
    s->host = host;
    s->device = device;
    status result = model_read(&s->m, desc, e);
    if (result == EDGE_LLM_OFFLOAD_OK) result = check(s, e);
    if (result == EDGE_LLM_OFFLOAD_OK && !allocate(s))
        result = fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "no memory for %llu bytes of cache and %llu of work", (unsigned long long)s->cache_bytes,
            (unsigned long long)s->work_bytes);
    if (result != EDGE_LLM_OFFLOAD_OK)
    {
        stage_destroy(s);
        return result;
    }
    find_windows(s);
    s->weight_bytes = output_bytes(&s->m);
    for (int i = 0; i < s->m.d.layer_count; i++) s->weight_bytes += weight_bytes(&s->m, i);
    *made = s;
    return EDGE_LLM_OFFLOAD_OK;
}

void stage_destroy(stage *s)
{
    if (!s) return;
    for (int i = 0; s->caches && i < s->m.d.group_count; i++) free(s->caches[i].taken);
    free(s->caches);
    free(s->windows);
    free(s->memory.taken);
    model_free(&s->m);
    free(s);
}

status stage_find_block(const stage *s, uint32_t group, int32_t block, uint64_t bytes, uint8_t **found, error *e)
{
    if (group >= (uint32_t)s->m.d.group_count) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "cache group %u: there are %d", group, s->m.d.group_count);
    const edge_llm_offload_cache_group *g = &s->m.groups[group];
    if (block < 0 || block >= g->blocks) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "block %d of cache group %u: expected 0 to %d", block, group, g->blocks - 1);
    if (bytes != g->block_bytes)
        return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "a block of %llu bytes: cache group %u has blocks of %llu", (unsigned long long)bytes, group,
            (unsigned long long)g->block_bytes);
    *found = s->caches[group].pages + (uint64_t)block * g->block_bytes;
    return EDGE_LLM_OFFLOAD_OK;
}

status stage_copy_block(const stage *s, uint32_t group, int32_t from, int32_t to, error *e)
{
    uint8_t *source, *target;
    uint64_t bytes = group < (uint32_t)s->m.d.group_count ? s->m.groups[group].block_bytes : 0;
    status r = stage_find_block(s, group, from, bytes, &source, e);
    if (r == EDGE_LLM_OFFLOAD_OK) r = stage_find_block(s, group, to, bytes, &target, e);
    if (r == EDGE_LLM_OFFLOAD_OK && source != target) memcpy(target, source, (size_t)bytes);
    return r;
}

cache cache_of(const stage *s, const edge_llm_offload_attention *a)
{
    const edge_llm_offload_cache_group *g = &s->m.groups[a->group];
    return (cache){s->caches[a->group].pages + a->slot * slot_bytes(g), g->block_bytes, key_bytes(g), value_bytes(g), g->key_type, g->value_type};
}
