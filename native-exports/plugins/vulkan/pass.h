// One batch on its way through a stage: what is recorded for each part of a layer.
#pragma once
#include "stage.h"

struct Rows // floats on the device: stride of them from one row to the next
{
    Place place;
    uint32_t stride;
};

class Pass
{
public:
    Pass(edge_llm_offload_stage& stage, const edge_llm_offload_host* host, const edge_llm_offload_batch& batch);
    void run();

private:
    // pass.cpp: validation, the way in and out
    void check_batch();
    void check_runs();
    void check_ropes();
    uint32_t first_block(const Group& group, const edge_llm_offload_run& run) const;
    uint64_t lay_out_input();
    void fill_input();
    void fill_places(uint32_t group, uint32_t* words);
    void results();
    void ask_cancelled();
    // layers.cpp
    void layer(const Layer& layer);
    void mixer(const Layer& layer, Rows from, Rows to, bool add, float residual);
    void network(const Layer& layer, Rows from, Rows to, bool add, float residual);
    void host_part(const Layer& layer, int32_t part, Rows in, uint32_t in_width, Rows out, uint32_t out_width);
    // operations.cpp
    void norm(const edge_llm_offload_norm& norm, Rows x, Rows y, uint32_t rows, uint32_t width, uint32_t heads = 1);
    void head_norm(const edge_llm_offload_norm& norm, Rows x, uint32_t heads, uint32_t width);
    // Of the products that follow; activation(x) * up, or without up, where there is an activation.
    void begin_input(Rows x, uint32_t width, uint32_t rows, uint32_t activation = 0, const Rows* up = nullptr);
    void product(const edge_llm_offload_linear& linear, Rows y, bool beside = false, bool add = false, float residual = 1);
    void elementwise(uint32_t operation, Rows y, Rows x, uint32_t rows, uint32_t width, float p, uint64_t gather = 0);
    void activate(); // the input
    // attention.cpp
    void rope(const edge_llm_offload_rope& rope, Rows x, uint32_t heads, uint32_t dim);
    void store(const Layer& layer, Rows x, bool values);
    void attend(const Layer& layer, Rows q, Rows y);

    edge_llm_offload_stage& s;
    const edge_llm_offload_host* host;
    const edge_llm_offload_batch& batch;
    const Model& model;
    Commands& commands;
    Workspace& work;
    uint32_t rows, mark = 0; // mark: what the flag gets where a number is not finite: the layer + 1
    std::vector<edge_llm_offload_rope_table> tables;
    std::vector<uint32_t> table_widths;        // as far as layers read them
    std::vector<uint64_t> rope_at, places_at;  // in the input
    std::vector<uint32_t> lowest, highest;     // block that a row of the batch looks at, of each group
    uint64_t gather_at = 0;
    Rows input{}, input_up{};                  // of products
    uint32_t activation = 0;                   // of the input, still to come
    bool paired = false;
    uint32_t input_width = 0, input_rows = 0;
    bool packed[3] = {};
};
enum : uint32_t { AddScaled, SoftCap, Gather, Activate }; // operations of elementwise.comp
