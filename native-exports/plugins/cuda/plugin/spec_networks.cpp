// Feed-forward networks as the host describes them, checked.
#include "spec.h"
#include <algorithm>

static const int MaxEntries = 65535; // blocks of a launch in its second direction

static void check_activation(uint32_t activation, const char* what)
{
    take(activation >= EDGE_LLM_OFFLOAD_SILU && activation <= EDGE_LLM_OFFLOAD_SWIGLU_OAI, "%s: activation %u", what, activation);
}

void Spec::check_dense(LayerSpec& s, uint32_t kind, const void* given)
{
    auto& f = s.network = read_struct<edge_llm_offload_feed_forward>(given, "network");
    check_activation(f.activation, "network");
    const auto* up = at(f.up.weight, "up");
    int64_t width = up ? up->ne[1] : 0;
    check_linear(f.up, desc.hidden, width, "up");
    if (kind == EDGE_LLM_OFFLOAD_GATED) check_linear(f.gate, desc.hidden, width, "gate");
    check_linear(f.down, width, desc.hidden, "down");
}

// Some rows of each of count matrices that lie one behind the other.
void Spec::check_matrices(const edge_llm_offload_expert_matrices& w, int64_t k, int64_t m, int count, int used, const char* what) const
{
    const auto* t = at(w.weight, what);
    expect(t != nullptr, "%s: no weight", what);
    take(w.reserved == 0, "%s: a field of a later version", what);
    const Format* f = format_of(t->type);
    take(f != nullptr, "%s: no kernel for tensors of type %u", what, t->type);
    expect(t->ne[0] == k && w.first_row >= 0 && w.first_row + m <= t->ne[1] && t->ne[2] == count && t->ne[3] == 1,
        "%s: rows from %d on of [%lld, %lld, %lld], expected %lld of [%lld, %d]", what, w.first_row, (long long)t->ne[0], (long long)t->ne[1],
        (long long)t->ne[2], (long long)m, (long long)k, count);
    take(k % f->length == 0, "%s: rows of %lld, expected a multiple of %d", what, (long long)k, f->length);
    expect(t->row_bytes == (uint64_t)k / f->length * f->bytes, "%s: row_bytes is %llu", what, (unsigned long long)t->row_bytes);
    if (f->form != Form::Floats)
    {
        int64_t bytes = (int64_t)units_of((int)k) * f->unit_bytes();
        take(bytes * t->ne[1] % 16 == 0 && bytes * w.first_row % 16 == 0, "%s: matrices that begin at no multiple of 16 bytes", what);
        take(product_shape(device, *f, units_of((int)k), (int)m * used, 1).warps > 0, "%s: rows of %lld need more shared memory than the device has", what,
            (long long)k);
    }
    const auto* bias = at(w.bias, what);
    if (!bias) return;
    take(bias->type == 0, "%s: a bias of type %u, expected F32", what, bias->type);
    expect(bias->ne[0] == t->ne[1] && bias->ne[1] == count && bias->ne[2] * bias->ne[3] == 1 && bias->row_bytes == 4ull * bias->ne[0],
        "%s: a bias of [%lld, %lld], expected [%lld, %d]", what, (long long)bias->ne[0], (long long)bias->ne[1], (long long)t->ne[1], count);
}

void Spec::check_experts(LayerSpec& s)
{
    auto& x = s.experts = read_struct<edge_llm_offload_experts>(s.layer.feed_forward, "experts");
    take((x.flags & ~(uint32_t)EDGE_LLM_OFFLOAD_NORMALIZE) == 0 && x.reserved == 0, "experts: a flag or field of a later version");
    take(x.gating >= EDGE_LLM_OFFLOAD_GATING_SOFTMAX && x.gating <= EDGE_LLM_OFFLOAD_GATING_SOFTMAX_OF_CHOSEN, "experts: gating %u", x.gating);
    check_activation(x.activation, "experts");
    expect(x.count > 0 && x.used > 0 && x.used <= x.count && x.width > 0, "experts: %d of %d, of width %d", x.used, x.count, x.width);
    expect(x.groups >= 0 && (x.groups == 0 || (x.count % x.groups == 0 && x.groups_used > 0)) && x.groups_used >= 0, "experts: %d of %d groups of %d", x.groups_used, x.groups,
        x.count);
    int64_t entries = (int64_t)desc.max_rows * x.used;
    take(x.count <= MaxExperts && x.used <= MaxUsed, "experts: %d of %d, expected %d of %d at most", x.used, x.count, MaxUsed, MaxExperts);
    take(entries <= MaxEntries, "experts: %d rows with %d each, expected %d in all at most", desc.max_rows, x.used, MaxEntries);
    take(entries * std::max(x.width, desc.hidden) < 1ll << 31, "experts: %lld rows of %d, expected under 2^31 values", (long long)entries,
        std::max(x.width, desc.hidden));
    check_linear(x.router, desc.hidden, x.count, "router");
    check_values(x.choice_bias, x.count, "bias of the choice");
    if (x.gate.weight) check_matrices(x.gate, desc.hidden, x.width, x.count, x.used, "gates of experts");
    else x.gate = {}; // what has no use is not looked at later
    check_matrices(x.up, desc.hidden, x.width, x.count, x.used, "ups of experts");
    check_matrices(x.down, x.width, desc.hidden, x.count, x.used, "downs of experts");
    take(x.shared_kind <= EDGE_LLM_OFFLOAD_PLAIN, "shared expert of kind %u", x.shared_kind);
    if (x.shared_kind == 0)
    {
        x.shared_gate = {};
        return;
    }
    check_dense(s, x.shared_kind, x.shared);
    if (x.shared_gate.weight) check_linear(x.shared_gate, desc.hidden, 1, "gate of the shared expert");
}

uint64_t Spec::experts_bytes(const LayerSpec& s) const
{
    const auto& x = s.experts;
    uint64_t n = linear_bytes(x.router) + missing_bytes(x.choice_bias) + missing_bytes(x.up.weight) + missing_bytes(x.up.bias);
    n += missing_bytes(x.down.weight) + missing_bytes(x.down.bias);
    if (x.gate.weight != x.up.weight) n += missing_bytes(x.gate.weight); // else they share it
    if (x.gate.bias != x.up.bias) n += missing_bytes(x.gate.bias);
    if (x.shared_gate.weight) n += linear_bytes(x.shared_gate);
    return n;
}
