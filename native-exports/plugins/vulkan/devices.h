// The devices by number: made when needed, shared by stages, kept with what was compiled for them, tested once.
#pragma once
#include "device.h"

struct Tested
{
    bool exact = false, fused = false;
    std::string note; // which operation is not exact; else empty
};
VkPhysicalDevice physical_device(int32_t number); // throws INVALID_ARGUMENT
std::shared_ptr<Device> device_of(int32_t number);
void forget(const std::shared_ptr<Device>& device); // the next stage makes a new one
const Tested& tested(int32_t number); // runs the self-test the first time
