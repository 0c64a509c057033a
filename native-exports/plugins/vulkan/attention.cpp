// Attention, recorded: rotation, the cache's new rows, the blocks of 64 and what joins them.
#include "pass.h"
#include <algorithm>

void Pass::rope(const edge_llm_offload_rope& r, Rows x, uint32_t heads, uint32_t dim)
{
    if (!r.table || r.dimensions == 0) return;
    uint32_t width = table_widths[r.table - 1];
    uint64_t cos = s.input.address + rope_at[r.table - 1];
    struct { uint64_t x, cos, sin; uint32_t xStride, tableStride, heads, headDim, dimensions, offset, halves; } k{
        x.place.address, cos, cos + 4ull * rows * width, x.stride, width, heads, dim, (uint32_t)r.dimensions, (uint32_t)r.offset, r.halves};
    commands.dispatch(Kernel::rope, k, (heads * (r.dimensions / 2) + 63) / 64, rows, 1);
}

static uint32_t padded(int32_t dim) { return (uint32_t)(dim + 31) & ~31u; }

// Words from the beginning of a block to a layer's keys, or its values.
static uint32_t cache_offset(const Model& model, const edge_llm_offload_attention& a, bool values)
{
    const edge_llm_offload_cache_group& g = model.groups[a.group];
    uint32_t key_words = padded(g.key_dim) / (g.key_type == 0 ? 1 : 2), value_words = padded(g.value_dim) / (g.value_type == 0 ? 1 : 2);
    return block_positions * g.heads * (a.slot * (key_words + value_words) + (values ? key_words : 0));
}

void Pass::store(const Layer& layer, Rows x, bool values)
{
    const edge_llm_offload_cache_group& g = model.groups[layer.a.group];
    uint32_t dim = values ? g.value_dim : g.key_dim, pad = padded(dim), wide = (values ? g.value_type : g.key_type) == 0;
    struct { uint64_t x, places, flag; uint32_t xStride, heads, dim, padded, offset, mark; } k{
        x.place.address, s.input.address + places_at[layer.a.group], work.flag.address, x.stride, (uint32_t)g.heads, dim, pad, cache_offset(model, layer.a, values), mark};
    commands.dispatch(Kernel::store, k, (g.heads * pad / 2 + 63) / 64, rows, 1, !values, wide);
}

void Pass::attend(const Layer& layer, Rows q, Rows y)
{
    const edge_llm_offload_attention& a = layer.a;
    const edge_llm_offload_cache_group& g = model.groups[a.group];
    uint64_t places = s.input.address + places_at[a.group], head_bytes = 4ull * rows * a.heads * (a.value_dim + 2);
    uint32_t from = lowest[a.group], to = highest[a.group];
    uint32_t at_once = (uint32_t)std::min<uint64_t>({work.scratch_bytes / head_bytes, to - from + 1, 65535});
    uint32_t variant = (g.key_type == 0) | (g.value_type == 0) << 1;
    for (uint32_t block = from; block <= to; block += at_once)
    {
        struct
        {
            uint64_t q, places, scratch;
            uint32_t qStride, heads, sharing, keyDim, valueDim, keyOffset, valueOffset, keyPadded, valuePadded, window, firstBlock, blocks;
            float scale, softcap;
        } k{q.place.address, places, work.scratch.address, q.stride, (uint32_t)a.heads, (uint32_t)(a.heads / a.kv_heads), (uint32_t)a.key_dim, (uint32_t)a.value_dim,
            cache_offset(model, a, false), cache_offset(model, a, true), padded(a.key_dim), padded(a.value_dim), (uint32_t)a.window, block, at_once, a.scale, a.softcap};
        commands.dispatch(Kernel::attention, k, std::min(at_once, to - block + 1), a.heads, rows, true, variant);
        struct { uint64_t places, scratch, y, state, sinks; uint32_t yStride, heads, valueDim, window, firstBlock, blocks, hasSinks; } c{
            places, work.scratch.address, y.place.address, work.state.address, a.sinks ? s.matrix(a.sinks).place.address : 0,
            y.stride, (uint32_t)a.heads, (uint32_t)a.value_dim, (uint32_t)a.window, block, at_once, a.sinks != 0};
        commands.dispatch(Kernel::combine, c, a.heads, rows, 1);
    }
}
