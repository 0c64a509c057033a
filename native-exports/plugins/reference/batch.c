/* Checks a batch, and finds each row's place. */
#include "stage.h"

#include <string.h>

#define INVALID(...) fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, __VA_ARGS__)

static bool has_cache(const layer *l)
{
    return l->l.mixer_kind != 0 && !(l->l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER);
}

static int64_t out_width(const stage *s, const edge_llm_offload_batch *b)
{
    return s->m.d.output.weight != 0 && !(b->flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN) ? s->m.d.vocabulary : s->m.d.hidden;
}

static status check_rows(const stage *s, const edge_llm_offload_batch *b, error *e)
{
    const edge_llm_offload_stage_desc *d = &s->m.d;
    if (b->flags & ~(uint32_t)EDGE_LLM_OFFLOAD_WANT_HIDDEN) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the batch has flags %#x: expected 0 or WANT_HIDDEN", b->flags);
    if (b->rows < 1 || b->rows > d->max_rows) return INVALID("the batch has %d rows: expected 1 to %d", b->rows, d->max_rows);
    if (b->output_count < 0 || b->output_count > b->rows || b->output_count > d->max_output_rows)
        return INVALID("the batch has %d output rows of %d: expected at most %d", b->output_count, b->rows, d->max_output_rows);
    if (!b->hidden || b->hidden_stride < d->hidden) return INVALID("hidden rows are %d apart: expected at least %d, and a pointer", b->hidden_stride, d->hidden);
    if (b->output_count == 0) return EDGE_LLM_OFFLOAD_OK;
    if (!b->out || !b->output_rows || b->out_stride < out_width(s, b))
        return INVALID("rows of results are %d apart: expected at least %lld, and pointers", b->out_stride, (long long)out_width(s, b));
    for (int i = 0; i < b->output_count; i++)
        if (b->output_rows[i] < 0 || b->output_rows[i] >= b->rows || (i > 0 && b->output_rows[i] <= b->output_rows[i - 1]))
            return INVALID("output row %d is %d: expected ascending rows below %d", i, b->output_rows[i], b->rows);
    return EDGE_LLM_OFFLOAD_OK;
}

static status check_ropes(stage *s, const edge_llm_offload_batch *b, error *e)
{
    int tables = s->m.d.rope_count;
    if (b->rope_count < tables || (tables > 0 && !b->ropes)) return INVALID("the batch has %d rope tables: expected %d", b->rope_count, tables);
    for (int i = 0; i < tables; i++)
        if (!read_element(&s->w.ropes[i], sizeof *s->w.ropes, b->ropes, i))
            return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "rope table %d uses a field of a later version", i);
    for (int i = 0; i < s->m.d.layer_count; i++)
    {
        const layer *l = &s->m.layers[i];
        const edge_llm_offload_rope *rope = &l->a.rope;
        if (!has_cache(l) || rope->table == 0) continue;
        const edge_llm_offload_rope_table *table = &s->w.ropes[rope->table - 1];
        if (!table->cos || !table->sin || table->width < rope->dimensions || table->stride < table->width)
            return INVALID("rope table %u has rows of %d values, %d apart: expected at least %d", rope->table - 1, table->width, table->stride, rope->dimensions);
    }
    return EDGE_LLM_OFFLOAD_OK;
}

/* The block numbers that a run's rows read and write. */
static status check_table(const stage *s, const edge_llm_offload_run *run, int group, error *e)
{
    const edge_llm_offload_cache_group *g = &s->m.groups[group];
    if (s->windows[group] == NO_LAYERS) return EDGE_LLM_OFFLOAD_OK;
    if (!run->tables || !run->tables[group]) return INVALID("the run at row %d has no table for cache group %d", run->row, group);
    for (int32_t i = first_seen(run->position, s->windows[group]) / EDGE_LLM_OFFLOAD_BLOCK; i <= (run->position + run->rows - 1) / EDGE_LLM_OFFLOAD_BLOCK; i++)
        if (run->tables[group][i] < 0 || run->tables[group][i] >= g->blocks)
            return INVALID("cache group %d: block %d of the run at row %d is %d: expected 0 to %d", group, i, run->row, run->tables[group][i], g->blocks - 1);
    return EDGE_LLM_OFFLOAD_OK;
}

static status check_runs(stage *s, const edge_llm_offload_batch *b, error *e)
{
    bool has_any = false;
    for (int i = 0; i < s->m.d.layer_count; i++) has_any |= has_cache(&s->m.layers[i]);
    if (s->m.d.layer_count == 0 && b->run_count != 0) return INVALID("the batch has %d runs: expected none for a stage without layers", b->run_count);
    if (!has_any) return EDGE_LLM_OFFLOAD_OK; /* nobody asks where the rows stand */
    if (b->run_count < 1 || b->run_count > b->rows || !b->runs) return INVALID("the batch has %d runs for %d rows", b->run_count, b->rows);
    memset(s->w.places, 0, (size_t)b->rows * sizeof *s->w.places);
    int placed = 0;
    for (int i = 0; i < b->run_count; i++)
    {
        const edge_llm_offload_run *run = &b->runs[i];
        if (run->reserved != 0) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "run %d uses a field of a later version", i);
        if (run->row < 0 || run->rows < 1 || run->rows > b->rows - run->row || run->position < 0 || run->position > INT32_MAX - run->rows)
            return INVALID("run %d has %d rows from %d on at position %d: expected some of %d", i, run->rows, run->row, run->position, b->rows);
        for (int group = 0; group < s->m.d.group_count; group++)
        {
            status r = check_table(s, run, group, e);
            if (r != EDGE_LLM_OFFLOAD_OK) return r;
        }
        for (int row = 0; row < run->rows; row++)
        {
            row_place *place = &s->w.places[run->row + row];
            if (place->run) return INVALID("row %d is in two runs", run->row + row);
            *place = (row_place){run, run->position + row};
            placed++;
        }
    }
    return placed == b->rows ? EDGE_LLM_OFFLOAD_OK : INVALID("%d of %d rows are in a run", placed, b->rows);
}

status batch_check(stage *s, const edge_llm_offload_batch *b, error *e)
{
    status r = check_rows(s, b, e);
    if (r == EDGE_LLM_OFFLOAD_OK) r = check_ropes(s, b, e);
    return r == EDGE_LLM_OFFLOAD_OK ? check_runs(s, b, e) : r;
}
