/* The plug-in's functions, and the one export. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metal_stage.h"

const bool does_mixtures = false;

#define EXPORT __attribute__((visibility("default")))

static const edge_llm_offload_host *the_host;

static metal_stage *own(edge_llm_offload_stage *s)
{
    return (metal_stage *)(void *)s;
}

/* A device's self-test, done once. */
enum { MOST_DEVICES = 16 };
static struct {
    bool done, exact;
    char note[192];
} tested[MOST_DEVICES];
static pthread_mutex_t testing = PTHREAD_MUTEX_INITIALIZER;

static bool is_exact(int32_t device, char *note, uint64_t bytes)
{
    pthread_mutex_lock(&testing);
    if (!tested[device].done)
    {
        gpu *g = gpu_open(device, tested[device].note, sizeof tested[device].note);
        tested[device].exact = g && metal_probe(g, tested[device].note, sizeof tested[device].note);
        gpu_close(g);
        tested[device].done = true;
    }
    bool exact = tested[device].exact;
    if (note) snprintf(note, bytes, "%s", exact ? "" : tested[device].note);
    pthread_mutex_unlock(&testing);
    return exact;
}

static int32_t devices(void)
{
    int count = gpu_count();
    return count > MOST_DEVICES ? MOST_DEVICES : count;
}

static status check_device(int32_t device, error *e)
{
    int32_t count = devices();
    if (device >= 0 && device < count) return EDGE_LLM_OFFLOAD_OK;
    return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "device %d: there are %d", device, count);
}

static status device_count(int32_t *count, error *e)
{
    (void)e;
    *count = devices();
    return EDGE_LLM_OFFLOAD_OK;
}

static status device_info(int32_t device, edge_llm_offload_device_info *given, error *e)
{
    status s = check_device(device, e);
    if (s != EDGE_LLM_OFFLOAD_OK) return s;
    edge_llm_offload_device_info ours = {.struct_size = sizeof ours, .kind = EDGE_LLM_OFFLOAD_SHARED_MEMORY_GPU};
    ours.exact = is_exact(device, ours.note, sizeof ours.note);
    gpu_describe(device, ours.name, sizeof ours.name, &ours.total_bytes, &ours.free_bytes);
    snprintf(ours.driver, sizeof ours.driver, "Metal");
    write_struct(given, &ours, sizeof ours);
    return EDGE_LLM_OFFLOAD_OK;
}

static status plan(int32_t device, const edge_llm_offload_stage_desc *desc, edge_llm_offload_plan *given, error *e)
{
    status s = check_device(device, e);
    return s == EDGE_LLM_OFFLOAD_OK ? stage_plan(desc, is_exact(device, NULL, 0), given, e) : s;
}

static void destroy(edge_llm_offload_stage *given)
{
    metal_stage *s = own(given);
    if (!s) return;
    if (s->gpu) gpu_close(s->gpu);
    free(s->memory.taken);
    stage_destroy(s->base);
    free(s);
}

/* Lets the GPU use the weights, the cache and the workspace where they are. */
static bool use_memory(metal_stage *s)
{
    const model *m = &s->base->m;
    bool used = gpu_use(s->gpu, s->base->memory.pages, s->base->memory.bytes);
    for (int i = 0; i < m->d.group_count && used; i++)
        if (s->base->caches[i].bytes > 0) used = gpu_use(s->gpu, s->base->caches[i].pages, s->base->caches[i].bytes);
    for (int i = 0; i < m->d.tensor_count && used; i++)
        used = gpu_use(s->gpu, m->tensors[i].t.data, times(m->tensors[i].t.row_bytes, (uint64_t)m->tensors[i].t.ne[1]));
    return used;
}

static status create(int32_t device, const edge_llm_offload_stage_desc *desc, edge_llm_offload_stage **made, error *e)
{
    char text[256] = "";
    *made = NULL;
    status r = check_device(device, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    metal_stage *s = calloc(1, sizeof *s);
    if (!s) return fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "no memory for a stage");
    r = stage_create(the_host, device, desc, &s->base, e);
    const edge_llm_offload_stage_desc *d = r == EDGE_LLM_OFFLOAD_OK ? &s->base->m.d : NULL;
    if (d && (d->group_count > MOST_GROUPS || d->rope_count > MOST_ROPES))
        r = fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "%d cache groups and %d rope tables: expected at most %d and %d", d->group_count, d->rope_count, MOST_GROUPS, MOST_ROPES);
    else if (d && (d->flags & EDGE_LLM_OFFLOAD_EXACT) && (d->arithmetic != EDGE_LLM_OFFLOAD_ARITHMETIC || !is_exact(device, text, sizeof text)))
        r = fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the stage has to be exact with arithmetic %u: expected %d. %s", d->arithmetic, EDGE_LLM_OFFLOAD_ARITHMETIC, text);
    else if (d && !(s->gpu = gpu_open(device, text, sizeof text))) r = fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the kernels are of no use here: %s", text);
    else if (d && !use_memory(s)) r = fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "Metal cannot use the memory of the weights, the cache or the workspace");
    if (r == EDGE_LLM_OFFLOAD_OK) *made = (edge_llm_offload_stage *)(void *)s;
    else destroy((edge_llm_offload_stage *)(void *)s);
    return r;
}

