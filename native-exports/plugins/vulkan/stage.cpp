#include "stage.h"
#include <algorithm>

static const uint64_t chunk_bytes = 256 << 20, staging_bytes = 16 << 20;

Workspace::Workspace(const Model& m)
    : all{&x, &h, &branch, &network, &qkv, &mixed, &gate, &up, &wide, &narrow, &logits, &scratch, &state, &flag}
{
    uint64_t rows = m.d.max_rows, heads = 1, head_floats = 1, hidden = m.d.hidden;
    for (const Layer& l : m.layers)
    {
        if (l.l.mixer_kind)
        {
            qkv_width = std::max(qkv_width, l.qkv_width());
            mixed_width = std::max(mixed_width, l.mixed_width());
            heads = std::max<uint64_t>(heads, l.a.heads);
            head_floats = std::max<uint64_t>(head_floats, (uint64_t)l.a.heads * (l.a.value_dim + 2));
        }
        network_width = std::max(network_width, m.feed_forward_width(l));
    }
    groups = (uint32_t)((std::max<uint64_t>({hidden, mixed_width, network_width}) + 255) / 256);
    scratch_bytes = std::max<uint64_t>(4 * rows * head_floats, 32 << 20);
    uint64_t row = 4 * rows, packed = 320 * rows * groups, logits_bytes = m.d.output.weight ? 4ull * m.d.max_output_rows * m.d.vocabulary : 0;
    const uint64_t sizes[] = {row * hidden, row * hidden, row * hidden, row * hidden, row * qkv_width, row * mixed_width, row * network_width, row * network_width,
        packed, packed, logits_bytes, scratch_bytes, 2 * row * heads, 4}; // in the order of `all`
    for (size_t i = 0; i < all.size(); i++)
    {
        all[i]->offset = bytes;
        bytes += (sizes[i] + 255) / 256 * 256;
    }
}

void Workspace::move(const Buffer& buffer)
{
    for (Place* p : all) *p = place(buffer).at(p->offset);
}

// With what stages what goes in and out, which is the host's memory on a device that has its own.
uint64_t workspace_bytes(const Model& model)
{
    uint64_t in = 4ull * model.d.max_rows * model.d.hidden, out = model.d.output.weight ? 4ull * model.d.max_output_rows * model.d.vocabulary : in;
    return Workspace(model).bytes + staging_bytes + 2 * in + out;
}

edge_llm_offload_stage::edge_llm_offload_stage(std::shared_ptr<Device> on, Model described, bool exact)
    : device(std::move(on)), model(std::move(described)), exact(exact), commands(device), matrices(model.tensors.size()), groups(model.groups.size()), work(model)
{
    find_weights();
    make_caches();
    memory = Buffer(device, work.bytes, Memory::Device);
    work.move(memory);
    commands.zero(work.flag, 4);
    commands.run();
}

void edge_llm_offload_stage::grow(Buffer& buffer, uint64_t bytes, Memory kind)
{
    if (buffer.bytes >= bytes) return;
    buffer = Buffer(); // first, so that both need not fit
    buffer = Buffer(device, (bytes + 65535) / 65536 * 65536, kind);
}

void edge_llm_offload_stage::find_weights()
{
    std::vector<uint32_t> used = model.tensors_of(nullptr);
    for (const Layer& l : model.layers)
    {
        std::vector<uint32_t> more = model.tensors_of(&l);
        used.insert(used.end(), more.begin(), more.end());
    }
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    if (used.empty()) return;
    Tensors tensors;
    for (uint32_t t : used)
    {
        Matrix& m = matrices[t - 1] = model.matrix(t);
        require(model.tensors[t - 1].data, "a tensor has no data");
        weight_bytes += (m.bytes() + 255) / 256 * 256;
        tensors.push_back({model.tensors[t - 1].data, m.format->type, m.row_words, m.rows});
    }
    weights = kept_weights(*device, model.d.model, tensors, [&] { return upload_weights(used); });
    for (size_t i = 0; i < used.size(); i++) matrices[used[i] - 1].place = weights->places[i];
}

std::shared_ptr<Weights> edge_llm_offload_stage::upload_weights(const std::vector<uint32_t>& used)
{
    auto made = std::make_shared<Weights>();
    uint64_t remaining = weight_bytes, row = 0, left = 0;
    for (uint32_t t : used) row = std::max<uint64_t>(row, 4ull * matrices[t - 1].row_words);
    Buffer staging(device, std::max(row, std::min(remaining, staging_bytes)), Memory::Upload);
    Place next;
    for (uint32_t t : used)
    {
        const Matrix& m = matrices[t - 1];
        uint64_t bytes = (m.bytes() + 255) / 256 * 256, row_bytes = 4ull * m.row_words;
        if (bytes > left)
        {
            left = std::max(bytes, std::min(remaining, chunk_bytes));
            made->buffers.emplace_back(device, left, Memory::Device);
            next = place(made->buffers.back());
        }
        Place at = next;
        made->places.push_back(at);
        next = next.at(bytes);
        left -= bytes;
        remaining -= bytes;
        const uint8_t* from = (const uint8_t*)model.tensors[t - 1].data;
        uint32_t at_once = (uint32_t)(staging.bytes / row_bytes);
        for (uint32_t first = 0; first < m.rows; first += at_once)
        {
            uint32_t count = std::min(at_once, m.rows - first);
            for (uint32_t i = 0; i < count; i++) pack_row(m, from + (first + i) * model.tensors[t - 1].row_bytes, staging.data + i * row_bytes);
            commands.copy(place(staging), at.at(first * row_bytes), count * row_bytes);
            commands.run();
        }
    }
    return made;
}

void edge_llm_offload_stage::make_caches()
{
    for (const Layer& l : model.layers)
        if (l.l.mixer_kind && !l.host_mixer())
        {
            Group& g = groups[l.a.group];
            g.window = !g.used ? l.a.window : g.window && l.a.window ? std::max<uint32_t>(g.window, l.a.window) : 0;
            g.used = true;
        }
    for (size_t i = 0; i < groups.size(); i++)
    {
        Group& g = groups[i];
        g.bytes = model.groups[i].block_bytes;
        uint32_t blocks = model.groups[i].blocks;
        g.per_buffer = (uint32_t)std::min<uint64_t>(std::max<uint64_t>(chunk_bytes / g.bytes, 1), blocks);
        for (uint32_t first = 0; first < blocks; first += g.per_buffer)
        {
            uint64_t bytes = std::min(g.per_buffer, blocks - first) * g.bytes;
            g.buffers.emplace_back(device, bytes, Memory::Device);
            commands.zero(place(g.buffers.back()), bytes);
            cache_bytes += bytes;
        }
        commands.run();
    }
}
