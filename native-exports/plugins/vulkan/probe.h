// The self-test: whether a device's float operations are what the arithmetic asks for.
#pragma once
#include "devices.h"

Tested probe(VkPhysicalDevice physical);
