// A model with a matrix of every format, as the header describes it, and what it gives by definition.
#pragma once
#include "../../../include/edge_llm_offload.h"
#include "../plugin/formats.h"

struct SmallModel
{
    enum { Hidden = 256, Heads = 4, KvHeads = 2, Dim = 64, Width = 512, Vocabulary = 40, Layers = 2, Blocks = 64, MaxRows = 20 };
    struct Matrix { int type, rows, k; uint32_t reference; std::vector<uint8_t> data; };

    std::mt19937 random{5};
    std::vector<Matrix> matrices;                       // q, k, v, output, gate, up, down of each layer; the output matrix
    std::vector<std::vector<float>> weights;            // of norms: two a layer, the last one
    std::vector<edge_llm_offload_tensor> tensors;
    edge_llm_offload_attention attention[Layers];
    edge_llm_offload_feed_forward networks[Layers];
    edge_llm_offload_layer layers[Layers];
    edge_llm_offload_cache_group group;
    edge_llm_offload_stage_desc desc;

    explicit SmallModel(int first, int step = 1) // formats begin with this one; step 0: all matrices have it
    {
        static const int shapes[7][2] = {{Heads * Dim, Hidden}, {KvHeads * Dim, Hidden}, {KvHeads * Dim, Hidden}, {Hidden, Heads * Dim}, {Width, Hidden},
            {Width, Hidden}, {Hidden, Width}};
        matrices.reserve(7 * Layers + 1);
        weights.reserve(2 * Layers + 1);
        for (int i = 0; i <= 7 * Layers; i++)
        {
            bool last = i == 7 * Layers;
            int type = reference::formats()[(first + i * step) % reference::formats().size()].type, rows = last ? (int)Vocabulary : shapes[i % 7][0],
                k = last ? (int)Hidden : shapes[i % 7][1];
            matrices.push_back({type, rows, k, 0, reference::weights(type, rows, k, random)});
            Matrix& m = matrices.back();
            m.reference = tensor(type, k, rows, m.data.data(), reference::row_bytes(type, k));
        }
        for (int i = 0; i < Layers; i++) layer(i);
        clear(group);
        group = {sizeof group, 1, 1, Layers, KvHeads, Dim, Dim, Blocks, (uint64_t)Layers * KvHeads * 64 * 2 * Dim * 2};
        clear(desc);
        desc.struct_size = sizeof desc;
        desc.flags = EDGE_LLM_OFFLOAD_EXACT;
        desc.architecture = "small";
        desc.hidden = Hidden;
        desc.vocabulary = Vocabulary;
        desc.layer_count = Layers;
        desc.group_count = 1;
        desc.max_rows = desc.max_output_rows = MaxRows;
        desc.layers = layers;
        desc.groups = &group;
        desc.final_norm = norm();
        desc.output.weight = matrices.back().reference;
        desc.arithmetic = EDGE_LLM_OFFLOAD_ARITHMETIC;
        desc.tensors = tensors.data();
        desc.tensor_count = (int)tensors.size();
    }

    // A row at the end of a text: keys and values of its positions, of each layer.
    struct Text { std::vector<std::vector<float>> keys[Layers], values[Layers]; };
    void row(Text& text, std::vector<float> x, float* logits) const
    {
        for (int i = 0; i < Layers; i++)
        {
            const Matrix* m = &matrices[7 * i];
            std::vector<float> h = normed(x, 2 * i), q = product(m[0], h), k = product(m[1], h), v = product(m[2], h), mixed(Heads * Dim);
            for (float& f : k) f = reference::half(reference::to_half(f));
            for (float& f : v) f = reference::half(reference::to_half(f));
            text.keys[i].push_back(k);
            text.values[i].push_back(v);
            for (int head = 0; head < Heads; head++)
            {
                int at = head / (Heads / KvHeads) * Dim;
                reference::attention(&q[head * Dim], Dim, Dim, (int)text.keys[i].size() - 1, {0.125f, 0, 0, nullptr},
                    [&](int p) { return &text.keys[i][p][at]; },
                    [&](int p) { return &text.values[i][p][at]; }, &mixed[head * Dim]);
            }
            add(x, product(m[3], mixed));
            h = normed(x, 2 * i + 1);
            std::vector<float> gate = product(m[4], h), up = product(m[5], h);
            for (int j = 0; j < Width; j++) gate[j] = reference::activation(gate[j], 1) * up[j];
            add(x, product(m[6], gate));
        }
        std::vector<float> y = product(matrices.back(), normed(x, 2 * Layers));
        memcpy(logits, y.data(), 4 * Vocabulary);
    }

private:
    template <typename T> static void clear(T& t) { memset((void*)&t, 0, sizeof t); }
    uint32_t tensor(int type, int k, int rows, const void* data, size_t rowBytes)
    {
        edge_llm_offload_tensor t;
        clear(t);
        t = {sizeof t, (uint32_t)type, {k, rows, 1, 1}, data, rowBytes, "a.weight"};
        tensors.push_back(t);
        return (uint32_t)tensors.size();
    }
    edge_llm_offload_norm norm()
    {
        std::normal_distribution<float> normal(1, 0.2f);
        weights.emplace_back(Hidden);
        for (float& w : weights.back()) w = normal(random);
        return {EDGE_LLM_OFFLOAD_NORM_RMS, tensor(0, Hidden, 1, weights.back().data(), 4 * Hidden), 0, 1e-5f};
    }
    void layer(int i)
    {
        auto linear = [&](int which) { return edge_llm_offload_linear{matrices[7 * i + which].reference, 0, 0, 0}; };
        auto& a = attention[i];
        clear(a);
        a.struct_size = sizeof a;
        a.heads = Heads, a.kv_heads = KvHeads, a.key_dim = a.value_dim = Dim;
        a.scale = 0.125f;
        a.slot = (uint32_t)i;
        a.q = linear(0), a.k = linear(1), a.v = linear(2), a.output = linear(3);
        auto& f = networks[i];
        clear(f);
        f = {sizeof f, EDGE_LLM_OFFLOAD_SILU, linear(4), linear(5), linear(6)};
        auto& l = layers[i];
        clear(l);
        l.struct_size = sizeof l;
        l.topology = EDGE_LLM_OFFLOAD_PRE;
        l.mixer_kind = EDGE_LLM_OFFLOAD_ATTENTION;
        l.feed_forward_kind = EDGE_LLM_OFFLOAD_GATED;
        l.number = i;
        l.mixer = &a;
        l.feed_forward = &f;
        l.mixer_norm = norm();
        l.feed_forward_norm = norm();
    }
    std::vector<float> normed(const std::vector<float>& x, int which) const
    {
        std::vector<float> y(x.size());
        reference::norm(x.data(), weights[which].data(), nullptr, y.data(), (int)x.size(), 1e-5f, false);
        return y;
    }
    static std::vector<float> product(const Matrix& m, const std::vector<float>& x)
    {
        reference::Input in(x.data(), m.k);
        std::vector<float> y(m.rows);
        for (int r = 0; r < m.rows; r++) y[r] = reference::dot(m.type, &m.data[r * reference::row_bytes(m.type, m.k)], m.k, in);
        return y;
    }
    static void add(std::vector<float>& x, const std::vector<float>& y) { for (size_t i = 0; i < x.size(); i++) x[i] += y[i]; }
};
