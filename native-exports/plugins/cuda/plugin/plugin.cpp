// The table of functions.
#include "kept.h"
#include "stage.h"
#include <algorithm>
#include <cstddef>

const edge_llm_offload_host* host;

// Writes an answer into the room that the host has for it.
template <typename T> static void answer(T* to, T from)
{
    uint32_t room = to->struct_size ? std::min<uint32_t>(to->struct_size, sizeof from) : sizeof from;
    from.struct_size = room;
    memcpy((void*)to, &from, room);
}

// A call on a stage: nothing is done after the device was lost, and what loses it is kept.
template <typename F> static Status on_stage(edge_llm_offload_stage* s, Error* error, F body)
{
    return guarded(error, [&]
    {
        expect(s != nullptr, "the stage is null");
        if (!s->lost.empty()) throw Failure{EDGE_LLM_OFFLOAD_DEVICE_LOST, s->lostCode, s->lost};
        try { body(); }
        catch (const Refusal& r) { fail(EDGE_LLM_OFFLOAD_UNSUPPORTED, "%s", r.text.c_str()); }
        catch (const Failure& f)
        {
            if (f.status == EDGE_LLM_OFFLOAD_DEVICE_LOST)
            {
                forget_weights(s->device);
                s->lost = f.text;
                s->lostCode = f.native;
            }
            throw;
        }
    });
}

static Status count(int32_t* n, Error* error)
{
    return guarded(error, [&]
    {
        *n = 0;
        try { *n = device_count(); }
        catch (const Failure& f) { driver_text = f.text; }
        if (*n == 0 && host->log) host->log(host->context, 3, driver_text.c_str());
    });
}

static Status device_info(int32_t device, edge_llm_offload_device_info* to, Error* error)
{
    return guarded(error, [&]
    {
        Device& d = device_at(device);
        edge_llm_offload_device_info info;
        memset((void*)&info, 0, sizeof info);
        info.kind = d.integrated ? EDGE_LLM_OFFLOAD_SHARED_MEMORY_GPU : EDGE_LLM_OFFLOAD_DISCRETE_GPU;
        snprintf(info.name, sizeof info.name, "%s", d.name.c_str());
        snprintf(info.driver, sizeof info.driver, "%s", driver_text.c_str());
        if (d.usable()) test(d);
        size_t total = 0, free = 0;
        check(driver.cuDeviceTotalMem_v2(&total, d.handle), "cuDeviceTotalMem");
        if (d.usable())
        {
            Retained context(d);
            Current current(context);
            check(driver.cuMemGetInfo_v2(&free, &total), "cuMemGetInfo");
        }
        info.total_bytes = total;
        info.free_bytes = free;
        info.exact = d.state == Device::Exact;
        snprintf(info.note, sizeof info.note, "%s", d.note.c_str());
        answer(to, info);
    });
}

static bool is_exact(const Device& d, const edge_llm_offload_stage_desc& desc) { return d.state == Device::Exact && desc.arithmetic == EDGE_LLM_OFFLOAD_ARITHMETIC; }

// Which layers, from the last one on, and whether the output: with the reason why no more.
static void plan_parts(Spec& spec, edge_llm_offload_plan& p)
{
    const auto& d = spec.desc;
    std::string reason;
    p.takes_output = d.output.weight != 0;
    try { if (p.takes_output) spec.check_output(); }
    catch (const Refusal& r)
    {
        reason = "output: " + r.text;
        p.takes_output = 0;
        spec.desc.output.weight = 0;
    }
    for (p.first_layer = d.layer_count; p.first_layer > 0; p.first_layer--)
    {
        int i = p.first_layer - 1;
        try { spec.check_layer(i); }
        catch (const Refusal& r)
        {
            reason = text("layer %d: %s", spec.layers[i].layer.number, r.text.c_str());
            break;
        }
        if (p.layer_bytes) p.layer_bytes[i] = spec.layer_weights(i) + spec.layer_cache(i);
    }
    for (size_t bytes : area_bytes(spec, p.first_layer)) p.fixed_bytes += bytes;
    p.fixed_bytes += rounded(4 * index_count(spec));
    p.output_bytes = spec.output_bytes();
    for (int i = 0; p.verdicts && i < d.tensor_count; i++) p.verdicts[i] = format_of(spec.tensors[i].type) ? EDGE_LLM_OFFLOAD_TAKE : EDGE_LLM_OFFLOAD_REFUSE;
    snprintf(p.reason, sizeof p.reason, "%s", reason.c_str());
}

static Status plan(int32_t device, const edge_llm_offload_stage_desc* desc, edge_llm_offload_plan* to, Error* error)
{
    return guarded(error, [&]
    {
        Device& d = device_at(device);
        edge_llm_offload_plan p;
        memset((void*)&p, 0, sizeof p);
        p.verdicts = to->verdicts;
        p.layer_bytes = to->layer_bytes;
        try
        {
            if (d.usable()) test(d);
            Spec spec(d, desc);
            take(d.usable(), "%s", d.note.c_str());
            p.exact = is_exact(d, spec.desc);
            plan_parts(spec, p);
        }
        catch (const Refusal& r) // of the whole stage
        {
            p.first_layer = desc->layer_count;
            for (int i = 0; p.verdicts && i < desc->tensor_count; i++) p.verdicts[i] = EDGE_LLM_OFFLOAD_REFUSE;
            snprintf(p.reason, sizeof p.reason, "%s", r.text.c_str());
        }
        answer(to, p);
    });
}

