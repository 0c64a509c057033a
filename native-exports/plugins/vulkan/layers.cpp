// The parts of a layer in their order.
#include "pass.h"

void Pass::layer(const Layer& layer)
{
    const edge_llm_offload_layer& l = layer.l;
    uint32_t hidden = model.d.hidden;
    Rows x{work.x, hidden}, h{work.h, hidden}, branch{work.branch, hidden}, network_out{work.network, hidden};
    bool parallel = l.topology == EDGE_LLM_OFFLOAD_PARALLEL, has_network = l.feed_forward_kind || layer.host_network();
    float residual = l.residual_scale == 0 ? 1 : l.residual_scale;
    mark = (uint32_t)l.number + 1;
    Rows read = l.mixer_norm.kind ? h : x;
    if (l.mixer_norm.kind && (l.mixer_kind || parallel)) norm(l.mixer_norm, x, h, rows, hidden);
    bool mixer_adds = !parallel && !l.after_mixer.kind, network_adds = !parallel && !l.after_feed_forward.kind && !layer.host_network();
    if (l.mixer_kind) mixer(layer, read, mixer_adds ? x : branch, mixer_adds, residual);
    if (l.mixer_kind && !parallel && !mixer_adds)
    {
        norm(l.after_mixer, branch, branch, rows, hidden);
        elementwise(AddScaled, x, branch, rows, hidden, residual);
    }
    if (has_network)
    {
        Rows from = x;
        if (l.feed_forward_norm.kind) norm(l.feed_forward_norm, x, h, rows, hidden), from = h;
        else if (parallel) from = read;
        if (layer.host_network()) host_part(layer, EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD, from, hidden, network_out, hidden);
        else network(layer, from, network_adds ? x : network_out, network_adds, residual);
    }
    if (parallel && l.mixer_kind)
    {
        if (l.after_mixer.kind) norm(l.after_mixer, branch, branch, rows, hidden);
        elementwise(AddScaled, x, branch, rows, hidden, residual);
    }
    if (has_network && !network_adds)
    {
        if (l.after_feed_forward.kind) norm(l.after_feed_forward, network_out, network_out, rows, hidden);
        elementwise(AddScaled, x, network_out, rows, hidden, residual);
    }
}

void Pass::mixer(const Layer& layer, Rows from, Rows to, bool add, float residual)
{
    const edge_llm_offload_attention& a = layer.a;
    uint32_t stride = layer.qkv_width();
    Rows q{work.qkv, stride}, k{work.qkv.at(4ull * layer.q_width()), stride}, v{work.qkv.at(4ull * (layer.q_width() + layer.k_width())), stride};
    Rows mixed{work.mixed, layer.mixed_width()};
    begin_input(from, model.d.hidden, rows);
    product(a.q, q);
    product(a.k, k, true);
    product(a.v, v, true);
    if (layer.host_mixer()) host_part(layer, EDGE_LLM_OFFLOAD_HOST_MIXER, q, stride, mixed, mixed.stride);
    else
    {
        head_norm(a.q_norm, q, a.heads, a.key_dim);
        head_norm(a.k_norm, k, a.kv_heads, a.key_dim);
        rope(a.rope, q, a.heads + a.kv_heads, a.key_dim); // keys stand behind the queries
        store(layer, k, false);
        store(layer, v, true);
        attend(layer, q, mixed);
    }
    begin_input(mixed, mixed.stride, rows);
    product(a.output, to, false, add, residual);
}

void Pass::network(const Layer& layer, Rows from, Rows to, bool add, float residual)
{
    const edge_llm_offload_feed_forward& f = layer.f;
    uint32_t width = model.feed_forward_width(layer);
    bool gated = layer.l.feed_forward_kind == EDGE_LLM_OFFLOAD_GATED;
    Rows gate{work.gate, width}, up{work.up, width};
    begin_input(from, model.d.hidden, rows);
    product(gated ? f.gate : f.up, gate);
    if (gated) product(f.up, up, true);
    begin_input(gate, width, rows, f.activation, gated ? &up : nullptr);
    product(f.down, to, false, add, residual);
}

void Pass::host_part(const Layer& layer, int32_t part, Rows in, uint32_t in_width, Rows out, uint32_t out_width)
{
    if (!host || !host->host_part) refuse("the host has no host_part");
    uint64_t in_bytes = 4ull * rows * in_width, out_bytes = 4ull * rows * out_width;
    s.grow(s.download, in_bytes, Memory::Download);
    commands.copy(in.place, place(s.download), in_bytes);
    commands.run();
    s.grow(s.upload, out_bytes, Memory::Upload); // the input is on the device by now
    edge_llm_offload_error error{};
    error.struct_size = sizeof error;
    edge_llm_offload_status status = host->host_part(
        host->context, batch.context, layer.l.number, part, (int32_t)rows, (const float*)s.download.data, (float*)s.upload.data, &error);
    if (status) throw Failure{status, error.native_code, error.text};
    commands.copy(place(s.upload), out.place, out_bytes);
    commands.run();
}
