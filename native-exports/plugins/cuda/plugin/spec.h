// A stage as the host describes it, copied and checked; and how large its parts become on the device.
#pragma once
#include "modules.h"
#include <cstring>
#include <vector>

// A later version's field that is not zero, or a kind that the plug-in does not do: the layer, or the stage, is refused.
struct Refusal { std::string text; };
template <typename... A> void take(bool right, const char* format, A... a) { if (!right) throw Refusal{text(format, a...)}; }

// The struct rule of the header: the part that both know, the rest of ours cleared, the rest of theirs checked to be zero.
template <typename T> T read_struct(const void* from, const char* what)
{
    expect(from != nullptr, "%s: expected a struct, found null", what);
    unsigned size;
    memcpy(&size, from, 4);
    expect(size >= 4, "%s: struct_size is %u", what, size);
    for (size_t i = sizeof(T); i < size; i++) take(((const char*)from)[i] == 0, "%s: a field of a later version", what);
    T to;
    memset((void*)&to, 0, sizeof to);
    memcpy((void*)&to, from, size < sizeof to ? size : sizeof to);
    return to;
}
// Structs with a size of their own one after another.
template <typename T> const void* element(const T* first, int index)
{
    if (!first) return nullptr;
    unsigned size;
    memcpy(&size, first, 4);
    return (const char*)first + (size_t)size * index;
}

struct LayerSpec
{
    edge_llm_offload_layer layer;
    edge_llm_offload_attention attention; // where layer.mixer_kind is not 0
    edge_llm_offload_feed_forward network; // where dense_kind is not 0
    edge_llm_offload_experts experts;      // where has_experts

    bool host_mixer() const { return layer.flags & EDGE_LLM_OFFLOAD_HOST_MIXER; }
    bool host_network() const { return layer.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD; }
    bool has_network() const { return layer.feed_forward_kind != 0 || host_network(); }
    bool has_experts() const { return layer.feed_forward_kind == EDGE_LLM_OFFLOAD_EXPERTS; }
    uint32_t dense_kind() const { return has_experts() ? experts.shared_kind : layer.feed_forward_kind; } // of the network, or of a shared expert
    int q_width() const { return attention.heads * attention.key_dim; }
    int k_width() const { return attention.kv_heads * attention.key_dim; }
    int v_width() const { return attention.kv_heads * attention.value_dim; }
    int qkv_width() const { return layer.mixer_kind ? q_width() + k_width() + v_width() : 0; }
    int mixed_width() const { return layer.mixer_kind ? attention.heads * attention.value_dim : 0; }
};

// How a product of a quantized matrix is launched: what fits into a block's shared memory.
struct ProductShape { int warps = 0, rowsPerBlock = 0, shared = 0; };
ProductShape product_shape(const Device& device, const Format& format, int units, int rows, int tokens); // warps 0: nothing fits

inline int padded(int dim) { return (dim + 31) & ~31; }
inline int units_of(int n) { return (n + 255) / 256; }

// Reads a stage's description. INVALID_ARGUMENT where the host broke a rule; Refusal where the whole stage is of a later kind.
class Spec
{
public:
    Spec(Device& device, const edge_llm_offload_stage_desc* desc);

    // Throw Refusal with the layer and the part in words, unless the plug-in does it.
    void check_layer(int index);
    void check_output() const;

    // Device memory that is still to be taken for the tensors of a layer, for its keys and values, and for the output; that of a tensor.
    uint64_t layer_weights(int index) const;
    uint64_t layer_cache(int index) const;
    uint64_t output_bytes() const;
    uint64_t tensor_bytes(uint32_t reference) const;

    Device& device;
    edge_llm_offload_stage_desc desc;
    std::vector<edge_llm_offload_tensor> tensors;
    std::vector<edge_llm_offload_cache_group> groups;
    std::vector<LayerSpec> layers;           // read by check_layer
    std::vector<int> ropeWidth;              // of each table: values that the layers use

    const edge_llm_offload_tensor& tensor(uint32_t reference) const { return tensors[reference - 1]; }

private:
    const edge_llm_offload_tensor* at(uint32_t reference, const char* what) const;
    void check_values(uint32_t reference, int64_t n, const char* what) const;
    void check_linear(const edge_llm_offload_linear& l, int64_t k, int64_t m, const char* what) const;
    void check_norm(const edge_llm_offload_norm& n, int width, const char* what) const;
    void check_head_norm(const edge_llm_offload_norm& n, int dim, int heads, const char* what) const;
    void check_attention(LayerSpec& s);
    void check_dense(LayerSpec& s, uint32_t kind, const void* given);
    void check_experts(LayerSpec& s);
    void check_matrices(const edge_llm_offload_expert_matrices& w, int64_t k, int64_t m, int count, int used, const char* what) const;
    uint64_t missing_bytes(uint32_t reference) const; // of what no stage of the model has on the device
    uint64_t linear_bytes(const edge_llm_offload_linear& l) const { return missing_bytes(l.weight) + missing_bytes(l.bias); }
    uint64_t experts_bytes(const LayerSpec& s) const;
    uint64_t norm_bytes(const edge_llm_offload_norm& n) const { return n.kind ? missing_bytes(n.weight) + missing_bytes(n.bias) : 0; }
};
