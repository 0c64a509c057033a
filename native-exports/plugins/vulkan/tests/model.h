// A random model as a host describes it, and batches for it.
#pragma once
#include "edge_llm_offload.h"
#include <cmath>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

enum : uint32_t { F32 = 0, F16 = 1, Q4_0 = 2, Q8_0 = 8, Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13, Q6_K = 14 };

struct Shape // what a model is to be
{
    int layers = 2, hidden = 256, heads = 4, kv_heads = 2, key_dim = 64, value_dim = 64, width = 512, vocabulary = 100;
    uint32_t weights = F32, down = F32, output = F32, key_type = F16, value_type = F16;
    uint32_t topology = EDGE_LLM_OFFLOAD_PRE, network = EDGE_LLM_OFFLOAD_GATED, activation = EDGE_LLM_OFFLOAD_SILU;
    uint32_t norm = EDGE_LLM_OFFLOAD_NORM_RMS, head_norm = 0, halves = 1;
    int rope = 64, rope_offset = 0, window = 0, blocks = 12, max_rows = 140;
    float softcap = 0, output_softcap = 0, residual = 0, scale = 0;
    bool sinks = false, biases = false, after = false, network_norm = true, whole_head_norm = false;
    uint32_t flags = 0; // of each second layer
};

inline uint16_t to_half(float value)
{
    uint32_t b;
    memcpy(&b, &value, 4);
    uint32_t sign = b >> 16 & 0x8000, m = b & 0x7fffffff;
    if (m < 0x38800000) return (uint16_t)sign; // no subnormal ones here
    return (uint16_t)(sign | (m - 0x38000000 + 0xfff) >> 13);
}

struct TestModel
{
    Shape shape;
    std::mt19937 random;
    std::deque<std::vector<uint8_t>> data;
    std::vector<edge_llm_offload_tensor> tensors;
    std::vector<edge_llm_offload_layer> layers;
    std::deque<edge_llm_offload_attention> attention;
    std::deque<edge_llm_offload_feed_forward> networks;
    edge_llm_offload_cache_group group{};
    edge_llm_offload_stage_desc desc{};
    std::vector<float> cos, sin;

    float value() { return std::normal_distribution<float>()(random); }

    uint32_t tensor(uint32_t type, int64_t in, int64_t out, float size)
    {
        static const struct { uint32_t type; int block, bytes, halves[2]; } kinds[] = {{F32, 1, 4, {-1, -1}}, {F16, 1, 2, {-1, -1}}, {Q4_0, 32, 18, {0, -1}}, {Q8_0, 32, 34, {0, -1}},
            {Q2_K, 256, 84, {80, 82}}, {Q3_K, 256, 110, {108, -1}}, {Q4_K, 256, 144, {0, 2}}, {Q5_K, 256, 176, {0, 2}}, {Q6_K, 256, 210, {208, -1}}};
        edge_llm_offload_tensor t{};
        for (const auto& k : kinds)
        {
            if (k.type != type) continue;
            t.row_bytes = (uint64_t)in / k.block * k.bytes;
            std::vector<uint8_t> bytes(t.row_bytes * out);
            for (size_t b = 0; b < bytes.size() / k.bytes; b++)
            {
                uint8_t* at = &bytes[b * k.bytes];
                for (int i = 0; i < k.bytes; i++) at[i] = (uint8_t)random();
                float f = value() * size;
                uint16_t h = to_half(f);
                if (type == F32) memcpy(at, &f, 4);
                if (type == F16) memcpy(at, &h, 2);
                for (int place : k.halves)
                {
                    // Random bytes reach up to 127, times 63 in the formats with block scales.
                    uint16_t scale = random() % 16 == 0 ? (uint16_t)(random() & 0x83ff) : to_half(value() * size / (k.block == 256 ? 1000 : 100));
                    if (place >= 0) memcpy(at + place, &scale, 2);
                }
            }
            data.push_back(std::move(bytes));
        }
        t.struct_size = sizeof t;
        t.type = type;
        t.ne[0] = in;
        t.ne[1] = out;
        t.ne[2] = t.ne[3] = 1;
        t.data = data.back().data();
        t.name = "w";
        tensors.push_back(t);
        return (uint32_t)tensors.size();
    }
    edge_llm_offload_linear linear(uint32_t type, int64_t in, int64_t out)
    {
        edge_llm_offload_linear l{};
        l.weight = tensor(type, in, out, 1 / std::sqrt((float)in));
        if (shape.biases) l.bias = tensor(F32, out, 1, 0.3f);
        if (shape.biases && out % 3 == 0) l.scale = 0.7f;
        return l;
    }
    edge_llm_offload_norm norm(uint32_t kind, int64_t n)
    {
        edge_llm_offload_norm w{};
        if (!kind) return w;
        w.kind = kind;
        w.weight = tensor(F32, n, 1, 1);
        if (shape.biases) w.bias = tensor(F32, n, 1, 0.2f);
        w.epsilon = 1e-5f;
        return w;
    }

