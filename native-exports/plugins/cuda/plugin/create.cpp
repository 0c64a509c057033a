#include "stage.h"
#include <algorithm>

// Of the experts of all rows.
struct Entries { size_t count = 0, width = 0, experts = 0; };

std::array<size_t, Areas> area_bytes(const Spec& spec, int first)
{
    const auto& d = spec.desc;
    size_t hidden = d.hidden, qkv = 0, mixed = 0, network = 0, largest = 0, widest = d.hidden;
    bool by256 = false, by32 = false;
    auto form = [&](uint32_t weight)
    {
        if (!weight) return;
        Form f = format_of(spec.tensor(weight).type)->form;
        by256 |= f == Form::By256;
        by32 |= f == Form::By32;
    };
    Entries entries;
    for (int i = first; i < d.layer_count; i++)
    {
        const LayerSpec& s = spec.layers[i];
        qkv = std::max<size_t>(qkv, s.qkv_width());
        mixed = std::max<size_t>(mixed, s.mixed_width());
        if (s.layer.mixer_kind) for (const auto* l : {&s.attention.q, &s.attention.k, &s.attention.v, &s.attention.output}) form(l->weight);
        if (s.layer.mixer_kind && !s.host_mixer())
            largest = std::max<size_t>(largest, 4ull * s.attention.heads * spec.groups[s.attention.group].blocks * (padded(s.attention.value_dim) + 2));
        if (s.dense_kind())
        {
            network = std::max<size_t>(network, spec.tensor(s.network.up.weight).ne[1]);
            for (const auto* l : {&s.network.up, &s.network.down}) form(l->weight);
            if (s.dense_kind() == EDGE_LLM_OFFLOAD_GATED) form(s.network.gate.weight);
        }
        if (!s.has_experts()) continue;
        const auto& x = s.experts;
        entries.count = std::max<size_t>(entries.count, (size_t)d.max_rows * x.used);
        entries.width = std::max<size_t>(entries.width, x.width);
        entries.experts = std::max<size_t>(entries.experts, x.count);
        for (uint32_t weight : {x.router.weight, x.gate.weight, x.up.weight, x.down.weight, x.shared_gate.weight}) form(weight);
    }
    form(d.output.weight);
    widest = std::max({widest, mixed, network});
    size_t rows = d.max_rows, outputs = d.max_output_rows, units = rows * units_of((int)widest), ropes = 0;
    for (int width : spec.ropeWidth) ropes += 2 * rows * width;
    std::array<size_t, Areas> a{};
    a[Hidden] = a[Branch] = a[Second] = 4 * rows * hidden;
    a[Qkv] = 4 * rows * qkv;
    a[Mixed] = 4 * rows * mixed;
    a[Gate] = 2 * 4 * rows * network;
    a[Plain] = 4 * rows * widest;
    a[By256] = by256 ? units * UnitBytes : 0;
    a[Scales256] = by256 ? 4 * units : 0;
    a[By32] = by32 ? units * UnitBytes : 0;
    a[Ropes] = 4 * ropes;
    a[HiddenOut] = 4 * outputs * hidden;
    a[MixedOut] = 4 * outputs * mixed;
    a[Logits] = d.output.weight ? 4 * outputs * d.vocabulary : 0;
    a[Partial] = std::min(rows * largest, std::max<size_t>(largest, 64 << 20));
    a[Flags] = 4 * (2 * d.layer_count + 1);
    a[RouterLogits] = 4 * rows * entries.experts;
    a[SharedGate] = 4 * rows;
    a[EntryWeights] = 4 * entries.count;
    a[EntryNumbers] = entries.count * (4 * sizeof(int) + sizeof(Tile));
    a[EntryGate] = a[EntryUp] = 4 * entries.count * entries.width;
    a[EntryDown] = 4 * entries.count * hidden;
    size_t entryWidest = std::max(hidden, entries.width), entryUnits = entries.count * units_of((int)entryWidest);
    a[EntryPlain] = 4 * entries.count * entryWidest;
    a[EntryBy256] = by256 ? entryUnits * UnitBytes : 0;
    a[EntryScales256] = by256 ? 4 * entryUnits : 0;
    a[EntryBy32] = by32 ? entryUnits * UnitBytes : 0;
    for (size_t& bytes : a) bytes = rounded(std::max<size_t>(bytes, 1));
    return a;
}

size_t index_count(const Spec& spec)
{
    size_t n = (size_t)spec.desc.max_rows * (spec.groups.size() + 1) + spec.desc.max_output_rows;
    for (const auto& g : spec.groups) n += std::min(g.blocks, 4096);
    return n;
}

edge_llm_offload_stage::edge_llm_offload_stage(Device& d, Spec&& spec) : device(d), context(d)
{
    Current current(context);
    contents = std::make_unique<Contents>(d, std::move(spec));
}
edge_llm_offload_stage::~edge_llm_offload_stage()
{
    cuda::Result pushed = driver.cuCtxPushCurrent_v2(context.context);
    contents.reset();
    cuda::Context popped;
    if (pushed == 0) driver.cuCtxPopCurrent_v2(&popped);
}

