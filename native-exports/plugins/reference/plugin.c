/* The plug-in's functions, and the one export. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "fault.h"
#include "stage.h"

const bool does_mixtures = true;

#define EXPORT __attribute__((visibility("default")))

enum { MOST_DEVICES = 16 };
static const edge_llm_offload_host *the_host;
static _Atomic uint64_t used_bytes[MOST_DEVICES]; /* counted for memory-bytes=N; the weights stay where the host has them */

static void print(void)
{
    printf("{\"error\": \"printed\"}");
    fprintf(stderr, "printed\n");
}

__attribute__((constructor)) static void at_load(void)
{
    if (fault_at("crash-load", 1)) abort();
    if (fault_at("child", 1) && system("sleep 20 &") != 0) abort();
    if (!fault_at("print", 1)) return;
    print();
    fflush(stdout);
    atexit(print);
}

static bool is_exact(void)
{
    return arithmetic_holds() && !fault_at("exact", 1);
}

static status injected(error *e, status s, const char *kind)
{
    return fail(e, s, "EDGE_LLM_REFERENCE_FAULT asks for the fault %s", kind);
}

static int32_t devices(void)
{
    uint64_t count = fault_number("devices", 1);
    return count > MOST_DEVICES ? MOST_DEVICES : (int32_t)count;
}

static status check_device(int32_t device, error *e)
{
    if (device >= 0 && device < devices()) return EDGE_LLM_OFFLOAD_OK;
    return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "device %d: expected 0 to %d", device, devices() - 1);
}

static status device_count(int32_t *count, error *e)
{
    if (fault_at("count", 1)) return injected(e, EDGE_LLM_OFFLOAD_DEVICE_LOST, "count");
    *count = devices();
    return EDGE_LLM_OFFLOAD_OK;
}

static status device_info(int32_t device, edge_llm_offload_device_info *info, error *e)
{
    status s = check_device(device, e);
    if (s != EDGE_LLM_OFFLOAD_OK) return s;
    if (fault_number("device", MOST_DEVICES) == (uint64_t)device) return injected(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "device");
    edge_llm_offload_device_info ours = {.struct_size = sizeof ours, .kind = EDGE_LLM_OFFLOAD_PROCESSOR, .exact = is_exact()};
    if (fault_at("gpu", 1)) ours.kind = EDGE_LLM_OFFLOAD_DISCRETE_GPU;
    snprintf(ours.name, sizeof ours.name, "this processor, one thread (%d)", device);
    snprintf(ours.driver, sizeof ours.driver, "plain C");
    if (!ours.exact) snprintf(ours.note, sizeof ours.note, "its floating-point operations do not round\n\033as the arithmetic asks");
    ours.total_bytes = fault_at("memory", 1) ? (uint64_t)1 << 40 : fault_number("memory-bytes", 0);
    uint64_t used = used_bytes[device];
    ours.free_bytes = ours.total_bytes > used ? ours.total_bytes - used : 0;
    if (fault_number("silent", MOST_DEVICES) == (uint64_t)device) ours.total_bytes = ours.free_bytes = 0;
    write_struct(info, &ours, sizeof ours);
    return EDGE_LLM_OFFLOAD_OK;
}

static status plan(int32_t device, const edge_llm_offload_stage_desc *desc, edge_llm_offload_plan *given, error *e)
{
    status s = check_device(device, e);
    if (s != EDGE_LLM_OFFLOAD_OK) return s;
    if (fault_at("plan", 1)) return injected(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "plan");
    s = stage_plan(desc, is_exact(), given, e);
    if (s == EDGE_LLM_OFFLOAD_OK && fault_at("output", 1)) given->takes_output = 0;
    return s;
}

static status create(int32_t device, const edge_llm_offload_stage_desc *desc, stage **made, error *e)
{
    *made = NULL;
    status s = check_device(device, e);
    if (s != EDGE_LLM_OFFLOAD_OK) return s;
    if (fault_at("log", 1)) the_host->log(the_host->context, 2, "a stage\nis made");
    if (fault_at("create", 1)) return injected(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "create");
    if (fault_at("memory", 1)) return injected(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "memory");
    stage *one;
    if ((s = stage_create(fault_host(the_host), device, desc, &one, e)) != EDGE_LLM_OFFLOAD_OK) return s;
    uint64_t needed = one->weight_bytes + one->cache_bytes + one->work_bytes, room = fault_number("memory-bytes", UINT64_MAX);
    uint64_t used = atomic_fetch_add(&used_bytes[device], needed);
    if (used > room || needed > room - used)
        s = fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "the stage needs %llu bytes: device %d has %llu left of %llu", (unsigned long long)needed, device,
            (unsigned long long)(used > room ? 0 : room - used), (unsigned long long)room);
    if (s == EDGE_LLM_OFFLOAD_OK && (one->m.d.flags & EDGE_LLM_OFFLOAD_EXACT) && (!is_exact() || one->m.d.arithmetic != EDGE_LLM_OFFLOAD_ARITHMETIC))
        s = fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the stage has to be exact with arithmetic %u: expected %d, and a processor that rounds so", one->m.d.arithmetic,
            EDGE_LLM_OFFLOAD_ARITHMETIC);
    if (s == EDGE_LLM_OFFLOAD_OK) *made = one;
    else
    {
        used_bytes[device] -= needed;
        stage_destroy(one);
    }
    return s;
}

