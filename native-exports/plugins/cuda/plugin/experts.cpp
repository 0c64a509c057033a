// What engine/Models/FeedForwards/Experts.cs does, as launches. The host is not asked: which experts there are is known on the device alone. Rows of a
// batch become entries, one for each of their experts, in the order of the experts; a tile is what a block multiplies with one expert's matrix.
#include "forward.h"
#include <algorithm>

static const int ManyEntries = 16; // of an expert, on average: from here on the matrix units' product

static int tile_size(const LayerParts& p, int rows)
{
    bool four = true, many = true;
    for (const Matrix* m : {&p.expertGate, &p.expertUp, &p.expertDown})
    {
        if (!m->format) continue;
        four &= m->format->form == Form::Floats || m->four.warps > 0;
        many &= m->module->many.function != nullptr;
    }
    if (rows == 1) return 1;
    return many && (int64_t)rows * p.spec.experts.used >= (int64_t)ManyEntries * p.spec.experts.count ? 64 : four ? 4 : 1;
}

Forms Forward::entry_forms(Needs needs, int width) const
{
    return {needs.floats ? area(EntryPlain) : nullptr, width, needs.by256 ? c_.work[EntryBy256].as<u8>() : nullptr, area(EntryScales256),
        needs.by32 ? c_.work[EntryBy32].as<u8>() : nullptr};
}

// From the router's logits to tiles. One row's entries are in order as they are.
Tiles Forward::choose(const LayerParts& p)
{
    const auto& x = p.spec.experts;
    int entries = rows_ * x.used, size = tile_size(p, rows_), count = rows_ == 1 ? entries : std::min(entries, entries / size + x.count);
    int* experts = entry_numbers(0), *sorted = entry_numbers(1), *places = entry_numbers(2), *rows = entry_numbers(3);
    Tile* tiles = (Tile*)entry_numbers(4);
    static_assert(GateSoftmax == (int)EDGE_LLM_OFFLOAD_GATING_SOFTMAX && GateSoftmaxOfChosen == (int)EDGE_LLM_OFFLOAD_GATING_SOFTMAX_OF_CHOSEN);
    RouteArgs route = {area(RouterLogits), p.choiceBias, experts, area(EntryWeights), rows_ == 1 ? tiles : nullptr, x.count, x.used, x.groups, x.groups_used,
        (int)x.gating, (x.flags & EDGE_LLM_OFFLOAD_NORMALIZE) != 0, x.weight_scale == 0 ? 1 : x.weight_scale};
    start(c_.kernels.route, {rows_}, 32, 4 * (2 * x.count + x.groups + 2 * x.used), route);
    if (rows_ == 1) return {tiles, entries, count, size, experts, nullptr};
    GroupArgs group = {experts, places, rows, sorted, tiles, entries, x.used, x.count, size, count};
    start(c_.kernels.group, {1}, 256, 4 * (2 * x.count + 2), group);
    return {tiles, entries, count, size, sorted, places};
}

// The input of each entry, in the entries' order.
void Forward::gather_inputs(Needs needs, int entries)
{
    int hidden = c_.desc.hidden, units = units_of(hidden);
    auto gather = [&](Area from, Area to, int words)
    {
        start(c_.kernels.gather, {entries}, 256, 0, GatherArgs{area(from), entry_numbers(3), area(to), words});
    };
    if (needs.floats) gather(Plain, EntryPlain, hidden);
    if (needs.by256) gather(By256, EntryBy256, units * (UnitBytes / 4));
    if (needs.by256) gather(Scales256, EntryScales256, units);
    if (needs.by32) gather(By32, EntryBy32, units * (UnitBytes / 4));
}

// y of each entry; oneInput: all read the only row of the batch, where the norm has put it.
void Forward::entry_product(const Matrix& m, const Tiles& tiles, bool oneInput, float* y)
{
    const FormatModule& f = *m.module;
    if (m.format->form == Form::Floats)
    {
        FloatGemvArgs a = {m.data, area(oneInput ? Plain : EntryPlain), y, m.rows, m.k, tiles.entries, m.rows, tiles.list, m.matrixBytes, oneInput};
        start(tiles.size == 1 ? f.one : f.four, {(m.rows + 7) / 8, tiles.count}, 128, 0, a);
    }
    else
    {
        bool by256 = m.format->form == Form::By256;
        int units = units_of(m.k);
        const ProductShape& shape = tiles.size == 1 ? m.one : m.four;
        const u8* x = c_.work[by256 ? oneInput ? By256 : EntryBy256 : oneInput ? By32 : EntryBy32].as<u8>();
        GemvArgs a = {m.data, x, area(oneInput ? Scales256 : EntryScales256), y, m.rows, units, tiles.entries, m.rows, shape.rowsPerBlock,
            (u32)((0x80000000ull + units - 1) / units), tiles.list, m.matrixBytes, oneInput};
        if (tiles.size == 64) start(f.many, {(m.rows + 63) / 64, tiles.count}, 128, ManyShared, a);
        else start(tiles.size == 1 ? f.one : f.four, {(m.rows + shape.rowsPerBlock - 1) / shape.rowsPerBlock, tiles.count}, 32 * shape.warps, shape.shared, a);
    }
    if (m.bias) start(c_.kernels.expert_bias, {tiles.entries}, 256, 0, ExpertBiasArgs{y, m.bias, tiles.sorted, m.rows, m.biasStep});
}

void Forward::experts(const LayerParts& p, int index, const NormWeights& norm, float* to)
{
    if (rows_ == 0) return;
    const auto& x = p.spec.experts;
    Needs needs, all, down;
    needs.of(p.expertGate).of(p.expertUp);
    all = needs;
    normed(norm, x_, c_.desc.hidden, all.of(p.router).of(p.gate).of(p.up).of(p.sharedGate), flag(index, 0));
    product(p.router, area(RouterLogits), x.count);
    Tiles tiles = choose(p);
    if (rows_ > 1) gather_inputs(needs, tiles.entries);

    // All that reads the normed input, before something else takes its place.
    float* gate = area(EntryGate), *up = area(EntryUp);
    if (p.expertGate.format) entry_product(p.expertGate, tiles, rows_ == 1, gate);
    entry_product(p.expertUp, tiles, rows_ == 1, up);
    if (p.sharedGate.format) product(p.sharedGate, area(SharedGate), 1);
    if (p.up.format)
    {
        dense_inputs(p);
        dense_output(p, index, to);
    }
    activated(p.expertGate.format ? gate : up, p.expertGate.format ? up : nullptr, (int)x.activation, x.width, x.width, tiles.entries,
        entry_forms(down.of(p.expertDown), x.width), flag(index, 0));
    entry_product(p.expertDown, tiles, false, area(EntryDown));
    MixArgs mix = {area(EntryDown), tiles.places, area(EntryWeights), p.up.format ? to : nullptr, p.sharedGate.format ? area(SharedGate) : nullptr, to, x.used,
        c_.desc.hidden, x.output_scale == 0 ? 1 : x.output_scale};
    start(c_.kernels.mix, {rows_}, 256, 0, mix);
}
