// A stage on the device: weights, cache, working memory, and how many of each it has.
#pragma once
#include "kept.h"
#include "spec.h"
#include <array>
#include <map>
#include <tuple>

struct Matrix
{
    const Format* format = nullptr; // null: there is none
    const FormatModule* module = nullptr;
    const u8* data = nullptr;
    int rows = 0, k = 0;
    ProductShape one, four;
    const float* bias = nullptr;
    float scale = 1;
    u64 matrixBytes = 0;            // of experts: from one's matrix to the next's, and from one's biases
    int biasStep = 0;

    u64 row_bytes() const { return format->form == Form::Floats ? (u64)k * format->bytes : (u64)units_of(k) * format->unit_bytes(); }
};
struct NormWeights
{
    uint32_t kind = 0;
    const float* weight = nullptr, *bias = nullptr;
    float epsilon = 0;
    int each = 1, step = 0; // of heads: normed one by one (1) or together (0); from one head's weights to the next's
};
struct LayerParts
{
    LayerSpec spec;
    Matrix q, k, v, output, gate, up, down; // the last three: of the network, or of a shared expert
    Matrix qkv, gateUp;                     // of q, k and v, and of gate and up, where these lie one behind the other: one launch
    Matrix router, expertGate, expertUp, expertDown, sharedGate;
    const float* choiceBias = nullptr;
    NormWeights mixerNorm, networkNorm, afterMixer, afterNetwork, qNorm, kNorm;
    const float* sinks = nullptr;
    float residual = 1;
};

// Working memory. Rows are max_rows, or max_output_rows in those that end with Out; in those that begin with Entry as many as they have experts in all.
// A row of Gate is gate and up, one behind the other. EntryNumbers: experts in the order of the rows, experts in their own order, places, rows, tiles.
enum Area
{
    Hidden, Branch, Second, Qkv, Mixed, Gate, Plain, By256, Scales256, By32, Ropes, HiddenOut, MixedOut, Logits, Partial, Flags,
    RouterLogits, SharedGate, EntryWeights, EntryNumbers, EntryGate, EntryUp, EntryDown, EntryPlain, EntryBy256, EntryScales256, EntryBy32, Areas
};
std::array<size_t, Areas> area_bytes(const Spec& spec, int firstLayer);
// The numbers of a batch, without its tables of blocks.
size_t index_count(const Spec& spec);

// A decode step whose kernels are launched as one: for how many blocks of the cache, and with which end.
struct GraphKey
{
    int blocks, outputs;
    bool hidden;
    bool operator<(const GraphKey& o) const { return std::tie(blocks, outputs, hidden) < std::tie(o.blocks, o.outputs, o.hidden); }
};

struct edge_llm_offload_stage
{
    edge_llm_offload_stage(Device& device, Spec&& spec);
    ~edge_llm_offload_stage();

    Device& device;
    Retained context;
    struct Contents;
    std::unique_ptr<Contents> contents; // all that needs the context to end

    std::string lost; // what the driver said when the device was lost; empty: it is not
    int lostCode = 0;
    uint64_t forwards = 0, rows = 0, launches = 0;
    double deviceMilliseconds = 0, copyMilliseconds = 0;
};

struct edge_llm_offload_stage::Contents
{
    Contents(Device& device, Spec&& spec);
    ~Contents();

    StreamOwner stream;
    EventOwner began, uploaded, computed, downloaded;
    CommonModule kernels;
    std::map<int, std::unique_ptr<FormatModule>> formats; // by type
    std::map<uint32_t, Kept> weights;                     // by tensor; other stages of the model may have them as well
    std::vector<LayerParts> layers;
    NormWeights finalNorm;
    Matrix output;

    edge_llm_offload_stage_desc desc;
    std::vector<edge_llm_offload_cache_group> groups;
    std::vector<int> ropeWidth, windows; // of each table of angles; of each group: 0 where a layer sees all
    std::vector<DeviceMemory> caches; // of each group: [block][block_bytes]
    std::array<DeviceMemory, Areas> work;
    DeviceMemory indices;             // a batch's numbers: grow where they must
    PinnedMemory indexStaging, staging, result, parts;
    std::map<GraphKey, cuda::Executable> graphs;
    bool useGraphs = false;
    uint64_t weightBytes = 0, cacheBytes = 0;

    void forget_graphs();

private:
    std::vector<Kept> upload(const Spec& spec, const std::vector<uint32_t>& references);
    void place(const Spec& spec, const std::vector<uint32_t>& references);
    void place_together(const Spec& spec, const std::vector<uint32_t>& references);
    static Matrix joined(const Spec& spec, const std::vector<const Matrix*>& parts);
    const float* values(const Spec& spec, uint32_t reference);
    Matrix matrix_of(const Spec& spec, uint32_t reference, int rows, int rowsAtOnce);
    Matrix matrix(const Spec& spec, const edge_llm_offload_linear& l);
    Matrix matrices(const Spec& spec, const edge_llm_offload_expert_matrices& w, int rows, int used);
    void experts(const Spec& spec, const edge_llm_offload_experts& x, LayerParts& p);
    NormWeights norm(const Spec& spec, const edge_llm_offload_norm& n);
    NormWeights head_norm(const Spec& spec, const edge_llm_offload_norm& n, int dim);
    LayerParts layer(const Spec& spec, const LayerSpec& s);
};

// Runs a batch; throws.
void run_batch(edge_llm_offload_stage& stage, const edge_llm_offload_batch* batch);
// The host's functions.
extern const edge_llm_offload_host* host;
