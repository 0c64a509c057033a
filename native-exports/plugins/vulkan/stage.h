// A stage: weights, cache and workspace on a device.
#pragma once
#include "devices.h"
#include "kept.h"
#include "model.h"

const uint32_t block_positions = EDGE_LLM_OFFLOAD_BLOCK;

struct Group // of cache blocks
{
    std::vector<Buffer> buffers;
    uint32_t per_buffer = 1;
    uint32_t window = 0; // the widest of its layers; 0: all
    bool used = false;   // by a layer
    uint64_t bytes = 0;  // of a block
    Place block(int32_t number) const { return place(buffers[number / per_buffer]).at(number % per_buffer * bytes); }
};

// What a batch needs besides weights and cache, in one buffer. Strides are in floats.
struct Workspace
{
    Place x, h, branch, network, qkv, mixed, gate, up, wide, narrow, logits, scratch, state, flag;
    uint32_t qkv_width = 0, mixed_width = 0, network_width = 0, groups = 0; // groups: of the widest packed row
    uint64_t scratch_bytes = 0, bytes = 0;
    explicit Workspace(const Model& model);
    Workspace(const Workspace&) = delete;
    void move(const Buffer& buffer); // from offsets to places
private:
    std::vector<Place*> all;
};

struct edge_llm_offload_stage
{
    edge_llm_offload_stage(std::shared_ptr<Device> device, Model model, bool exact);

    std::shared_ptr<Device> device;
    Model model;
    bool exact;
    std::mutex mutex; // one thing at a time, whatever the host does
    Commands commands;
    std::vector<Matrix> matrices; // by tensor
    std::vector<Group> groups;
    Workspace work;
    Buffer upload, input, download, memory;
    double layer_seconds = 0.01; // of a row in a layer, as measured: how many layers are submitted together
    uint64_t forwards = 0, rows = 0, weight_bytes = 0, cache_bytes = 0;

    const Matrix& matrix(uint32_t tensor) const { return matrices[tensor - 1]; }
    void grow(Buffer& buffer, uint64_t bytes, Memory kind);

private:
    void find_weights();
    std::shared_ptr<Weights> upload_weights(const std::vector<uint32_t>& used);
    void make_caches();
    std::shared_ptr<const Weights> weights;
};
uint64_t workspace_bytes(const Model& model);