static status check_lost(const metal_stage *s, error *e)
{
    return s->lost ? fail(e, EDGE_LLM_OFFLOAD_DEVICE_LOST, "the GPU failed before") : EDGE_LLM_OFFLOAD_OK;
}

static status forward(edge_llm_offload_stage *given, const edge_llm_offload_batch *batch, error *e)
{
    edge_llm_offload_batch b;
    batch_inputs in;
    metal_stage *s = own(given);
    status r = check_lost(s, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (!read_struct(&b, sizeof b, batch)) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the batch uses a field of a later version");
    if ((r = batch_check(s->base, &b, e)) != EDGE_LLM_OFFLOAD_OK) return r;
    if (!inputs_make(s, &b, &in)) return fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "no memory for the inputs of %d rows", b.rows);
    if ((r = metal_forward(s, &b, &in, e)) != EDGE_LLM_OFFLOAD_OK) return r;
    s->forwards++;
    s->rows += (uint64_t)b.rows;
    return EDGE_LLM_OFFLOAD_OK;
}

/* The GPU has nothing to do between calls, so blocks are the processor's to copy. */
static status block_copy(edge_llm_offload_stage *given, uint32_t group, int32_t from, int32_t to, error *e)
{
    status r = check_lost(own(given), e);
    return r == EDGE_LLM_OFFLOAD_OK ? stage_copy_block(own(given)->base, group, from, to, e) : r;
}

static status block_read(edge_llm_offload_stage *given, uint32_t group, int32_t block, void *to, uint64_t bytes, error *e)
{
    uint8_t *found;
    status r = check_lost(own(given), e);
    if (r == EDGE_LLM_OFFLOAD_OK) r = stage_find_block(own(given)->base, group, block, bytes, &found, e);
    if (r == EDGE_LLM_OFFLOAD_OK) memcpy(to, found, (size_t)bytes);
    return r;
}

static status block_write(edge_llm_offload_stage *given, uint32_t group, int32_t block, const void *from, uint64_t bytes, error *e)
{
    uint8_t *found;
    status r = check_lost(own(given), e);
    if (r == EDGE_LLM_OFFLOAD_OK) r = stage_find_block(own(given)->base, group, block, bytes, &found, e);
    if (r == EDGE_LLM_OFFLOAD_OK) memcpy(found, from, (size_t)bytes);
    return r;
}

static status info(edge_llm_offload_stage *given, edge_llm_offload_stage_info *to, error *e)
{
    const metal_stage *s = own(given);
    status r = check_lost(s, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    edge_llm_offload_stage_info ours = {.struct_size = sizeof ours, .weight_bytes = s->base->weight_bytes, .cache_bytes = s->base->cache_bytes,
        .work_bytes = s->base->work_bytes + s->memory.bytes, .forwards = s->forwards, .rows = s->rows, .launches = s->launches};
    ours.exact = is_exact(s->base->device, NULL, 0) && s->base->m.d.arithmetic == EDGE_LLM_OFFLOAD_ARITHMETIC;
    write_struct(to, &ours, sizeof ours);
    return EDGE_LLM_OFFLOAD_OK;
}

EXPORT status edge_llm_offload_plugin_v1(const edge_llm_offload_host *host, edge_llm_offload_plugin *plugin, error *e)
{
    const edge_llm_offload_plugin ours = {sizeof ours, EDGE_LLM_OFFLOAD_ABI_MINOR, "metal", "1.0.0", device_count, device_info, plan, create, forward,
        block_copy, block_read, block_write, info, destroy};
    if (plugin->struct_size < sizeof ours || host->struct_size < sizeof *host)
        return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the host has tables of %u and %u bytes: expected at least %zu and %zu", plugin->struct_size, host->struct_size,
            sizeof ours, sizeof *host);
    the_host = host;
    *plugin = ours;
    return EDGE_LLM_OFFLOAD_OK;
}
