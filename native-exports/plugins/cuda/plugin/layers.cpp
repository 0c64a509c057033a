// What engine/Models/Layer.cs and Mixers/Attention.cs do, as launches.
#include "forward.h"
#include <algorithm>

void Forward::enqueue()
{
    x_ = area(Hidden);
    rows_ = b_.rows;
    if (c_.layers.empty())
    {
        float* none = nullptr;
        keep_outputs(nullptr, none);
    }
    for (size_t i = 0; i < c_.layers.size(); i++)
    {
        if (!capturing_)
        {
            if (i > 0 && b_.rows > 8) c_.stream.wait(); // a prompt: work that is far ahead could not be cancelled
            ask();
        }
        layer(c_.layers[i], (int)i);
    }
    finish();
}

void Forward::layer(const LayerParts& p, int index)
{
    bool last = index + 1 == (int)c_.layers.size(), parallel = p.spec.layer.topology == EDGE_LLM_OFFLOAD_PARALLEL, hasMixer = p.spec.layer.mixer_kind != 0;
    float* mixed = area(Mixed);
    if (hasMixer) mixer(p, index);
    if (last) keep_outputs(hasMixer ? &p : nullptr, mixed);
    if (hasMixer)
    {
        Needs needs;
        prepared(mixed, nullptr, Identity, p.spec.mixed_width(), needs.of(p.output), flag(index, 0));
        product(p.output, area(Branch), c_.desc.hidden);
        if (!parallel) add(p, area(Branch), p.afterMixer);
    }
    if (p.spec.has_network()) network(p, index, parallel && p.networkNorm.kind == 0 ? p.mixerNorm : p.networkNorm, area(Second));
    if (hasMixer && parallel) add(p, area(Branch), p.afterMixer);
    if (p.spec.has_network()) add(p, area(Second), p.afterNetwork);
}

// Up to the rows that the output matrix reads, in Mixed. Keys and values are in the cache then.
void Forward::mixer(const LayerParts& p, int index)
{
    const auto& a = p.spec.attention;
    int stride = p.spec.qkv_width();
    float* q = area(Qkv), *k = q + p.spec.q_width();
    Needs needs;
    normed(p.mixerNorm, x_, c_.desc.hidden, needs.of(p.q).of(p.k).of(p.v), flag(index, 0));
    products(p.qkv, {&p.q, &p.k, &p.v}, q, stride);
    if (p.spec.host_mixer()) return exchange(p, EDGE_LLM_OFFLOAD_HOST_MIXER, q, stride, area(Mixed), p.spec.mixed_width());
    head_norm(p.qNorm, q, stride, a.key_dim, a.heads);
    head_norm(p.kNorm, k, stride, a.key_dim, a.kv_heads);
    if (a.rope.table) // queries and keys lie side by side
        start(c_.kernels.rope, {rows_}, 128, 0, RopeArgs{q, cos_[a.rope.table - 1], sin_[a.rope.table - 1], stride, a.heads + a.kv_heads, a.key_dim,
            a.rope.offset, a.rope.dimensions, c_.ropeWidth[a.rope.table - 1], (int)a.rope.halves});
    attend(p, index);
}

void Forward::attend(const LayerParts& p, int index)
{
    const auto& a = p.spec.attention;
    const auto& g = c_.groups[a.group];
    int stride = p.spec.qkv_width(), group = a.heads / a.kv_heads, valueWidth = padded(a.value_dim), window = a.window ? a.window : 0x7fffffff;
    float* q = area(Qkv), *k = q + p.spec.q_width(), *v = k + p.spec.k_width();
    u64 keyBytes = (u64)g.heads * 64 * padded(g.key_dim) * (g.key_type ? 2 : 4), layerBytes = g.block_bytes / g.layers, at = a.slot * layerBytes;
    const int* indices = c_.indices.as<int>();
    CacheArgs cache = {c_.caches[a.group].as<u8>(), indices, indices + tableAt_[a.group], indices, g.block_bytes, at, at + keyBytes, g.heads, g.key_dim,
        g.value_dim, g.key_type != 0, g.value_type != 0};
    start(c_.kernels.store, {rows_, 2}, 128, 0, StoreArgs{cache, k, v, stride, flag(index, 1)});
    int shared = 64 * (padded(a.key_dim) * (g.key_type ? 2 : 4) + 16) + 4 * group * (padded(a.key_dim) + 64);
    size_t room = c_.work[Partial].bytes / (4ull * a.heads * (valueWidth + 2)); // blocks of a row
    for (int row = 0, n; row < rows_; row += n)
    {
        int first = positions_[row] / 64, end = 0;
        for (n = 0; row + n < rows_; n++) // as many rows as there is room for
        {
            int position = positions_[row + n], f = std::min(first, std::max(0, position + 1 - window) / 64), e = std::max(end, position / 64 + 1);
            if (n > 0 && (size_t)(n + 1) * (e - f) > room) break;
            first = f;
            end = e;
        }
        if (blocks_) first = 0, end = blocks_;
        cache.tableAt = indices + tableAt_[a.group] + row;
        cache.positions = indices + row;
        AttentionArgs attention = {cache, q + (size_t)row * stride, area(Partial), stride, group, window, first, a.scale, a.softcap};
        start(group == 1 ? c_.kernels.attention_1 : c_.kernels.attention_4, {end - first, a.kv_heads, n}, 128, shared, attention);
        CombineArgs combine = {area(Partial), p.sinks, cache.positions, area(Mixed) + (size_t)row * p.spec.mixed_width(), p.spec.mixed_width(),
            a.value_dim, window, first, end - first};
        start(c_.kernels.attention_combine, {a.heads, n}, 128, 0, combine);
    }
}

