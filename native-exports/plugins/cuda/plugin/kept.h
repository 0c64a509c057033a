// Weights that several stages of a model have in common: each is on a device once, as long as a stage has it.
#pragma once
#include "memory.h"
#include <functional>
#include <memory>

// The tensor's memory; made by upload where no stage of the model has it. Two threads do not upload at once.
std::shared_ptr<DeviceMemory> kept_weight(const Device& device, uint64_t model, const edge_llm_offload_tensor& tensor,
    const std::function<std::shared_ptr<DeviceMemory>()>& upload);
bool is_kept(const Device& device, uint64_t model, const edge_llm_offload_tensor& tensor);
// The device was lost, and its memory with it: nobody gets what it had.
void forget_weights(const Device& device);
