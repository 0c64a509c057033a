#include "device.h"
#include "modes.h"
#include "shaders.inc"
#include <cstring>
#include <utility>

static const struct { const uint32_t* code; size_t bytes; } shaders[] = {
#define CODE(k) {code_##k, sizeof code_##k},
    KERNELS(CODE)
#undef CODE
};

void Device::check(VkResult result, const char* what)
{
    if (result == VK_SUCCESS) return;
    bool memory_short = result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_TOO_MANY_OBJECTS;
    if (!memory_short) lost = true;
    throw Failure{memory_short ? EDGE_LLM_OFFLOAD_OUT_OF_MEMORY : EDGE_LLM_OFFLOAD_DEVICE_LOST, result, text("%s: VkResult %d", what, result)};
}

static uint32_t offered_modes(VkPhysicalDevice physical)
{
    VkPhysicalDeviceFloatControlsProperties controls{};
    controls.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES;
    VkPhysicalDeviceProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    properties.pNext = &controls;
    vulkan().GetPhysicalDeviceProperties2(physical, &properties);
    return (controls.shaderDenormPreserveFloat32 ? KeepSubnormals : 0u) | (controls.shaderSignedZeroInfNanPreserveFloat32 ? KeepSpecial : 0u)
        | (controls.shaderRoundingModeRTEFloat32 ? RoundToEven : 0u);
}

Device::Device(VkPhysicalDevice physical, bool fused) : Device(physical, fused, offered_modes(physical)) {}

Device::Device(VkPhysicalDevice physical, bool fused, uint32_t modes) : physical(physical), fused(fused), modes(modes)
{
    try { open(); }
    catch (...)
    {
        close();
        throw;
    }
}

static uint32_t compute_family(VkPhysicalDevice physical)
{
    uint32_t count = 0;
    vulkan().GetPhysicalDeviceQueueFamilyProperties(physical, &count, nullptr);
    std::vector<VkQueueFamilyProperties> families(count);
    vulkan().GetPhysicalDeviceQueueFamilyProperties(physical, &count, families.data());
    for (uint32_t i = 0; i < count; i++)
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) return i;
    return UINT32_MAX;
}

void Device::open()
{
    Vulkan& v = vulkan();
    VkPhysicalDeviceMemoryProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2;
    v.GetPhysicalDeviceMemoryProperties2(physical, &properties);
    memory = properties.memoryProperties;
    family = compute_family(physical);
    float priority = 1;
    VkDeviceQueueCreateInfo queues{};
    queues.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
    queues.queueFamilyIndex = family;
    queues.queueCount = 1;
    queues.pQueuePriorities = &priority;
    VkPhysicalDeviceBufferDeviceAddressFeatures addresses{};
    addresses.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES;
    addresses.bufferDeviceAddress = VK_TRUE;
    VkDeviceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
    info.pNext = &addresses;
    info.queueCreateInfoCount = 1;
    info.pQueueCreateInfos = &queues;
    check(v.CreateDevice(physical, &info, nullptr, &device), "vkCreateDevice");
    v.GetDeviceQueue(device, family, 0, &queue);
    VkPushConstantRange range{VK_SHADER_STAGE_COMPUTE_BIT, 0, 128};
    VkPipelineLayoutCreateInfo layouts{};
    layouts.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
    layouts.pushConstantRangeCount = 1;
    layouts.pPushConstantRanges = &range;
    check(v.CreatePipelineLayout(device, &layouts, nullptr, &layout), "vkCreatePipelineLayout");
    VkPipelineCacheCreateInfo caches{};
    caches.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
    check(v.CreatePipelineCache(device, &caches, nullptr, &cache), "vkCreatePipelineCache");
}

Device::~Device() { close(); }

void Device::close()
{
    if (!device) return;
    Vulkan& v = vulkan();
    for (auto& variants : pipelines)
        for (VkPipeline p : variants) v.DestroyPipeline(device, p, nullptr);
    v.DestroyPipelineCache(device, cache, nullptr);
    v.DestroyPipelineLayout(device, layout, nullptr);
    v.DestroyDevice(device, nullptr);
}

