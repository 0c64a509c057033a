/* What a batch brings: rotations, positions, block numbers, chosen rows. */
#include <stdlib.h>
#include <string.h>

#include "metal_stage.h"

typedef struct {
    uint8_t *memory;                        /* NULL: to know the size */
    uint64_t used;
} arena;

static void *room(arena *a, uint64_t values)
{
    void *at = a->memory ? a->memory + a->used : NULL;
    a->used = plus(a->used, round_up(times(values, 4), 64) + 64);
    return at;
}

static int32_t blocks_of(const edge_llm_offload_run *run)
{
    return (run->position + run->rows - 1) / EDGE_LLM_OFFLOAD_BLOCK + 1;
}

static int width_of(const stage *s, int rope)
{
    int width = 0;
    for (int i = 0; i < s->m.d.layer_count; i++)
    {
        const edge_llm_offload_rope *r = &s->m.layers[i].a.rope;
        if (s->m.layers[i].l.mixer_kind != 0 && r->table == (uint32_t)rope + 1 && r->dimensions > width) width = r->dimensions;
    }
    return width;
}

static uint64_t lay_out(const metal_stage *s, const edge_llm_offload_batch *b, batch_inputs *in, uint8_t *memory)
{
    const edge_llm_offload_stage_desc *d = &s->base->m.d;
    arena a = {memory, 0};
    uint64_t rows = (uint64_t)b->rows, wanted = (uint64_t)b->output_count, blocks = 0, values = 0;
    for (int i = 0; i < b->run_count && d->group_count > 0; i++) blocks += (uint64_t)blocks_of(&b->runs[i]);
    for (int i = 0; i < d->layer_count; i++)
    {
        const edge_llm_offload_attention *at = &s->base->m.layers[i].a;
        uint64_t all = (uint64_t)at->heads * (uint64_t)at->value_dim;
        if (all > values) values = all;
    }
    memset(in, 0, sizeof *in);
    in->positions = room(&a, rows);
    in->all = room(&a, rows);
    in->starts = room(&a, rows);
    in->wanted = room(&a, wanted);
    in->flag = room(&a, 1);
    for (int g = 0; g < d->group_count; g++) in->tables[g] = room(&a, blocks);
    for (int r = 0; r < d->rope_count; r++)
    {
        in->cosines[r] = room(&a, times(rows, (uint64_t)width_of(s->base, r)));
        in->sines[r] = room(&a, times(rows, (uint64_t)width_of(s->base, r)));
    }
    in->x = room(&a, times(wanted, (uint64_t)d->hidden));
    in->h = room(&a, times(wanted, (uint64_t)d->hidden));
    in->block = room(&a, times(rows, values));
    in->logits = room(&a, times(wanted, (uint64_t)d->vocabulary));
    return a.used;
}

static void fill_runs(const metal_stage *s, const edge_llm_offload_batch *b, batch_inputs *in)
{
    int32_t start = 0;
    for (int i = 0; i < b->run_count; i++)
    {
        const edge_llm_offload_run *run = &b->runs[i];
        int32_t blocks = blocks_of(run);
        for (int r = 0; r < run->rows; r++)
        {
            in->positions[run->row + r] = run->position + r;
            in->starts[run->row + r] = start;
        }
        for (int g = 0; g < s->base->m.d.group_count; g++)
            if (s->base->windows[g] != NO_LAYERS) memcpy(in->tables[g] + start, run->tables[g], (size_t)blocks * sizeof start);
        start += blocks;
    }
}

bool inputs_make(metal_stage *s, const edge_llm_offload_batch *b, batch_inputs *in)
{
    bool has_cache = false;
    uint64_t bytes = lay_out(s, b, in, NULL);
    if (bytes > s->memory.bytes)
    {
        gpu_forget(s->gpu, s->memory.pages);
        free(s->memory.taken);
        memset(&s->memory, 0, sizeof s->memory);
        if (!pages_take(&s->memory, bytes)) return false;
        if (!gpu_use(s->gpu, s->memory.pages, s->memory.bytes)) return false;
    }
    lay_out(s, b, in, s->memory.pages);
    *in->flag = 0;
    for (int i = 0; i < b->rows; i++) in->all[i] = i;
    if (b->output_count > 0) memcpy(in->wanted, b->output_rows, (size_t)b->output_count * sizeof *in->wanted);
    for (int g = 0; g < s->base->m.d.group_count; g++) has_cache |= s->base->windows[g] != NO_LAYERS;
    if (has_cache) fill_runs(s, b, in);
    for (int r = 0; r < s->base->m.d.rope_count; r++)
    {
        const edge_llm_offload_rope_table *table = &s->base->w.ropes[r];
        size_t width = (size_t)width_of(s->base, r);
        for (int i = 0; i < b->rows && has_cache && width > 0; i++)
        {
            memcpy(in->cosines[r] + (size_t)i * width, table->cos + (int64_t)i * table->stride, width * sizeof(float));
            memcpy(in->sines[r] + (size_t)i * width, table->sin + (int64_t)i * table->stride, width * sizeof(float));
        }
    }
    return true;
}