/* One stage does one thing at a time. */
static status begin(stage *s, error *e)
{
    if (atomic_exchange(&s->busy, true)) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "a call is under way in this stage: expected one at a time");
    s->lost |= fault_from("lost-call", ++s->all_calls);
    if (!s->lost) return EDGE_LLM_OFFLOAD_OK;
    s->busy = false;
    return injected(e, EDGE_LLM_OFFLOAD_DEVICE_LOST, "lost");
}

static status end(stage *s, status result)
{
    s->busy = false;
    return result;
}

static status run(stage *s, const edge_llm_offload_batch *given, error *e)
{
    edge_llm_offload_batch b;
    s->calls++;
    if ((s->lost = fault_from("lost", s->calls))) return injected(e, EDGE_LLM_OFFLOAD_DEVICE_LOST, "lost");
    if (fault_at("crash-forward", s->calls)) abort();
    if (fault_at("forward", s->calls)) return injected(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "forward");
    if (!read_struct(&b, sizeof b, given)) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the batch uses a field of a later version");
    status r = batch_check(s, &b, e);
    if (r == EDGE_LLM_OFFLOAD_OK) r = stage_forward(s, &b, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (b.output_count > 0 && fault_at("nan", s->calls)) b.out[0] = NAN;
    s->forwards++;
    s->rows += (uint64_t)b.rows;
    return EDGE_LLM_OFFLOAD_OK;
}

static status forward(stage *s, const edge_llm_offload_batch *given, error *e)
{
    status r = begin(s, e);
    return r == EDGE_LLM_OFFLOAD_OK ? end(s, run(s, given, e)) : r;
}

static status begin_block(stage *s, const char *kind, error *e)
{
    status r = begin(s, e);
    if (r == EDGE_LLM_OFFLOAD_OK) fault_wait();
    return r == EDGE_LLM_OFFLOAD_OK && fault_at(kind, 1) ? end(s, injected(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, kind)) : r;
}

static status block_copy(stage *s, uint32_t group, int32_t from, int32_t to, error *e)
{
    status r = begin_block(s, "block-copy", e);
    return r == EDGE_LLM_OFFLOAD_OK ? end(s, stage_copy_block(s, group, from, to, e)) : r;
}

static status block_read(stage *s, uint32_t group, int32_t block, void *to, uint64_t bytes, error *e)
{
    uint8_t *found;
    status r = begin_block(s, "block-read", e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    r = stage_find_block(s, group, block, bytes, &found, e);
    if (r == EDGE_LLM_OFFLOAD_OK) memcpy(to, found, (size_t)bytes);
    return end(s, r);
}

static status block_write(stage *s, uint32_t group, int32_t block, const void *from, uint64_t bytes, error *e)
{
    uint8_t *found;
    status r = begin_block(s, "block-write", e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    r = stage_find_block(s, group, block, bytes, &found, e);
    if (r == EDGE_LLM_OFFLOAD_OK) memcpy(found, from, (size_t)bytes);
    return end(s, r);
}

static status info(stage *s, edge_llm_offload_stage_info *given, error *e)
{
    status r = begin(s, e);
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    edge_llm_offload_stage_info ours = {.struct_size = sizeof ours, .exact = is_exact() && s->m.d.arithmetic == EDGE_LLM_OFFLOAD_ARITHMETIC,
        .weight_bytes = s->weight_bytes, .cache_bytes = s->cache_bytes, .work_bytes = s->work_bytes, .forwards = s->forwards, .rows = s->rows};
    write_struct(given, &ours, sizeof ours);
    return end(s, EDGE_LLM_OFFLOAD_OK);
}

static void destroy(stage *s)
{
    if (s && s->busy) abort(); /* a call is under way */
    if (s) used_bytes[s->device] -= s->weight_bytes + s->cache_bytes + s->work_bytes;
    stage_destroy(s);
}

EXPORT status edge_llm_offload_plugin_v1(const edge_llm_offload_host *host, edge_llm_offload_plugin *plugin, error *e)
{
    const edge_llm_offload_plugin ours = {sizeof ours, EDGE_LLM_OFFLOAD_ABI_MINOR, "reference", "1.0.0", device_count, device_info, plan, create, forward,
        block_copy, block_read, block_write, info, destroy};
    if (fault_at("entry", 1)) return injected(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "entry");
    if (plugin->struct_size < sizeof ours)
        return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the host's table has %u bytes: expected at least %zu", plugin->struct_size, sizeof ours);
    if (host->struct_size < sizeof *host)
        return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the host's functions take %u bytes: expected at least %zu", host->struct_size, sizeof *host);
    the_host = host;
    *plugin = ours;
    if (!fault_at("version", 1)) return EDGE_LLM_OFFLOAD_OK;
    plugin->struct_size = offsetof(edge_llm_offload_plugin, forward); /* as a plug-in of another version might */
    memset((char *)plugin + plugin->struct_size, 0, sizeof ours - plugin->struct_size);
    return EDGE_LLM_OFFLOAD_OK;
}
