#include "devices.h"
#include "probe.h"
#include <deque>

namespace
{
struct Slot
{
    std::mutex mutex;
    std::shared_ptr<Device> device;
    bool asked = false;
    Tested tested;
};
std::deque<Slot>& slots()
{
    static std::deque<Slot> all(vulkan().devices.size());
    return all;
}
}

VkPhysicalDevice physical_device(int32_t number)
{
    size_t count = vulkan().devices.size();
    if (number < 0 || (size_t)number >= count)
        throw Failure{EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, 0, text("device %d: there are %zu", number, count)};
    return vulkan().devices[number];
}

const Tested& tested(int32_t number)
{
    VkPhysicalDevice physical = physical_device(number);
    Slot& slot = slots()[number];
    std::lock_guard<std::mutex> guard(slot.mutex);
    if (!slot.asked)
    {
        slot.tested = probe(physical);
        slot.asked = true;
    }
    return slot.tested;
}

std::shared_ptr<Device> device_of(int32_t number)
{
    bool fused = tested(number).fused;
    Slot& slot = slots()[number];
    std::lock_guard<std::mutex> guard(slot.mutex);
    if (!slot.device || slot.device->lost) slot.device = std::make_shared<Device>(physical_device(number), fused);
    return slot.device;
}

void forget(const std::shared_ptr<Device>& device)
{
    for (Slot& slot : slots())
    {
        std::lock_guard<std::mutex> guard(slot.mutex);
        if (slot.device == device) slot.device.reset();
    }
}
