// Vulkan's loader, opened at run time. Each function is a pointer in here, so that tests can make one fail.
#pragma once
#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>
#include <vector>

#define VULKAN_FUNCTIONS(F) F(EnumeratePhysicalDevices) F(GetPhysicalDeviceProperties2) F(GetPhysicalDeviceFeatures2) F(GetPhysicalDeviceMemoryProperties2) \
    F(GetPhysicalDeviceQueueFamilyProperties) F(EnumerateDeviceExtensionProperties) F(CreateDevice) F(DestroyDevice) F(GetDeviceQueue) F(CreateBuffer) F(DestroyBuffer) \
    F(GetBufferMemoryRequirements) F(GetBufferDeviceAddress) F(AllocateMemory) F(FreeMemory) F(BindBufferMemory) F(MapMemory) F(CreatePipelineLayout) \
    F(DestroyPipelineLayout) F(CreateShaderModule) F(DestroyShaderModule) F(CreatePipelineCache) F(DestroyPipelineCache) F(CreateComputePipelines) F(DestroyPipeline) \
    F(CreateCommandPool) F(DestroyCommandPool) F(AllocateCommandBuffers) F(BeginCommandBuffer) F(EndCommandBuffer) F(ResetCommandBuffer) F(CmdBindPipeline) F(CmdPushConstants) \
    F(CmdDispatch) F(CmdPipelineBarrier) F(CmdCopyBuffer) F(CmdFillBuffer) F(QueueSubmit) F(CreateFence) F(DestroyFence) F(WaitForFences) F(ResetFences)

struct Vulkan
{
#define DECLARE(f) PFN_vk##f f = nullptr;
    VULKAN_FUNCTIONS(DECLARE)
#undef DECLARE
    std::vector<VkPhysicalDevice> devices;
};

// Opens the loader the first time. Without loader or driver there are no devices.
Vulkan& vulkan();
