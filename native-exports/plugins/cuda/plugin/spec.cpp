#include "spec.h"
#include "kept.h"
#include <algorithm>

static const int MaxDim = 512; // of a head: what attention's registers and shared memory are laid out for

ProductShape product_shape(const Device& device, const Format& f, int units, int rows, int tokens)
{
    int bytes = f.unit_bytes(), step = f.rowsStep;
    for (int warps = 4; warps > 0; warps /= 2)
    {
        int perBlock = std::max(1, 256 / units / step) * step; // two units a lane
        while (perBlock > step && (rows + perBlock - 1) / perBlock < 2 * device.processors) perBlock = std::max(1, perBlock / 2 / step) * step;
        for (;; perBlock = std::max(1, perBlock / 2 / step) * step)
        {
            int64_t shared = (int64_t)warps * 64 * bytes + (int64_t)tokens * units * (UnitBytes + 4 * perBlock);
            if (shared <= device.sharedBytes && perBlock * units < 65536 && units < 32768) return {warps, perBlock, (int)shared};
            if (perBlock == step) break;
        }
    }
    return {};
}

Spec::Spec(Device& device, const edge_llm_offload_stage_desc* given) : device(device), desc(read_struct<edge_llm_offload_stage_desc>(given, "stage"))
{
    const auto& d = desc;
    expect(d.hidden > 0 && d.layer_count >= 0 && d.tensor_count >= 0 && d.group_count >= 0 && d.rope_count >= 0 && d.max_rows > 0 && d.max_output_rows >= 0,
        "stage: a count is negative, or hidden or max_rows is 0");
    expect(d.output.weight == 0 || d.vocabulary > 0, "stage: vocabulary is %d", d.vocabulary);
    take((d.flags & ~1u) == 0, "stage: flags %u, expected %u at most", d.flags, EDGE_LLM_OFFLOAD_EXACT);
    take(d.max_rows <= 65535, "stage: max_rows is %d, expected 65535 at most", d.max_rows);
    take((int64_t)d.max_rows * d.hidden < 1ll << 31 && (int64_t)d.max_output_rows * d.vocabulary < 1ll << 31,
        "stage: %d rows of %d, or %d of %d, expected under 2^31 values",
        d.max_rows, d.hidden, d.max_output_rows, d.vocabulary);
    take(d.group_count <= 1024 && d.rope_count <= 1024, "stage: more than 1024 cache groups or tables of angles");
    for (int i = 0; i < d.tensor_count; i++) tensors.push_back(read_struct<edge_llm_offload_tensor>(element(d.tensors, i), "tensor"));
    for (int i = 0; i < d.group_count; i++)
    {
        groups.push_back(read_struct<edge_llm_offload_cache_group>(element(d.groups, i), "cache group"));
        const auto& g = groups.back();
        expect(g.layers > 0 && g.heads > 0 && g.key_dim > 0 && g.value_dim > 0 && g.blocks >= 0, "cache group %d: a count is wrong", i);
        take((g.key_type == 0 || g.key_type == 1) && (g.value_type == 0 || g.value_type == 1), "cache group %d: types %u and %u, expected F32 or F16", i,
            g.key_type, g.value_type);
        uint64_t bytes = (uint64_t)g.layers * g.heads * 64 * (padded(g.key_dim) * (g.key_type ? 2 : 4) + padded(g.value_dim) * (g.value_type ? 2 : 4));
        expect(g.block_bytes == bytes, "cache group %d: block_bytes is %llu, expected %llu", i, (unsigned long long)g.block_bytes, (unsigned long long)bytes);
    }
    layers.resize(d.layer_count);
    ropeWidth.resize(d.rope_count);
}

const edge_llm_offload_tensor* Spec::at(uint32_t reference, const char* what) const
{
    if (reference == 0) return nullptr;
    expect(reference <= tensors.size(), "%s: tensor %u, expected %zu at most", what, reference, tensors.size());
    const auto& t = tensors[reference - 1];
    for (int64_t n : t.ne) expect(n > 0 && n < 1ll << 31, "%s: a dimension of %s is %lld", what, t.name ? t.name : "a tensor", (long long)n);
    expect(t.data != nullptr, "%s: %s has no data", what, t.name ? t.name : "a tensor");
    return &t;
}

