// The exported function and the table that it fills in.
#include "pass.h"
#include <new>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif
using Status = edge_llm_offload_status;
using Error = edge_llm_offload_error;

static const edge_llm_offload_host* the_host;

static Status fail(Error* error, Status status, int32_t native, const char* why)
{
    error->native_code = native;
    snprintf(error->text, sizeof error->text, "%s", why);
    return status;
}

// Nothing is thrown at the host.
template <typename Body> static Status guarded(Error* error, Body body)
{
    try
    {
        body();
        return EDGE_LLM_OFFLOAD_OK;
    }
    catch (const Failure& f) { return fail(error, f.status, f.native, f.text.c_str()); }
    catch (const std::bad_alloc&) { return fail(error, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, 0, "no memory on the host"); }
    catch (const std::exception& e) { return fail(error, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, 0, e.what()); }
}

// The same for a stage, which is of no use once its device is lost.
template <typename Body> static Status guarded(edge_llm_offload_stage* stage, Error* error, Body body)
{
    return guarded(error, [&]
    {
        std::lock_guard<std::mutex> guard(stage->mutex);
        if (stage->device->lost) throw Failure{EDGE_LLM_OFFLOAD_DEVICE_LOST, 0, "the device was lost"};
        body();
    });
}

// Fills in a struct of the host as far as it has room; its struct_size stays.
template <typename T> static void write(T* to, const T& from)
{
    uint32_t size = to->struct_size;
    require(size >= sizeof size, "struct_size is not set");
    memcpy((char*)to + sizeof size, (const char*)&from + sizeof size, (size < sizeof from ? size : sizeof from) - sizeof size);
}

static Status device_count(int32_t* count, Error* error)
{
    return guarded(error, [&] { *count = (int32_t)vulkan().devices.size(); });
}

static Status device_info(int32_t number, edge_llm_offload_device_info* info, Error* error)
{
    return guarded(error, [&]
    {
        Properties p = properties(physical_device(number));
        const Tested& t = tested(number);
        edge_llm_offload_device_info filled{};
        switch (p.device.deviceType)
        {
            case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: filled.kind = EDGE_LLM_OFFLOAD_DISCRETE_GPU; break;
            case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: filled.kind = EDGE_LLM_OFFLOAD_SHARED_MEMORY_GPU; break;
            case VK_PHYSICAL_DEVICE_TYPE_CPU: filled.kind = EDGE_LLM_OFFLOAD_PROCESSOR; break;
            default: filled.kind = EDGE_LLM_OFFLOAD_OTHER; break;
        }
        snprintf(filled.name, sizeof filled.name, "%.127s", p.device.deviceName);
        snprintf(filled.driver, sizeof filled.driver, "%.63s", p.driver.c_str());
        snprintf(filled.note, sizeof filled.note, "%.191s", t.note.c_str());
        filled.total_bytes = p.total;
        filled.free_bytes = p.free;
        filled.exact = t.exact;
        write(info, filled);
    });
}

static Status plan(int32_t number, const Desc* desc, edge_llm_offload_plan* given, Error* error)
{
    return guarded(error, [&]
    {
        edge_llm_offload_plan plan;
        if (!read(plan, given)) refuse("plan: a field of a later version");
        Properties p = properties(physical_device(number));
        Model model(desc);
        for (size_t i = 0; plan.verdicts && i < model.tensors.size(); i++)
            plan.verdicts[i] = format_of(model.tensors[i].type) ? EDGE_LLM_OFFLOAD_TAKE : EDGE_LLM_OFFLOAD_REFUSE;
        std::string reason = p.unfit.empty() ? model.output_refusal(p.largest) : p.unfit;
        plan.takes_output = model.d.output.weight && reason.empty();
        int32_t first = model.d.layer_count;
        for (; p.unfit.empty() && first > 0; first--)
        {
            const Layer& l = model.layers[first - 1];
            std::string why = model.refusal(l, p.largest);
            if (!why.empty()) reason = text("layer %d: %s", l.l.number, why.c_str());
            if (!why.empty()) break;
            if (plan.layer_bytes) plan.layer_bytes[first - 1] = model.weight_bytes(&l) + model.cache_bytes(l);
        }
        plan.first_layer = first;
        plan.exact = tested(number).exact;
        model.layers.erase(model.layers.begin(), model.layers.begin() + first); // the workspace is that of what is taken
        if (!plan.takes_output) model.d.output.weight = 0;
        plan.fixed_bytes = p.unfit.empty() ? workspace_bytes(model) : 0;
        plan.output_bytes = plan.takes_output ? model.weight_bytes(nullptr) : 0;
        snprintf(plan.reason, sizeof plan.reason, "%.255s", reason.c_str());
        write(given, plan);
    });
}

