// A device in use: its queue, its memory, its pipelines. Shared by the stages on it.
#pragma once
#include "api.h"
#include "failure.h"
#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#define KERNELS(F) F(norm) F(quantize) F(f32) F(f16) F(q4_0) F(q8_0) F(q2_k) F(q3_k) F(q4_k) F(q5_k) F(q6_k) F(elementwise) F(rope) F(store) F(attention) F(combine) F(probe)
enum class Kernel
{
#define NAME(k) k,
    KERNELS(NAME)
#undef NAME
    count
};

struct Device
{
    Device(VkPhysicalDevice physical, bool fused);
    Device(VkPhysicalDevice physical, bool fused, uint32_t modes);
    ~Device();
    Device(const Device&) = delete;
    void operator=(const Device&) = delete;

    // Made the first time. variant: the bits of the specialization constants 1 and 2.
    VkPipeline pipeline(Kernel kernel, uint32_t variant);
    // Throws unless the call went well; notes a lost device.
    void check(VkResult result, const char* what);
    uint32_t memory_type(uint32_t allowed, VkMemoryPropertyFlags wanted) const; // the first; UINT32_MAX: none

    VkPhysicalDevice physical;
    bool fused;     // the device's fma is used
    uint32_t modes; // what shaders ask for: of modes.h
    VkDevice device = VK_NULL_HANDLE;
    VkQueue queue = VK_NULL_HANDLE;
    uint32_t family = 0;
    VkPipelineLayout layout = VK_NULL_HANDLE;
    std::mutex mutex; // of the queue and the pipelines
    std::atomic<bool> lost{false};

private:
    void open();
    void close();
    VkPipelineCache cache = VK_NULL_HANDLE;
    std::array<std::array<VkPipeline, 4>, (size_t)Kernel::count> pipelines{};
    VkPhysicalDeviceMemoryProperties memory{};
};

enum class Memory { Device, Upload, Download };

// Memory that shaders reach by its address. data: where the host sees it, but for Memory::Device.
struct Buffer
{
    Buffer() = default;
    Buffer(std::shared_ptr<Device> device, uint64_t bytes, Memory kind);
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept { swap(other); return *this; }
    ~Buffer();

    VkBuffer buffer = VK_NULL_HANDLE;
    uint64_t address = 0, bytes = 0;
    uint8_t* data = nullptr;

private:
    void swap(Buffer& other) noexcept;
    void release();
    std::shared_ptr<Device> device;
    VkDeviceMemory memory = VK_NULL_HANDLE;
};

// A place in a buffer.
struct Place
{
    VkBuffer buffer = VK_NULL_HANDLE;
    uint64_t offset = 0, address = 0;
    Place at(uint64_t bytes) const { return {buffer, offset + bytes, address + bytes}; }
};
inline Place place(const Buffer& b) { return {b.buffer, 0, b.address}; }

// What the device is to do next, in order.
class Commands
{
public:
    explicit Commands(std::shared_ptr<Device> device);
    ~Commands();
    Commands(const Commands&) = delete;
    void operator=(const Commands&) = delete;

    // ordered: after all before it; else it may run beside the dispatch before.
    template <typename T> void dispatch(Kernel kernel, const T& constants, uint32_t x, uint32_t y, uint32_t z, bool ordered = true, uint32_t variant = 0)
    {
        static_assert(sizeof(T) <= 128, "every device has 128 bytes of push constants");
        dispatch(kernel, &constants, sizeof constants, x, y, z, ordered, variant);
    }
    void copy(Place from, Place to, uint64_t bytes);
    void zero(Place at, uint64_t bytes);
    // Runs what was recorded and waits for its end.
    void run();
    void forget(); // what was recorded and not run
    uint64_t launches = 0;

private:
    void dispatch(Kernel kernel, const void* constants, uint32_t bytes, uint32_t x, uint32_t y, uint32_t z, bool ordered, uint32_t variant);
    void begin();
    void barrier();
    std::shared_ptr<Device> device;
    VkCommandPool pool = VK_NULL_HANDLE;
    VkCommandBuffer buffer = VK_NULL_HANDLE;
    VkFence fence = VK_NULL_HANDLE;
    bool recording = false;
};

// What can be said of a device.
struct Properties
{
    VkPhysicalDeviceProperties device;
    std::string driver, unfit; // unfit: why it cannot be used; else empty
    uint64_t total = 0, free = 0, largest = 0; // bytes of its memory; of one allocation
};
Properties properties(VkPhysicalDevice physical);