edge_llm_offload_stage::Contents::Contents(Device& device, Spec&& spec) : kernels(device), desc(spec.desc), groups(spec.groups), ropeWidth(spec.ropeWidth)
{
    windows.resize(groups.size(), -1);
    for (const LayerSpec& s : spec.layers)
    {
        layers.push_back(layer(spec, s));
        if (!s.layer.mixer_kind || s.host_mixer()) continue;
        int& window = windows[s.attention.group];
        window = window == 0 || s.attention.window == 0 ? 0 : std::max(window, s.attention.window);
    }
    if (desc.output.weight)
    {
        finalNorm = norm(spec, desc.final_norm);
        output = matrix(spec, desc.output);
    }
    for (const auto& g : groups)
    {
        caches.emplace_back((size_t)g.block_bytes * g.blocks, "the cache");
        check(driver.cuMemsetD8Async(caches.back().pointer, 0, caches.back().bytes, stream.stream), "cuMemsetD8");
        cacheBytes += caches.back().bytes;
    }
    auto areas = area_bytes(spec, 0);
    for (int i = 0; i < Areas; i++) work[i] = DeviceMemory(areas[i], "working memory");
    indices = DeviceMemory(4 * index_count(spec), "working memory");
    indexStaging = PinnedMemory(4 * index_count(spec));
    staging = PinnedMemory(areas[Hidden] + areas[Ropes]);
    result = PinnedMemory(std::max(areas[Logits], areas[HiddenOut]) + areas[Flags]);
    bool hostParts = false;
    for (const LayerSpec& s : spec.layers) hostParts |= s.layer.flags != 0;
    if (hostParts) parts = PinnedMemory(std::max(areas[Qkv], areas[Hidden]) + std::max(areas[Mixed], areas[Hidden]));
    useGraphs = driver.graphs && !hostParts;
    stream.wait();
}
edge_llm_offload_stage::Contents::~Contents()
{
    driver.cuStreamSynchronize(stream.stream);
    forget_graphs();
}

void edge_llm_offload_stage::Contents::forget_graphs()
{
    for (auto& g : graphs) driver.cuGraphExecDestroy(g.second);
    graphs.clear();
}

NormWeights edge_llm_offload_stage::Contents::norm(const Spec& spec, const edge_llm_offload_norm& n)
{
    if (n.kind == 0) return {};
    NormWeights w;
    w.kind = n.kind;
    w.weight = values(spec, n.weight);
    w.bias = values(spec, n.bias);
    w.epsilon = n.epsilon;
    return w;
}

NormWeights edge_llm_offload_stage::Contents::head_norm(const Spec& spec, const edge_llm_offload_norm& n, int dim)
{
    NormWeights w = norm(spec, n);
    if (n.kind == 0 || n.weight == 0) return w;
    const auto& t = spec.tensor(n.weight);
    w.each = t.ne[0] == dim;
    w.step = t.ne[0] == dim && t.ne[1] > 1 ? dim : 0;
    return w;
}

LayerParts edge_llm_offload_stage::Contents::layer(const Spec& spec, const LayerSpec& s)
{
    LayerParts p;
    p.spec = s;
    p.residual = s.layer.residual_scale == 0 ? 1 : s.layer.residual_scale;
    p.mixerNorm = norm(spec, s.layer.mixer_norm);
    p.networkNorm = norm(spec, s.layer.feed_forward_norm);
    p.afterMixer = norm(spec, s.layer.after_mixer);
    p.afterNetwork = norm(spec, s.layer.after_feed_forward);
    if (s.layer.mixer_kind)
    {
        place_together(spec, {s.attention.q.weight, s.attention.k.weight, s.attention.v.weight});
        p.q = matrix(spec, s.attention.q);
        p.k = matrix(spec, s.attention.k);
        p.v = matrix(spec, s.attention.v);
        p.qkv = joined(spec, {&p.q, &p.k, &p.v});
        p.output = matrix(spec, s.attention.output);
    }
    if (s.layer.mixer_kind && !s.host_mixer())
    {
        p.qNorm = head_norm(spec, s.attention.q_norm, s.attention.key_dim);
        p.kNorm = head_norm(spec, s.attention.k_norm, s.attention.key_dim);
        p.sinks = values(spec, s.attention.sinks);
    }
    if (s.dense_kind())
    {
        bool gated = s.dense_kind() == EDGE_LLM_OFFLOAD_GATED;
        if (gated) place_together(spec, {s.network.gate.weight, s.network.up.weight});
        if (gated) p.gate = matrix(spec, s.network.gate);
        p.up = matrix(spec, s.network.up);
        if (gated) p.gateUp = joined(spec, {&p.gate, &p.up});
        p.down = matrix(spec, s.network.down);
    }
    if (s.has_experts()) experts(spec, s.experts, p);
    return p;
}

void edge_llm_offload_stage::Contents::experts(const Spec& spec, const edge_llm_offload_experts& x, LayerParts& p)
{
    p.router = matrix(spec, x.router);
    p.choiceBias = values(spec, x.choice_bias);
    p.expertGate = matrices(spec, x.gate, x.width, x.used);
    p.expertUp = matrices(spec, x.up, x.width, x.used);
    p.expertDown = matrices(spec, x.down, desc.hidden, x.used);
    if (x.shared_kind && x.shared_gate.weight) p.sharedGate = matrix(spec, x.shared_gate);
}