// F32 values: weights and biases of norms, biases of products, sinks.
void Spec::check_values(uint32_t reference, int64_t n, const char* what) const
{
    const auto* t = at(reference, what);
    if (!t) return;
    take(t->type == 0, "%s: type %u, expected F32", what, t->type);
    expect(t->ne[0] * t->ne[1] == n && t->ne[2] * t->ne[3] == 1, "%s: [%lld, %lld], expected %lld values", what, (long long)t->ne[0], (long long)t->ne[1],
        (long long)n);
    expect(t->ne[1] == 1 || t->row_bytes == 4ull * t->ne[0], "%s: row_bytes is %llu", what, (unsigned long long)t->row_bytes);
}

void Spec::check_linear(const edge_llm_offload_linear& l, int64_t k, int64_t m, const char* what) const
{
    const auto* t = at(l.weight, what);
    expect(t != nullptr, "%s: no weight", what);
    take(l.reserved == 0, "%s: a field of a later version", what);
    const Format* f = format_of(t->type);
    take(f != nullptr, "%s: no kernel for tensors of type %u", what, t->type);
    expect(t->ne[0] == k && t->ne[1] == m && t->ne[2] * t->ne[3] == 1, "%s: [%lld, %lld], expected [%lld, %lld]", what, (long long)t->ne[0],
        (long long)t->ne[1], (long long)k, (long long)m);
    take(k % f->length == 0, "%s: rows of %lld, expected a multiple of %d", what, (long long)k, f->length);
    expect(t->row_bytes == (uint64_t)k / f->length * f->bytes, "%s: row_bytes is %llu", what, (unsigned long long)t->row_bytes);
    take(f->form == Form::Floats || product_shape(device, *f, units_of((int)k), (int)m, 1).warps > 0,
        "%s: rows of %lld need more shared memory than the device has", what, (long long)k);
    check_values(l.bias, m, what);
}

void Spec::check_norm(const edge_llm_offload_norm& n, int width, const char* what) const
{
    take(n.kind <= EDGE_LLM_OFFLOAD_NORM_LAYER, "%s: norm of kind %u", what, n.kind);
    if (n.kind == 0) return;
    take(width * 4ll <= device.sharedBytes - 1024, "%s: rows of %d need more shared memory than the device has", what, width);
    check_values(n.weight, width, what);
    check_values(n.bias, width, what);
}

// Of all heads at once, where the weight is one row as long as they are; else of each, with weights of its own or shared ones.
void Spec::check_head_norm(const edge_llm_offload_norm& n, int dim, int heads, const char* what) const
{
    const auto* w = n.kind ? at(n.weight, what) : nullptr;
    int64_t values = w ? w->ne[0] * w->ne[1] : dim;
    if (w && values == (int64_t)dim * heads && (w->ne[0] == dim || w->ne[1] == 1)) return check_norm(n, (int)values, what);
    check_norm(n, dim, what);
}

void Spec::check_attention(LayerSpec& s)
{
    auto& a = s.attention = read_struct<edge_llm_offload_attention>(s.layer.mixer, "mixer");
    take(a.flags == 0 && a.reserved == 0, "mixer: a field of a later version");
    expect(a.heads > 0 && a.kv_heads > 0 && a.heads % a.kv_heads == 0 && a.key_dim > 0 && a.value_dim > 0 && a.window >= 0,
        "mixer: heads or dimensions are wrong");
    take(a.key_dim <= MaxDim && a.value_dim <= MaxDim && a.heads <= 4096, "mixer: %d heads of %d and %d values, expected 4096 of %d at most", a.heads,
        a.key_dim, a.value_dim, MaxDim);
    check_linear(a.q, desc.hidden, s.q_width(), "q");
    check_linear(a.k, desc.hidden, s.k_width(), "k");
    check_linear(a.v, desc.hidden, s.v_width(), "v");
    check_linear(a.output, s.mixed_width(), desc.hidden, "attention output");
    if (s.host_mixer()) return;
    check_head_norm(a.q_norm, a.key_dim, a.heads, "q norm");
    check_head_norm(a.k_norm, a.key_dim, a.kv_heads, "k norm");
    check_values(a.sinks, a.heads, "sinks");
    expect(a.rope.table <= (uint32_t)desc.rope_count, "rope: table %u, expected %d at most", a.rope.table, desc.rope_count);
    if (a.rope.table)
    {
        expect(a.rope.dimensions > 0 && a.rope.dimensions % 2 == 0 && a.rope.offset >= 0 && a.rope.offset + (int64_t)a.rope.dimensions <= a.key_dim,
            "rope: %d values from %d on of %d", a.rope.dimensions, a.rope.offset, a.key_dim);
        take(a.rope.halves <= 1, "rope: halves is %u", a.rope.halves);
        ropeWidth[a.rope.table - 1] = std::max(ropeWidth[a.rope.table - 1], a.rope.dimensions);
    }
    expect(a.group < groups.size(), "mixer: cache group %u of %zu", a.group, groups.size());
    const auto& g = groups[a.group];
    expect(a.slot < (uint32_t)g.layers && g.heads == a.kv_heads && g.key_dim == a.key_dim && g.value_dim == a.value_dim,
        "mixer: cache group %u is of another shape", a.group);
    int group = a.heads / a.kv_heads, width = padded(a.key_dim);
    take(64 * (width * (g.key_type ? 2 : 4) + 16) + 4ll * group * (width + 64) <= device.sharedBytes,
        "mixer: keys of %d values need more shared memory than the device has", a.key_dim);
}