// In the last layer the cache has all keys and values once the mixer has run: from there on only the rows that are asked for matter.
void Forward::keep_outputs(const LayerParts* p, float*& mixed)
{
    int n = b_.output_count;
    if (n == rows_) return;
    const int* which = c_.indices.as<int>() + outputsAt_;
    if (n > 0)
    {
        start(c_.kernels.gather, {n}, 256, 0, GatherArgs{x_, which, area(HiddenOut), c_.desc.hidden});
        if (p) start(c_.kernels.gather, {n}, 256, 0, GatherArgs{mixed, which, area(MixedOut), p->spec.mixed_width()});
    }
    x_ = area(HiddenOut);
    mixed = area(MixedOut);
    rows_ = n;
}

void Forward::network(const LayerParts& p, int index, const NormWeights& norm, float* to)
{
    Needs needs;
    int hidden = c_.desc.hidden;
    if (p.spec.host_network())
    {
        needs.floats = true;
        normed(norm, x_, hidden, needs, flag(index, 0));
        return exchange(p, EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD, area(Plain), hidden, to, hidden);
    }
    if (p.spec.has_experts()) return experts(p, index, norm, to);
    normed(norm, x_, hidden, needs.of(p.gate).of(p.up), flag(index, 0));
    dense_inputs(p);
    dense_output(p, index, to);
}

void Forward::dense_inputs(const LayerParts& p)
{
    if (p.gate.format) products(p.gateUp, {&p.gate, &p.up}, area(Gate), 2 * p.up.rows);
    else product(p.up, area(Gate), p.up.rows);
}

void Forward::dense_output(const LayerParts& p, int index, float* to)
{
    int width = p.up.rows;
    Needs down;
    int function = (int)p.spec.network.activation; // the header's numbers are the kernels'
    static_assert(Silu == (int)EDGE_LLM_OFFLOAD_SILU && SwigluOai == (int)EDGE_LLM_OFFLOAD_SWIGLU_OAI);
    activated(area(Gate), p.gate.format ? area(Gate) + width : nullptr, function, width, p.gate.format ? 2 * width : width, rows_,
        forms(down.of(p.down), width), flag(index, 0));
    product(p.down, to, c_.desc.hidden);
}

// x += residual * after(branch)
void Forward::add(const LayerParts& p, float* branch, const NormWeights& after)
{
    if (rows_ == 0) return;
    int hidden = c_.desc.hidden, n = rows_ * hidden;
    head_norm(after, branch, hidden, hidden, 1);
    start(c_.kernels.add, {(n + 255) / 256}, 256, 0, AddArgs{x_, branch, p.residual, n});
}

// The last norm and the output matrix, or the rows as they are: what receive copies is in Logits, Plain or x_.
void Forward::finish()
{
    if (!c_.output.format || rows_ == 0) return;
    Needs needs;
    bool hidden = b_.flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN;
    if (hidden) needs.floats = true;
    else needs.of(c_.output);
    normed(c_.finalNorm, x_, c_.desc.hidden, needs, flag((int)c_.layers.size(), 0));
    if (hidden) return;
    product(c_.output, area(Logits), c_.desc.vocabulary);
    int n = rows_ * c_.desc.vocabulary;
    if (c_.desc.output_softcap != 0) start(c_.kernels.softcap, {(n + 255) / 256}, 256, 0, SoftcapArgs{area(Logits), c_.desc.output_softcap, n});
}

// The host does a part, on this thread.
void Forward::exchange(const LayerParts& p, int part, const float* in, int inWidth, float* out, int outWidth)
{
    if (rows_ == 0) return;
    size_t inBytes = 4ull * rows_ * inWidth, outBytes = 4ull * rows_ * outWidth;
    float* from = c_.parts.as<float>(), *to = from + (size_t)rows_ * inWidth;
    check(driver.cuMemcpyDtoHAsync_v2(from, (cuda::Pointer)in, inBytes, c_.stream.stream), "cuMemcpyDtoH");
    c_.stream.wait();
    Error error = {};
    error.struct_size = sizeof error;
    Status status = host->host_part(host->context, b_.context, p.spec.layer.number, part, rows_, from, to, &error);
    if (status != EDGE_LLM_OFFLOAD_OK) throw Failure{status, error.native_code, error.text};
    check(driver.cuMemcpyHtoDAsync_v2((cuda::Pointer)out, to, outBytes, c_.stream.stream), "cuMemcpyHtoD");
    c_.stream.wait(); // its place is used again
}
