// Buffers, and what is recorded to be done with them.
#include "device.h"
#include <cstring>
#include <utility>

Buffer::Buffer(std::shared_ptr<Device> on, uint64_t size, Memory kind) : bytes(size), device(std::move(on))
{
    Vulkan& v = vulkan();
    try
    {
        VkBufferCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
        info.size = bytes;
        info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
        device->check(v.CreateBuffer(device->device, &info, nullptr, &buffer), "vkCreateBuffer");
        VkMemoryRequirements need;
        v.GetBufferMemoryRequirements(device->device, buffer, &need);
        const VkMemoryPropertyFlags visible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
        if (kind != Memory::Device) wanted = kind == Memory::Upload ? visible : visible | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
        uint32_t type = device->memory_type(need.memoryTypeBits, wanted);
        if (type == UINT32_MAX) type = device->memory_type(need.memoryTypeBits, kind == Memory::Device ? 0 : visible);
        if (type == UINT32_MAX) refuse("the device has no memory that the host sees");
        VkMemoryAllocateFlagsInfo flags{};
        flags.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO;
        flags.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT;
        VkMemoryAllocateInfo allocation{};
        allocation.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
        allocation.pNext = &flags;
        allocation.allocationSize = need.size;
        allocation.memoryTypeIndex = type;
        device->check(v.AllocateMemory(device->device, &allocation, nullptr, &memory), text("vkAllocateMemory, %llu bytes", (unsigned long long)need.size).c_str());
        device->check(v.BindBufferMemory(device->device, buffer, memory, 0), "vkBindBufferMemory");
        VkBufferDeviceAddressInfo where{};
        where.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO;
        where.buffer = buffer;
        address = v.GetBufferDeviceAddress(device->device, &where);
        void* mapped = nullptr;
        if (kind != Memory::Device) device->check(v.MapMemory(device->device, memory, 0, VK_WHOLE_SIZE, 0, &mapped), "vkMapMemory");
        data = (uint8_t*)mapped;
    }
    catch (...)
    {
        release();
        throw;
    }
}

Buffer::~Buffer() { release(); }

void Buffer::release()
{
    if (!device) return;
    vulkan().DestroyBuffer(device->device, buffer, nullptr);
    vulkan().FreeMemory(device->device, memory, nullptr);
}

void Buffer::swap(Buffer& other) noexcept
{
    std::swap(buffer, other.buffer);
    std::swap(address, other.address);
    std::swap(bytes, other.bytes);
    std::swap(data, other.data);
    std::swap(device, other.device);
    std::swap(memory, other.memory);
}

Commands::Commands(std::shared_ptr<Device> on) : device(std::move(on))
{
    Vulkan& v = vulkan();
    VkCommandPoolCreateInfo pools{};
    pools.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
    pools.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
    pools.queueFamilyIndex = device->family;
    VkFenceCreateInfo fences{};
    fences.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
    try
    {
        device->check(v.CreateCommandPool(device->device, &pools, nullptr, &pool), "vkCreateCommandPool");
        VkCommandBufferAllocateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
        info.commandPool = pool;
        info.commandBufferCount = 1;
        device->check(v.AllocateCommandBuffers(device->device, &info, &buffer), "vkAllocateCommandBuffers");
        device->check(v.CreateFence(device->device, &fences, nullptr, &fence), "vkCreateFence");
    }
    catch (...)
    {
        v.DestroyCommandPool(device->device, pool, nullptr);
        throw;
    }
}

Commands::~Commands()
{
    vulkan().DestroyFence(device->device, fence, nullptr);
    vulkan().DestroyCommandPool(device->device, pool, nullptr);
}

void Commands::forget() { recording = false; }

void Commands::begin()
{
    if (recording) return;
    VkCommandBufferBeginInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
    info.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    device->check(vulkan().ResetCommandBuffer(buffer, 0), "vkResetCommandBuffer");
    device->check(vulkan().BeginCommandBuffer(buffer, &info), "vkBeginCommandBuffer");
    recording = true;
}

void Commands::barrier()
{
    VkMemoryBarrier memory{};
    memory.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
    memory.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    memory.dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT;
    const VkPipelineStageFlags work = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vulkan().CmdPipelineBarrier(buffer, work, work | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &memory, 0, nullptr, 0, nullptr);
}

void Commands::dispatch(Kernel kernel, const void* constants, uint32_t bytes, uint32_t x, uint32_t y, uint32_t z, bool ordered, uint32_t variant)
{
    Vulkan& v = vulkan();
    VkPipeline pipeline = device->pipeline(kernel, variant);
    begin();
    if (ordered) barrier();
    v.CmdBindPipeline(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    v.CmdPushConstants(buffer, device->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, bytes, constants);
    v.CmdDispatch(buffer, x, y, z);
    launches++;
}

void Commands::copy(Place from, Place to, uint64_t bytes)
{
    begin();
    barrier();
    VkBufferCopy region{from.offset, to.offset, bytes};
    vulkan().CmdCopyBuffer(buffer, from.buffer, to.buffer, 1, &region);
}

void Commands::zero(Place at, uint64_t bytes)
{
    begin();
    barrier();
    vulkan().CmdFillBuffer(buffer, at.buffer, at.offset, bytes, 0);
}

void Commands::run()
{
    if (!recording) return;
    barrier();
    recording = false;
    Vulkan& v = vulkan();
    device->check(v.EndCommandBuffer(buffer), "vkEndCommandBuffer");
    device->check(v.ResetFences(device->device, 1, &fence), "vkResetFences");
    VkSubmitInfo submit{};
    submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
    submit.commandBufferCount = 1;
    submit.pCommandBuffers = &buffer;
    {
        std::lock_guard<std::mutex> guard(device->mutex);
        device->check(v.QueueSubmit(device->queue, 1, &submit, fence), "vkQueueSubmit");
    }
    device->check(v.WaitForFences(device->device, 1, &fence, VK_TRUE, UINT64_MAX), "vkWaitForFences");
}