void Spec::check_layer(int index)
{
    LayerSpec& s = layers[index];
    s.layer = read_struct<edge_llm_offload_layer>(element(desc.layers, index), "layer");
    const auto& l = s.layer;
    take(l.reserved == 0 && l.flags <= 3, "a flag or field of a later version");
    take(l.topology == EDGE_LLM_OFFLOAD_PRE || l.topology == EDGE_LLM_OFFLOAD_PARALLEL, "topology %u", l.topology);
    take(l.mixer_kind <= EDGE_LLM_OFFLOAD_ATTENTION, "mixer of kind %u", l.mixer_kind);
    take(l.feed_forward_kind <= EDGE_LLM_OFFLOAD_EXPERTS, "network of kind %u", l.feed_forward_kind);
    expect(!s.host_mixer() || l.mixer_kind != 0, "layer %d: HOST_MIXER without a mixer", l.number);
    expect(!s.host_network() || l.feed_forward_kind == 0, "layer %d: HOST_FEED_FORWARD with a network", l.number);
    check_norm(l.mixer_norm, desc.hidden, "mixer norm");
    check_norm(l.feed_forward_norm, desc.hidden, "network norm");
    check_norm(l.after_mixer, desc.hidden, "norm after the mixer");
    check_norm(l.after_feed_forward, desc.hidden, "norm after the network");
    if (l.mixer_kind) check_attention(s);
    if (s.has_experts()) check_experts(s);
    else if (l.feed_forward_kind) check_dense(s, l.feed_forward_kind, l.feed_forward);
}

void Spec::check_output() const
{
    check_norm(desc.final_norm, desc.hidden, "final norm");
    check_linear(desc.output, desc.hidden, desc.vocabulary, "output");
}

uint64_t Spec::tensor_bytes(uint32_t reference) const
{
    if (reference == 0) return 0;
    const auto& t = tensor(reference);
    const Format* f = format_of(t.type);
    uint64_t rows = (uint64_t)t.ne[1] * t.ne[2] * t.ne[3];
    return rounded(f->form == Form::Floats ? rows * t.ne[0] * f->bytes : (rows * units_of((int)t.ne[0]) * f->unit_bytes() + 15) / 16 * 16);
}

uint64_t Spec::missing_bytes(uint32_t reference) const
{
    return reference == 0 || is_kept(device, desc.model, tensor(reference)) ? 0 : tensor_bytes(reference);
}

uint64_t Spec::layer_weights(int index) const
{
    const LayerSpec& s = layers[index];
    const auto& l = s.layer;
    uint64_t n = norm_bytes(l.mixer_norm) + norm_bytes(l.feed_forward_norm) + norm_bytes(l.after_mixer) + norm_bytes(l.after_feed_forward);
    if (l.mixer_kind)
    {
        const auto& a = s.attention;
        n += linear_bytes(a.q) + linear_bytes(a.k) + linear_bytes(a.v) + linear_bytes(a.output);
        if (!s.host_mixer()) n += norm_bytes(a.q_norm) + norm_bytes(a.k_norm) + missing_bytes(a.sinks);
    }
    if (s.dense_kind()) n += linear_bytes(s.network.up) + linear_bytes(s.network.down);
    if (s.dense_kind() == EDGE_LLM_OFFLOAD_GATED) n += linear_bytes(s.network.gate);
    if (s.has_experts()) n += experts_bytes(s);
    return n;
}

uint64_t Spec::layer_cache(int index) const
{
    const LayerSpec& s = layers[index];
    if (!s.layer.mixer_kind || s.host_mixer()) return 0;
    const auto& g = groups[s.attention.group];
    return g.block_bytes / g.layers * g.blocks;
}

uint64_t Spec::output_bytes() const { return desc.output.weight ? linear_bytes(desc.output) + norm_bytes(desc.final_norm) : 0; }