VkPipeline Device::pipeline(Kernel kernel, uint32_t variant)
{
    std::lock_guard<std::mutex> guard(mutex);
    VkPipeline& made = pipelines[(size_t)kernel][variant];
    if (made) return made;
    Vulkan& v = vulkan();
    VkBool32 values[3] = {fused, variant & 1, variant >> 1};
    VkSpecializationMapEntry entries[3] = {{0, 0, 4}, {1, 4, 4}, {2, 8, 4}};
    VkSpecializationInfo special{3, entries, sizeof values, values};
    VkShaderModuleCreateInfo module{};
    module.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
    std::vector<uint32_t> code = with_modes(shaders[(size_t)kernel].code, shaders[(size_t)kernel].bytes / 4, modes);
    module.codeSize = 4 * code.size();
    module.pCode = code.data();
    VkComputePipelineCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
    info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
    info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
    info.stage.pName = "main";
    info.stage.pSpecializationInfo = &special;
    info.layout = layout;
    check(v.CreateShaderModule(device, &module, nullptr, &info.stage.module), "vkCreateShaderModule");
    VkPipeline p = VK_NULL_HANDLE;
    VkResult result = v.CreateComputePipelines(device, cache, 1, &info, nullptr, &p);
    v.DestroyShaderModule(device, info.stage.module, nullptr);
    check(result, "vkCreateComputePipelines");
    return made = p;
}

uint32_t Device::memory_type(uint32_t allowed, VkMemoryPropertyFlags wanted) const
{
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++)
        if ((allowed >> i & 1) && (memory.memoryTypes[i].propertyFlags & wanted) == wanted) return i;
    return UINT32_MAX;
}

static bool has_extension(VkPhysicalDevice physical, const char* name)
{
    uint32_t count = 0;
    if (vulkan().EnumerateDeviceExtensionProperties(physical, nullptr, &count, nullptr) != VK_SUCCESS) return false;
    std::vector<VkExtensionProperties> all(count);
    if (vulkan().EnumerateDeviceExtensionProperties(physical, nullptr, &count, all.data()) != VK_SUCCESS) return false;
    for (const VkExtensionProperties& e : all)
        if (!strcmp(e.extensionName, name)) return true;
    return false;
}

Properties properties(VkPhysicalDevice physical)
{
    Vulkan& v = vulkan();
    Properties result{};
    VkPhysicalDeviceMaintenance3Properties limits{};
    limits.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES;
    VkPhysicalDeviceDriverProperties driver{};
    driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
    driver.pNext = &limits;
    VkPhysicalDeviceProperties2 all{};
    all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    v.GetPhysicalDeviceProperties2(physical, &all);
    bool recent = all.properties.apiVersion >= VK_API_VERSION_1_2;
    if (recent)
    {
        all.pNext = &driver;
        v.GetPhysicalDeviceProperties2(physical, &all);
        result.driver = text("%s %s", driver.driverName, driver.driverInfo);
        result.largest = limits.maxMemoryAllocationSize;
    }
    result.device = all.properties;
    VkPhysicalDeviceBufferDeviceAddressFeatures addresses{};
    addresses.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES;
    VkPhysicalDeviceFeatures2 features{};
    features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    features.pNext = &addresses;
    if (recent) v.GetPhysicalDeviceFeatures2(physical, &features);
    uint32_t version = all.properties.apiVersion;
    if (!recent) result.unfit = text("Vulkan 1.2 is needed, the driver has %u.%u", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
    else if (!addresses.bufferDeviceAddress) result.unfit = "buffer addresses are needed, the driver has none";
    else if (compute_family(physical) == UINT32_MAX) result.unfit = "a compute queue is needed, the device has none";
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{};
    budget.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT;
    VkPhysicalDeviceMemoryProperties2 memory{};
    memory.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2;
    bool known = has_extension(physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    if (known) memory.pNext = &budget;
    v.GetPhysicalDeviceMemoryProperties2(physical, &memory);
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++)
        if (memory.memoryProperties.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT && memory.memoryProperties.memoryHeaps[i].size > result.total)
        {
            result.total = memory.memoryProperties.memoryHeaps[i].size;
            result.free = !known ? 0 : budget.heapBudget[i] > budget.heapUsage[i] ? budget.heapBudget[i] - budget.heapUsage[i] : 1;
        }
    return result;
}