static Status create(int32_t device, const edge_llm_offload_stage_desc* desc, edge_llm_offload_stage** stage, Error* error)
{
    return guarded(error, [&]
    {
        *stage = nullptr;
        Device& d = device_at(device);
        try
        {
            take(d.usable(), "%s", d.note.c_str());
            test(d);
            Spec spec(d, desc);
            take(!(spec.desc.flags & EDGE_LLM_OFFLOAD_EXACT) || is_exact(d, spec.desc), "not exact: %s",
                d.state == Device::Exact ? "another version of the arithmetic" : d.note.c_str());
            for (int i = 0; i < spec.desc.layer_count; i++)
            {
                try { spec.check_layer(i); }
                catch (const Refusal& r) { throw Refusal{text("layer %d: %s", spec.layers[i].layer.number, r.text.c_str())}; }
            }
            if (spec.desc.output.weight) spec.check_output();
            *stage = new edge_llm_offload_stage(d, std::move(spec));
        }
        catch (const Refusal& r) { fail(EDGE_LLM_OFFLOAD_UNSUPPORTED, "%s", r.text.c_str()); }
        catch (const Failure& f)
        {
            if (f.status == EDGE_LLM_OFFLOAD_DEVICE_LOST) forget_weights(d);
            throw;
        }
    });
}

static Status forward(edge_llm_offload_stage* s, const edge_llm_offload_batch* batch, Error* error)
{
    return on_stage(s, error, [&] { run_batch(*s, batch); });
}

// A block's place, with the stage's context current while body runs.
template <typename F> static Status on_block(edge_llm_offload_stage* s, uint32_t group, int32_t block, Error* error, F body)
{
    return on_stage(s, error, [&]
    {
        auto& c = *s->contents;
        expect(group < c.groups.size(), "group %u, expected under %zu", group, c.groups.size());
        const auto& g = c.groups[group];
        expect(block >= 0 && block < g.blocks, "block %d of group %u, expected 0 to %d", block, group, g.blocks - 1);
        Current current(s->context);
        body(c, g, c.caches[group].pointer + g.block_bytes * block);
        c.stream.wait();
    });
}
static Status block_copy(edge_llm_offload_stage* s, uint32_t group, int32_t from, int32_t to, Error* error)
{
    return on_block(s, group, from, error, [&](auto& c, const auto& g, cuda::Pointer place)
    {
        expect(to >= 0 && to < g.blocks, "block %d of group %u, expected 0 to %d", to, group, g.blocks - 1);
        if (from != to) check(driver.cuMemcpyDtoDAsync_v2(c.caches[group].pointer + g.block_bytes * to, place, g.block_bytes, c.stream.stream), "cuMemcpyDtoD");
    });
}
static Status block_read(edge_llm_offload_stage* s, uint32_t group, int32_t block, void* to, uint64_t bytes, Error* error)
{
    return on_block(s, group, block, error, [&](auto& c, const auto& g, cuda::Pointer place)
    {
        expect(to != nullptr && bytes == g.block_bytes, "%llu bytes, expected %llu", (unsigned long long)bytes, (unsigned long long)g.block_bytes);
        check(driver.cuMemcpyDtoHAsync_v2(to, place, bytes, c.stream.stream), "cuMemcpyDtoH");
    });
}
static Status block_write(edge_llm_offload_stage* s, uint32_t group, int32_t block, const void* from, uint64_t bytes, Error* error)
{
    return on_block(s, group, block, error, [&](auto& c, const auto& g, cuda::Pointer place)
    {
        expect(from != nullptr && bytes == g.block_bytes, "%llu bytes, expected %llu", (unsigned long long)bytes, (unsigned long long)g.block_bytes);
        check(driver.cuMemcpyHtoDAsync_v2(place, from, bytes, c.stream.stream), "cuMemcpyHtoD");
    });
}

static Status info(edge_llm_offload_stage* s, edge_llm_offload_stage_info* to, Error* error)
{
    return on_stage(s, error, [&]
    {
        auto& c = *s->contents;
        edge_llm_offload_stage_info i;
        memset((void*)&i, 0, sizeof i);
        i.exact = is_exact(s->device, c.desc);
        i.weight_bytes = c.weightBytes;
        i.cache_bytes = c.cacheBytes;
        i.work_bytes = c.indices.bytes;
        for (const DeviceMemory& m : c.work) i.work_bytes += m.bytes;
        i.forwards = s->forwards;
        i.rows = s->rows;
        i.launches = s->launches;
        i.device_nanoseconds = (uint64_t)(s->deviceMilliseconds * 1e6);
        i.copy_nanoseconds = (uint64_t)(s->copyMilliseconds * 1e6);
        answer(to, i);
    });
}
static void destroy(edge_llm_offload_stage* s) { delete s; }

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
extern "C" EXPORT Status edge_llm_offload_plugin_v1(const edge_llm_offload_host* given, edge_llm_offload_plugin* plugin, Error* error)
{
    return guarded(error, [&]
    {
        edge_llm_offload_plugin ours = {sizeof ours, EDGE_LLM_OFFLOAD_ABI_MINOR, "cuda", "1.0.0", count, device_info, plan, create, forward, block_copy,
            block_read, block_write, info, destroy};
        if (plugin->struct_size < sizeof ours) fail(EDGE_LLM_OFFLOAD_UNSUPPORTED, "the host's table has %u bytes, expected at least %zu",
            plugin->struct_size, sizeof ours);
        host = given;
        *plugin = ours;
    });
}
