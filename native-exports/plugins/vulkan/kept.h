// Weights that several stages have in common: those of the same layers of a model are on a device once, as long as a stage has them.
#pragma once
#include "formats.h"
#include <functional>
#include <memory>
#include <tuple>
#include <vector>

struct Weights
{
    std::vector<Buffer> buffers;
    std::vector<Place> places; // of the tensors, in their order
};
// Where each tensor lies in the host's memory, its type, the words of a row, its rows.
using Tensors = std::vector<std::tuple<const void*, uint32_t, uint32_t, uint32_t>>;

// Made by upload where no stage has them. model: the host's number of it; 0: they are nobody else's. Two threads do not upload at once.
std::shared_ptr<const Weights> kept_weights(const Device& device, uint64_t model, const Tensors& tensors, const std::function<std::shared_ptr<Weights>()>& upload);
