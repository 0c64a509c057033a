// A stage's description, read and checked.
#pragma once
#include "formats.h"
#include <cstring>
#include <vector>

using Desc = edge_llm_offload_stage_desc;

struct Layer
{
    edge_llm_offload_layer l;
    edge_llm_offload_attention a;
    edge_llm_offload_feed_forward f;
    std::string unknown; // a field of a later version; else empty
    bool host_mixer() const { return l.flags & EDGE_LLM_OFFLOAD_HOST_MIXER; }
    bool host_network() const { return l.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD; }
    uint32_t q_width() const { return (uint32_t)(a.heads * a.key_dim); }
    uint32_t k_width() const { return (uint32_t)(a.kv_heads * a.key_dim); }
    uint32_t qkv_width() const { return q_width() + k_width() + (uint32_t)(a.kv_heads * a.value_dim); }
    uint32_t mixed_width() const { return (uint32_t)(a.heads * a.value_dim); }
};

struct Model
{
    Desc d;
    std::vector<edge_llm_offload_tensor> tensors;
    std::vector<edge_llm_offload_cache_group> groups;
    std::vector<Layer> layers;
    std::vector<std::string> names;

    explicit Model(const Desc* desc);
    // Why a layer, or the output, is not taken; empty if it is. Throws INVALID_ARGUMENT where the description contradicts itself.
    std::string refusal(const Layer& layer, uint64_t largest) const;
    std::string output_refusal(uint64_t largest) const;
    // Tensors of a layer, or (nullptr) of the output, as numbers + 1.
    std::vector<uint32_t> tensors_of(const Layer* layer) const;
    Matrix matrix(uint32_t tensor) const; // number + 1; without its place
    uint64_t weight_bytes(const Layer* layer) const;
    uint64_t cache_bytes(const Layer& layer) const;
    uint32_t feed_forward_width(const Layer& layer) const;

private:
    std::string linear(const char* what, const edge_llm_offload_linear& l, int64_t in, int64_t out, uint64_t largest) const;
    std::string norm(const char* what, const edge_llm_offload_norm& n, int64_t width, int64_t all) const;
    void vector_of(const char* what, uint32_t tensor, int64_t length, int64_t other) const;
    std::string attention(const Layer& layer, uint64_t largest) const;
    std::string network(const Layer& layer, uint64_t largest) const;
};

// A struct of the host's version as one of ours. What lies beyond ours must be zero: else false.
template <typename T> bool read(T& to, const void* from)
{
    require(from, "a struct is missing");
    uint32_t size;
    memcpy(&size, from, sizeof size);
    require(size >= sizeof size, "struct_size is not set");
    to = T{};
    memcpy((void*)&to, from, size < sizeof(T) ? size : sizeof(T));
    for (size_t i = sizeof(T); i < size; i++)
        if (((const uint8_t*)from)[i]) return false;
    return true;
}
// Element i of an array of structs of the host's version.
template <typename T> bool read_element(T& to, const T* array, size_t i)
{
    require(array, "an array is missing");
    uint32_t size;
    memcpy(&size, array, sizeof size);
    return read(to, (const uint8_t*)array + i * size);
}