static Status create(int32_t number, const Desc* desc, edge_llm_offload_stage** stage, Error* error)
{
    return guarded(error, [&]
    {
        *stage = nullptr;
        Properties p = properties(physical_device(number));
        if (!p.unfit.empty()) refuse(p.unfit);
        Model model(desc);
        const Tested& t = tested(number);
        if ((model.d.flags & EDGE_LLM_OFFLOAD_EXACT) && !t.exact) refuse(t.note);
        for (const Layer& l : model.layers)
        {
            std::string why = model.refusal(l, p.largest);
            if (!why.empty()) refuse(text("layer %d: %s", l.l.number, why.c_str()));
        }
        std::string why = model.output_refusal(p.largest);
        if (!why.empty()) refuse(why);
        *stage = new edge_llm_offload_stage(device_of(number), std::move(model), t.exact);
    });
}

static Status forward(edge_llm_offload_stage* stage, const edge_llm_offload_batch* given, Error* error)
{
    return guarded(stage, error, [&]
    {
        edge_llm_offload_batch batch;
        if (!read(batch, given)) refuse("batch: a field of a later version");
        Pass(*stage, the_host, batch).run();
    });
}

static Place block_of(edge_llm_offload_stage* stage, uint32_t group, int32_t block)
{
    require(group < stage->groups.size(), "the cache group's number is out of range");
    require(block >= 0 && block < stage->model.groups[group].blocks, "the block's number is out of range");
    return stage->groups[group].block(block);
}

static Status block_copy(edge_llm_offload_stage* stage, uint32_t group, int32_t from, int32_t to, Error* error)
{
    return guarded(stage, error, [&]
    {
        Place source = block_of(stage, group, from), target = block_of(stage, group, to);
        if (from == to) return;
        stage->commands.forget();
        stage->commands.copy(source, target, stage->groups[group].bytes);
        stage->commands.run();
    });
}

static Status block_read(edge_llm_offload_stage* stage, uint32_t group, int32_t block, void* to, uint64_t bytes, Error* error)
{
    return guarded(stage, error, [&]
    {
        Place source = block_of(stage, group, block);
        require(to && bytes == stage->groups[group].bytes, "bytes must be the group's block_bytes");
        stage->grow(stage->download, bytes, Memory::Download);
        stage->commands.forget();
        stage->commands.copy(source, place(stage->download), bytes);
        stage->commands.run();
        memcpy(to, stage->download.data, bytes);
    });
}

static Status block_write(edge_llm_offload_stage* stage, uint32_t group, int32_t block, const void* from, uint64_t bytes, Error* error)
{
    return guarded(stage, error, [&]
    {
        Place target = block_of(stage, group, block);
        require(from && bytes == stage->groups[group].bytes, "bytes must be the group's block_bytes");
        stage->grow(stage->upload, bytes, Memory::Upload);
        memcpy(stage->upload.data, from, bytes);
        stage->commands.forget();
        stage->commands.copy(place(stage->upload), target, bytes);
        stage->commands.run();
    });
}

static Status info(edge_llm_offload_stage* stage, edge_llm_offload_stage_info* info, Error* error)
{
    return guarded(stage, error, [&]
    {
        edge_llm_offload_stage_info filled{};
        filled.exact = stage->exact;
        filled.weight_bytes = stage->weight_bytes;
        filled.cache_bytes = stage->cache_bytes;
        filled.work_bytes = stage->work.bytes + stage->upload.bytes + stage->input.bytes + stage->download.bytes;
        filled.forwards = stage->forwards;
        filled.rows = stage->rows;
        filled.launches = stage->commands.launches;
        write(info, filled);
    });
}

static void destroy(edge_llm_offload_stage* stage)
{
    if (stage && stage->device->lost) forget(stage->device);
    delete stage;
}

extern "C" EXPORT Status edge_llm_offload_plugin_v1(const edge_llm_offload_host* host, edge_llm_offload_plugin* plugin, Error* error)
{
    const edge_llm_offload_plugin ours = {sizeof ours, EDGE_LLM_OFFLOAD_ABI_MINOR, "vulkan", "1.0.0", device_count, device_info, plan, create, forward,
        block_copy, block_read, block_write, info, destroy};
    if (plugin->struct_size < sizeof ours)
        return fail(error, EDGE_LLM_OFFLOAD_UNSUPPORTED, 0, text("the host's table has %u bytes, expected at least %zu", plugin->struct_size, sizeof ours).c_str());
    if (host->struct_size < sizeof *host)
        return fail(error, EDGE_LLM_OFFLOAD_UNSUPPORTED, 0, text("the host's functions take %u bytes, expected at least %zu", host->struct_size, sizeof *host).c_str());
    the_host = host;
    *plugin = ours;
    return EDGE_LLM_OFFLOAD_OK;
}
