// Vulkan functions that fail, one after another: each gives an error, nothing stays behind, and the next stage works.
#include "devices.h"
#include "test.h"

namespace
{
int countdown = -1, live;
bool waits;
VkResult failure;

// Stands in for a function: fails when the countdown ends.
template <auto Member> struct Failing;
template <typename... Arguments, VkResult(VKAPI_PTR* Vulkan::*Member)(Arguments...)> struct Failing<Member>
{
    static inline VkResult(VKAPI_PTR* real)(Arguments...);
    static VkResult VKAPI_CALL call(Arguments... arguments)
    {
        if (countdown < 0 || countdown-- > 0) return real(arguments...);
        if (waits) real(arguments...); // a device that is lost does nothing any more
        return failure;
    }
    static void put(bool on)
    {
        if (on) real = vulkan().*Member, vulkan().*Member = call;
        else vulkan().*Member = real;
    }
};

template <auto Create, auto Destroy> struct Counted;
template <typename... A, typename... B, VkResult(VKAPI_PTR* Vulkan::*Create)(A...), void(VKAPI_PTR* Vulkan::*Destroy)(B...)> struct Counted<Create, Destroy>
{
    static inline VkResult(VKAPI_PTR* create)(A...);
    static inline void(VKAPI_PTR* destroy)(B...);
    static VkResult VKAPI_CALL make(A... arguments)
    {
        VkResult r = create(arguments...);
        live += r == VK_SUCCESS;
        return r;
    }
    static void put()
    {
        create = vulkan().*Create;
        destroy = vulkan().*Destroy;
        vulkan().*Create = make;
        vulkan().*Destroy = [](B... arguments)
        {
            live -= handle(arguments...);
            destroy(arguments...);
        };
    }
    template <typename Handle> static int handle(VkDevice, Handle h, const VkAllocationCallbacks*) { return h != VK_NULL_HANDLE; }
    static int handle(VkDevice d, const VkAllocationCallbacks*) { return d != VK_NULL_HANDLE; }
};

edge_llm_offload_status create_and_run(TestModel& m, const std::vector<float>& hidden)
{
    edge_llm_offload_stage* stage = nullptr;
    edge_llm_offload_status status = plugin.create(0, &m.desc, &stage, &error);
    CHECK((stage != nullptr) == (status == 0));
    if (status) return status;
    std::vector<float> out;
    for (int i = 0; i < 2 && !status; i++) status = m.step(plugin, stage, 0, 3, {1}, hidden.data(), out, error);
    if (status) CHECK(m.step(plugin, stage, 0, 3, {1}, hidden.data(), out, error) == (status == EDGE_LLM_OFFLOAD_DEVICE_LOST ? status : 0));
    plugin.destroy(stage);
    return status;
}

template <auto Member> void fail_each(const char* name, TestModel& m, const std::vector<float>& hidden, VkResult with, edge_llm_offload_status expected)
{
    failure = with;
    Failing<Member>::put(true);
    int count = 0;
    for (;; count++)
    {
        forget(device_of(0));
        CHECK(live == 0);
        countdown = count;
        edge_llm_offload_status status = create_and_run(m, hidden);
        bool failed = countdown < 0;
        countdown = -1;
        if (!failed) { CHECK(status == 0); break; }
        CHECK(status == expected);
        if (count > 20) count += 7; // of a kind by then
    }
    Failing<Member>::put(false);
    if (count == 0) printf("%s is never called\n", name);
    CHECK(count > 0);
}
}

// Stages of one model have one buffer of weights, whichever ends first; those of none have their own.
static void test_shared_weights(TestModel& m, const std::vector<float>& hidden)
{
    edge_llm_offload_stage* stages[4] = {};
    int made[4];
    std::vector<float> out[4];
    for (int i = 0; i < 4; i++)
    {
        m.desc.model = i < 2 ? 0 : 5;
        int before = live;
        CHECK(plugin.create(0, &m.desc, &stages[i], &error) == 0);
        made[i] = live - before;
        CHECK(m.step(plugin, stages[i], 0, 3, {1}, hidden.data(), out[i], error) == 0);
    }
    CHECK(made[1] > 2 && made[2] == made[1] && made[3] == made[1] - 2); // a buffer and its memory less; the first one may make the device
    plugin.destroy(stages[2]);
    CHECK(m.step(plugin, stages[3], 0, 3, {1}, hidden.data(), out[2], error) == 0);
    for (int i = 1; i < 4; i++) CHECK(out[i] == out[0]);
    for (int i : {0, 1, 3}) plugin.destroy(stages[i]);
    m.desc.model = 0;
    forget(device_of(0));
    CHECK(live == 0);
}

void test_faults()
{
    Shape s;
    s.layers = 1;
    s.hidden = 64;
    s.width = 32;
    s.vocabulary = 10;
    s.heads = s.kv_heads = 1;
    s.max_rows = 4;
    TestModel m(s);
    forget(device_of(0)); // what was made before is not counted
    std::vector<float> hidden(4 * 64, 0.5f);
    Counted<&Vulkan::CreateBuffer, &Vulkan::DestroyBuffer>::put();
    Counted<&Vulkan::AllocateMemory, &Vulkan::FreeMemory>::put();
    Counted<&Vulkan::CreateDevice, &Vulkan::DestroyDevice>::put();
    Counted<&Vulkan::CreateShaderModule, &Vulkan::DestroyShaderModule>::put();
    Counted<&Vulkan::CreateCommandPool, &Vulkan::DestroyCommandPool>::put();
    Counted<&Vulkan::CreateFence, &Vulkan::DestroyFence>::put();
    test_shared_weights(m, hidden);
    const VkResult memory = VK_ERROR_OUT_OF_DEVICE_MEMORY, lost = VK_ERROR_DEVICE_LOST;
#define EACH(f, with, expected) fail_each<&Vulkan::f>(#f, m, hidden, with, expected)
    EACH(AllocateMemory, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreateBuffer, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(BindBufferMemory, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(MapMemory, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreateDevice, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreatePipelineLayout, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreatePipelineCache, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreateShaderModule, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreateComputePipelines, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreateCommandPool, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(AllocateCommandBuffers, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(CreateFence, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(BeginCommandBuffer, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(EndCommandBuffer, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(QueueSubmit, memory, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    EACH(QueueSubmit, lost, EDGE_LLM_OFFLOAD_DEVICE_LOST);
    waits = true;
    EACH(WaitForFences, lost, EDGE_LLM_OFFLOAD_DEVICE_LOST);
#undef EACH
}