    explicit TestModel(const Shape& s, int seed = 1) : shape(s), random(seed)
    {
        for (int i = 0; i < s.layers; i++)
        {
            edge_llm_offload_attention a{};
            edge_llm_offload_feed_forward f{};
            edge_llm_offload_layer l{};
            a.struct_size = sizeof a;
            a.heads = s.heads;
            a.kv_heads = s.kv_heads;
            a.key_dim = s.key_dim;
            a.value_dim = s.value_dim;
            a.scale = s.scale != 0 ? s.scale : 1 / std::sqrt((float)s.key_dim);
            a.softcap = s.softcap;
            a.window = s.window;
            a.slot = (uint32_t)i;
            a.q = linear(s.weights, s.hidden, s.heads * s.key_dim);
            a.k = linear(s.weights, s.hidden, s.kv_heads * s.key_dim);
            a.v = linear(s.down, s.hidden, s.kv_heads * s.value_dim);
            a.output = linear(s.weights, s.heads * s.value_dim, s.hidden);
            a.q_norm = norm(s.head_norm, s.whole_head_norm ? s.heads * s.key_dim : s.key_dim);
            a.k_norm = norm(s.head_norm, s.whole_head_norm ? s.kv_heads * s.key_dim : s.key_dim);
            if (s.rope) a.rope = {1, s.halves, s.rope, s.rope_offset};
            if (s.sinks) a.sinks = tensor(F32, s.heads, 1, 1);
            f.struct_size = sizeof f;
            f.activation = s.activation;
            if (s.network == EDGE_LLM_OFFLOAD_GATED) f.gate = linear(s.weights, s.hidden, s.width);
            f.up = linear(s.weights, s.hidden, s.width);
            f.down = linear(s.down, s.width, s.hidden);
            attention.push_back(a);
            networks.push_back(f);
            l.struct_size = sizeof l;
            l.topology = s.topology;
            l.flags = i % 2 ? s.flags : 0;
            l.number = 10 + i;
            l.mixer_kind = EDGE_LLM_OFFLOAD_ATTENTION;
            l.feed_forward_kind = l.flags & EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD ? 0 : s.network;
            l.mixer = &attention.back();
            l.feed_forward = &networks.back();
            l.mixer_norm = norm(s.norm, s.hidden);
            if (s.network_norm) l.feed_forward_norm = norm(s.norm, s.hidden);
            if (s.after) l.after_mixer = norm(s.norm, s.hidden), l.after_feed_forward = norm(s.norm, s.hidden);
            l.residual_scale = s.residual;
            layers.push_back(l);
        }
        auto row = [](uint32_t type, int dim) { return (uint64_t)((dim + 31) & ~31) * (type == F32 ? 4 : 2); };
        group = {sizeof group, s.key_type, s.value_type, s.layers ? s.layers : 1, s.kv_heads, s.key_dim, s.value_dim, s.blocks, 0};
        group.block_bytes = (uint64_t)group.layers * s.kv_heads * 64 * (row(s.key_type, s.key_dim) + row(s.value_type, s.value_dim));
        desc.struct_size = sizeof desc;
        desc.flags = EDGE_LLM_OFFLOAD_EXACT;
        desc.architecture = "test";
        desc.hidden = s.hidden;
        desc.vocabulary = s.vocabulary;
        desc.group_count = desc.rope_count = 1;
        desc.max_rows = s.max_rows;
        desc.max_output_rows = s.max_rows;
        desc.groups = &group;
        desc.final_norm = norm(s.norm, s.hidden);
        desc.output = linear(s.output, s.hidden, s.vocabulary);
        desc.output_softcap = s.output_softcap;
        desc.arithmetic = EDGE_LLM_OFFLOAD_ARITHMETIC;
        desc.layer_count = s.layers;
        desc.tensor_count = (int32_t)tensors.size();
        desc.layers = layers.data();
        desc.tensors = tensors.data();
    }

    // Rows at positions position .. of one sequence: run through a stage, results of the rows from `first_output` on.
    edge_llm_offload_status step(const edge_llm_offload_plugin& plugin, edge_llm_offload_stage* stage, int position, int rows, const std::vector<int32_t>& blocks, const float* hidden,
        std::vector<float>& out, edge_llm_offload_error& error, int first_output = 0, uint32_t flags = 0, void* context = nullptr)
    {
        int width = desc.output.weight && !flags ? shape.vocabulary : shape.hidden, table = shape.rope + 6;
        cos.assign((size_t)rows * (table + 2), 7);
        sin = cos;
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < shape.rope / 2; i++)
            {
                double angle = (position + r) * std::pow(10000, -2.0 * i / shape.rope);
                int p = shape.halves ? i : 2 * i, q = shape.halves ? i + shape.rope / 2 : p + 1;
                size_t at = (size_t)r * (table + 2);
                cos[at + p] = cos[at + q] = (float)std::cos(angle);
                sin[at + p] = -(float)std::sin(angle);
                sin[at + q] = (float)std::sin(angle);
            }
        edge_llm_offload_rope_table rope{sizeof rope, table, table + 2, 0, cos.data(), sin.data()};
        const int32_t* tables[] = {blocks.data()};
        edge_llm_offload_run run{0, rows, position, 0, tables};
        std::vector<int32_t> chosen;
        for (int r = first_output; r < rows; r++) chosen.push_back(r);
        out.assign((size_t)(rows - first_output) * (width + 3), 0);
        int runs = desc.layer_count > 0; // a stage without layers gets none
        edge_llm_offload_batch b{sizeof b, flags, rows, runs, 1, rows - first_output, shape.hidden, width + 3, hidden, out.data(), chosen.data(), &run, &rope,
            context};
        return plugin.forward(stage, &b, &error);
    }
};
