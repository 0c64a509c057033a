// What the interface asks of stages besides numbers: splits, batches, cache blocks, versions, wrong arguments, cancelling.
#include "test.h"
#include <functional>

namespace
{
const std::vector<int32_t> blocks{5, 2, 7, 1};

struct Fixture
{
    Shape shape;
    TestModel m;
    std::vector<float> hidden;
    explicit Fixture(const Shape& s) : shape(s), m(s), hidden((size_t)s.max_rows * s.hidden)
    {
        for (float& f : hidden) f = m.value();
    }
    edge_llm_offload_stage* make(int first, int count, bool output, edge_llm_offload_status expected = 0)
    {
        edge_llm_offload_stage_desc d = m.desc;
        for (int i = 0; i < count; i++) m.attention[first + i].slot = (uint32_t)i;
        edge_llm_offload_cache_group g = m.group;
        g.block_bytes = g.block_bytes / g.layers * (count ? count : 1);
        g.layers = count ? count : 1;
        d.groups = &g;
        d.layers = m.layers.data() + first;
        d.layer_count = count;
        if (!output) d.output.weight = 0;
        edge_llm_offload_stage* stage = nullptr;
        CHECK(plugin.create(0, &d, &stage, &error) == expected);
        return stage;
    }
    // One step through two stages, or one where the second is missing.
    std::vector<float> run(edge_llm_offload_stage* a, edge_llm_offload_stage* b, int position, int rows)
    {
        std::vector<float> between, out;
        uint32_t output = m.desc.output.weight;
        const float* from = hidden.data() + (size_t)position * shape.hidden;
        if (!b)
        {
            CHECK(m.step(plugin, a, position, rows, blocks, from, out, error) == 0);
            return out;
        }
        m.desc.output.weight = 0;
        CHECK(m.step(plugin, a, position, rows, blocks, from, between, error) == 0);
        m.desc.output.weight = output;
        std::vector<float> packed;
        for (int r = 0; r < rows; r++) packed.insert(packed.end(), between.begin() + r * (shape.hidden + 3), between.begin() + r * (shape.hidden + 3) + shape.hidden);
        CHECK(m.step(plugin, b, position, rows, blocks, packed.data(), out, error) == 0);
        return out;
    }
};

void splits_and_batches(Fixture& f, const std::vector<float>& whole, int rows)
{
    int width = f.shape.vocabulary + 3;
    for (int n = 0; n <= f.shape.layers; n++)
    {
        edge_llm_offload_stage *a = f.make(0, n, false), *b = f.make(n, f.shape.layers - n, true);
        std::vector<float> out;
        for (int position = 0, chunk = 1; position < rows; position += chunk, chunk = 40)
        {
            std::vector<float> part = f.run(a, b, position, std::min(chunk, rows - position));
            out.insert(out.end(), part.begin(), part.end());
        }
        CHECK(out.size() == whole.size() && memcmp(out.data(), whole.data(), out.size() * 4) == 0);
        plugin.destroy(a);
        plugin.destroy(b);
    }
    edge_llm_offload_stage* s = f.make(0, f.shape.layers, true);
    for (int i = 0; i < 3; i++)
    {
        std::vector<float> one = f.run(s, nullptr, i, 1);
        CHECK(memcmp(one.data(), &whole[(size_t)i * width], (size_t)f.shape.vocabulary * 4) == 0);
    }
    plugin.destroy(s);
}

// Two sequences in one batch, rows in another order than their runs; the second shares the first one's block 0.
void two_runs(Fixture& f, edge_llm_offload_stage* s, const std::vector<float>& whole, int rows)
{
    CHECK(plugin.block_copy(s, 0, 2, 9, &error) == 0);
    const int32_t copy[] = {5, 9}, original[] = {5, 2};
    const int32_t *first[] = {copy}, *second[] = {original};
    int hidden = f.shape.hidden;
    std::vector<float> in(f.hidden.begin() + (size_t)(rows - 2) * hidden, f.hidden.begin() + (size_t)rows * hidden), out((size_t)3 * f.shape.vocabulary);
    in.insert(in.end(), f.hidden.begin(), f.hidden.begin() + hidden);
    edge_llm_offload_run runs[] = {{2, 1, rows - 2, 0, second}, {0, 2, rows - 2, 0, first}};
    std::vector<float> unused;
    CHECK(f.m.step(plugin, s, rows - 2, 2, {5, 9}, in.data(), unused, error) == 0); // fills in the cosines of these positions
    std::vector<float> cos = f.m.cos, sin = f.m.sin;
    int stride = f.shape.rope + 8;
    cos.insert(cos.end(), f.m.cos.begin(), f.m.cos.begin() + stride);
    sin.insert(sin.end(), f.m.sin.begin(), f.m.sin.begin() + stride);
    edge_llm_offload_rope_table rope{sizeof rope, stride - 2, stride, 0, cos.data(), sin.data()};
    const int32_t chosen[] = {0, 1, 2};
    edge_llm_offload_batch b{sizeof b, 0, 3, 2, 1, 3, hidden, f.shape.vocabulary, in.data(), out.data(), chosen, runs, &rope, nullptr};
    CHECK(plugin.forward(s, &b, &error) == 0);
    for (int i = 0; i < 2; i++) CHECK(memcmp(&out[(size_t)i * f.shape.vocabulary], &whole[(size_t)(rows - 2 + i) * (f.shape.vocabulary + 3)], (size_t)f.shape.vocabulary * 4) == 0);
    CHECK(memcmp(&out[(size_t)2 * f.shape.vocabulary], &whole[(size_t)(rows - 2) * (f.shape.vocabulary + 3)], (size_t)f.shape.vocabulary * 4) != 0);
}

void saved_and_loaded(Fixture& f, edge_llm_offload_stage* s, const std::vector<float>& whole, int rows)
{
    edge_llm_offload_stage* other = f.make(0, f.shape.layers, true);
    std::vector<uint8_t> bytes(f.m.group.block_bytes);
    for (int block : {5, 2})
    {
        CHECK(plugin.block_read(s, 0, block, bytes.data(), bytes.size(), &error) == 0);
        CHECK(plugin.block_write(other, 0, block, bytes.data(), bytes.size(), &error) == 0);
    }
    std::vector<float> last = f.run(other, nullptr, rows - 1, 1);
    CHECK(memcmp(last.data(), &whole[(size_t)(rows - 1) * (f.shape.vocabulary + 3)], (size_t)f.shape.vocabulary * 4) == 0);
    CHECK(plugin.block_copy(s, 0, 0, f.shape.blocks, &error) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    CHECK(plugin.block_copy(s, 1, 0, 1, &error) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    CHECK(plugin.block_read(s, 0, -1, bytes.data(), bytes.size(), &error) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    CHECK(plugin.block_write(s, 0, 0, bytes.data(), bytes.size() - 1, &error) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
    plugin.destroy(other);
}

void wrong_batches(Fixture& f, edge_llm_offload_stage* s)
{
    const int32_t table[] = {1, 2}, far[] = {1, f.shape.blocks}, behind[] = {-1, 2};
    const int32_t *tables[] = {table}, *far_tables[] = {far}, *behind_tables[] = {behind}, *none[] = {nullptr};
    std::vector<float> cos(4096, 1), out(4096);
    const int32_t chosen[] = {0, 1}, descending[] = {1, 0};
    edge_llm_offload_run run{0, 2, 63, 0, tables};
    edge_llm_offload_rope_table rope{sizeof rope, f.shape.rope, f.shape.rope, 0, cos.data(), cos.data()};
    const edge_llm_offload_batch good{sizeof good, 0, 2, 1, 1, 2, f.shape.hidden, f.shape.vocabulary, f.hidden.data(), out.data(), chosen, &run, &rope, nullptr};
    auto status = [&](const std::function<void(edge_llm_offload_batch&)>& change)
    {
        edge_llm_offload_run before = run;
        edge_llm_offload_rope_table rope_before = rope;
        edge_llm_offload_batch b = good;
        change(b);
        edge_llm_offload_status result = plugin.forward(s, &b, &error);
        run = before;
        rope = rope_before;
        return result;
    };
    const edge_llm_offload_status wrong = EDGE_LLM_OFFLOAD_INVALID_ARGUMENT;
    CHECK(status([](auto&) {}) == 0);
    CHECK(status([](auto& b) { b.rows = 0; }) == wrong);
    CHECK(status([&](auto& b) { b.rows = f.shape.max_rows + 1; }) == wrong);
    CHECK(status([](auto& b) { b.hidden = nullptr; }) == wrong);
    CHECK(status([](auto& b) { b.hidden_stride--; }) == wrong);
    CHECK(status([](auto& b) { b.out_stride--; }) == wrong);
    CHECK(status([](auto& b) { b.output_count = 3; }) == wrong);
    CHECK(status([&](auto& b) { b.output_rows = descending; }) == wrong);
    CHECK(status([](auto& b) { b.run_count = 0; }) == wrong);
    CHECK(status([](auto& b) { b.rope_count = 0; }) == wrong);
    CHECK(status([](auto& b) { b.flags = 2; }) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
    CHECK(status([&](auto&) { run.rows = 1; }) == wrong);
    CHECK(status([&](auto&) { run.row = 1; }) == wrong);
    CHECK(status([&](auto&) { run.position = -1; }) == wrong);
    CHECK(status([&](auto&) { run.position = INT32_MAX; }) == wrong);
    CHECK(status([&](auto&) { run.tables = far_tables; }) == wrong);
    CHECK(status([&](auto&) { run.tables = behind_tables; }) == wrong);
    CHECK(status([&](auto&) { run.tables = none; }) == wrong);
    CHECK(status([&](auto&) { rope.width--; }) == wrong);
    CHECK(status([&](auto&) { rope.stride--; }) == wrong);
    cancel = true;
    CHECK(status([](auto&) {}) == EDGE_LLM_OFFLOAD_CANCELLED);
    cancel = false;
    struct { edge_llm_offload_batch b; uint64_t later; } longer{good, 0};
    longer.b.struct_size = sizeof longer;
    CHECK(plugin.forward(s, &longer.b, &error) == 0);
    longer.later = 1;
    CHECK(plugin.forward(s, &longer.b, &error) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
    f.hidden[3] = INFINITY;
    CHECK(status([](auto&) {}) == EDGE_LLM_OFFLOAD_NON_FINITE);
    f.hidden[3] = 0.5f;
    CHECK(status([](auto&) {}) == 0);
}

// What plan says of a changed description: the first layer, or minus the status.
int planned(Fixture& f, const std::function<void()>& change, edge_llm_offload_plan* result = nullptr)
{
    edge_llm_offload_attention a = f.m.attention[0];
    edge_llm_offload_layer l = f.m.layers[0];
    edge_llm_offload_feed_forward n = f.m.networks[0];
    std::vector<edge_llm_offload_tensor> tensors = f.m.tensors;
    edge_llm_offload_stage_desc d = f.m.desc;
    change();
    std::vector<uint8_t> verdicts(f.m.tensors.size());
    std::vector<uint64_t> bytes(f.m.layers.size());
    edge_llm_offload_plan p{};
    p.struct_size = sizeof p;
    p.verdicts = verdicts.data();
    p.layer_bytes = bytes.data();
    edge_llm_offload_status planned = plugin.plan(0, &f.m.desc, &p, &error);
    edge_llm_offload_stage* stage = nullptr;
    edge_llm_offload_status created = plugin.create(0, &f.m.desc, &stage, &error);
    plugin.destroy(stage);
    CHECK(created == (planned ? planned : p.first_layer > 0 || !p.takes_output ? EDGE_LLM_OFFLOAD_UNSUPPORTED : 0));
    CHECK((p.reason[0] != 0) == (planned == 0 && created != 0));
    if (result) *result = p, result->verdicts = nullptr, result->layer_bytes = nullptr;
    f.m.attention[0] = a;
    f.m.layers[0] = l;
    f.m.networks[0] = n;
    std::copy(tensors.begin(), tensors.end(), f.m.tensors.begin());
    f.m.desc = d;
    return planned ? -planned : p.first_layer;
}

void plans(Fixture& f)
{
    for (int i = 0; i < f.shape.layers; i++) f.m.attention[i].slot = (uint32_t)i;
    edge_llm_offload_plan p;
    CHECK(planned(f, [] {}, &p) == 0 && p.takes_output && p.exact && p.fixed_bytes > 0 && p.output_bytes > 0);
    CHECK(planned(f, [&] { f.m.layers[0].mixer_kind = 9; }) == 1);
    CHECK(planned(f, [&] { f.m.layers[0].topology = 3; }) == 1);
    CHECK(planned(f, [&] { f.m.layers[0].flags = 4; }) == 1);
    CHECK(planned(f, [&] { f.m.attention[0].flags = 1; }) == 1);
    CHECK(planned(f, [&] { f.m.networks[0].activation = 77; }) == 1);
    CHECK(planned(f, [&] { f.m.layers[0].mixer_norm.kind = 3; }) == 1);
    CHECK(planned(f, [&] { f.m.tensors[f.m.attention[0].q.weight - 1].type = 39; }) == 1);
    const int wrong = -EDGE_LLM_OFFLOAD_INVALID_ARGUMENT;
    CHECK(planned(f, [&] { f.m.attention[0].q.weight = (uint32_t)f.m.tensors.size() + 1; }) == wrong);
    CHECK(planned(f, [&] { f.m.attention[0].heads++; }) == wrong);
    CHECK(planned(f, [&] { f.m.attention[0].group = 1; }) == wrong);
    CHECK(planned(f, [&] { f.m.attention[0].slot = 99; }) == wrong);
    CHECK(planned(f, [&] { f.m.attention[0].rope.dimensions = 4096; }) == wrong);
    CHECK(planned(f, [&] { f.m.attention[0].rope.table = 2; }) == wrong);
    CHECK(planned(f, [&] { f.m.tensors[f.m.attention[0].k.weight - 1].row_bytes++; }) == wrong);
    CHECK(planned(f, [&] { f.m.desc.hidden = 0; }) == wrong);
    CHECK(planned(f, [&] { f.m.desc.max_rows = 100000; }) == -EDGE_LLM_OFFLOAD_UNSUPPORTED);
    CHECK(planned(f, [&] { f.m.desc.arithmetic = 2; }) == -EDGE_LLM_OFFLOAD_UNSUPPORTED);
    edge_llm_offload_device_info info{};
    info.struct_size = sizeof info;
    CHECK(plugin.device_info(99, &info, &error) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
}
}

void test_stages()
{
    Shape s;
    s.layers = 3;
    s.hidden = 128;
    s.width = 96;
    s.blocks = 10;
    Fixture f(s);
    const int rows = 70;
    edge_llm_offload_stage* stage = f.make(0, s.layers, true);
    std::vector<float> whole = f.run(stage, nullptr, 0, rows);
    splits_and_batches(f, whole, rows);
    saved_and_loaded(f, stage, whole, rows);
    two_runs(f, stage, whole, rows);
    edge_llm_offload_stage_info info{};
    info.struct_size = sizeof info;
    CHECK(plugin.info(stage, &info, &error) == 0 && info.exact && info.forwards == 3 && info.rows == (uint64_t)rows + 5 && info.launches > 0 && info.weight_bytes > 0);
    wrong_batches(f, stage);
    plugin.destroy(stage);
    plugin.destroy(nullptr);
    plans(f);
}
