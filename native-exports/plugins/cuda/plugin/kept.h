// Weights that several stages of a model have in common: each is on a device once, as long as a stage has it.
#pragma once
#include "memory.h"
#include <functional>
#include <memory>
#include <vector>

struct Kept { std::shared_ptr<DeviceMemory> memory; size_t offset = 0; };

// Where tensors are; made by upload where no stage of the model has all of them. Two threads do not upload at once.
std::vector<Kept> kept_weights(const Device& device, uint64_t model, const std::vector<const edge_llm_offload_tensor*>& tensors,
    const std::function<std::vector<Kept>()>& upload);
bool is_kept(const Device& device, uint64_t model, const edge_llm_offload_tensor& tensor);
// The device was lost, and its memory with it: nobody gets what it had.
void forget_weights(const Device& device);
