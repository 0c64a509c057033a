#include "proof.h"
#include "formats.h"
#include "routing.h"
#include "spec.h"
#include <mutex>

static std::vector<float> floats(size_t n, std::mt19937& random)
{
    std::normal_distribution<float> normal;
    std::vector<float> v(n);
    for (float& f : v) f = normal(random);
    return v;
}
template <typename T> static DeviceMemory sent(const std::vector<T>& v, const StreamOwner& stream)
{
    DeviceMemory m(v.size() * sizeof(T) + 16, "the self-test");
    check(driver.cuMemcpyHtoDAsync_v2(m.pointer, v.data(), v.size() * sizeof(T), stream.stream), "cuMemcpyHtoD");
    stream.wait();
    return m;
}
static bool same(const DeviceMemory& got, const std::vector<float>& want, const StreamOwner& stream)
{
    std::vector<float> v(want.size());
    check(driver.cuMemcpyDtoHAsync_v2(v.data(), got.pointer, 4 * v.size(), stream.stream), "cuMemcpyDtoH");
    stream.wait();
    return memcmp(v.data(), want.data(), 4 * v.size()) == 0;
}

// A matrix of 24 rows of 512 with 1, 5 and 17 rows of activations, which the plug-in's own kernel quantizes.
static bool is_right(const Device& device, const Format& f, const FormatModule& module, const StreamOwner& stream, const CommonModule& common)
{
    const int Rows = 24, K = 512, Units = 2;
    std::mt19937 random(f.type + 1);
    std::vector<uint8_t> w = reference::weights(f.type, Rows, K, random);
    DeviceMemory weights = sent(w, stream), flag(4, "the self-test"), by256(17 * Units * UnitBytes, "the self-test");
    DeviceMemory by32(17 * Units * UnitBytes, "the self-test"), scales(17 * Units * 4, "the self-test"), y(17 * Rows * 4, "the self-test");
    for (int tokens : {1, 5, 17})
    {
        std::vector<float> x = floats((size_t)tokens * K, random), want;
        for (int t = 0; t < tokens; t++)
        {
            reference::Input input(&x[t * K], K);
            for (int r = 0; r < Rows; r++) want.push_back(reference::dot(f.type, &w[r * reference::row_bytes(f.type, K)], K, input));
        }
        DeviceMemory input = sent(x, stream);
        ActivateArgs prepare = {input.as<float>(), nullptr, {nullptr, 0, by256.as<u8>(), scales.as<float>(), by32.as<u8>()}, flag.as<u32>(), Identity, K,
            tokens, Units};
        launch(common.activate, stream, {(tokens * Units + 3) / 4}, 128, 0, prepare);
        int at = tokens == 1 ? 1 : 4;
        const Kernel& kernel = tokens == 1 ? module.one : tokens >= 16 && module.many.function ? module.many : module.four;
        Grid grid = {(Rows + 7) / 8, (tokens + at - 1) / at};
        if (f.form == Form::Floats) launch(kernel, stream, grid, 128, 0, FloatGemvArgs{weights.as<u8>(), input.as<float>(), y.as<float>(), Rows, K, tokens,
            Rows});
        else
        {
            ProductShape s = product_shape(device, f, Units, Rows, at);
            GemvArgs a = {weights.as<u8>(), (f.form == Form::By256 ? by256 : by32).as<u8>(), scales.as<float>(), y.as<float>(), Rows, Units, tokens, Rows,
                s.rowsPerBlock, 1u << 30};
            if (&kernel == &module.many) launch(kernel, stream, {1, 1}, 128, ManyShared, a);
            else launch(kernel, stream, {(Rows + s.rowsPerBlock - 1) / s.rowsPerBlock, grid.y}, 32 * s.warps, s.shared, a);
        }
        if (!same(y, want, stream)) return false;
    }
    return true;
}

void prove(Device& device, const Format& f, const FormatModule& module, const StreamOwner& stream, const CommonModule& common)
{
    static std::mutex mutex;
    std::lock_guard<std::mutex> lock(mutex);
    if (device.proven.count(f.type)) return;
    PlainArithmetic plain;
    if (!is_right(device, f, module, stream, common)) fail(EDGE_LLM_OFFLOAD_UNSUPPORTED, "self-test: products of %s do not give the CPU's bits on %s",
        f.name, device.name.c_str());
    device.proven.insert(f.type);
}

// 70 positions, then the last of them once more over all, with four query heads.
bool attention_is_right(const StreamOwner& stream, const CommonModule& common)
{
    const int Dim = 64, Group = 4, Positions = 70, Size = 64 * Dim;
    std::mt19937 random(3);
    std::vector<float> x = floats((size_t)Positions * 2 * Dim, random), q = floats(Group * Dim, random), want(Group * Dim);
    std::vector<int> numbers; // positions, then each row's table's place, then tables: blocks 1 and 0
    for (int i = 0; i < Positions; i++) numbers.push_back(i);
    numbers.resize(2 * Positions, 2 * Positions);
    numbers.insert(numbers.end(), {1, 0});
    DeviceMemory rows = sent(x, stream), queries = sent(q, stream), indices = sent(numbers, stream);
    DeviceMemory cache(2 * 4 * Size, "the self-test"), flag(4, "the self-test"), partial(Group * 2 * (Dim + 2) * 4, "the self-test"), out(Group * Dim * 4, "the self-test");
    CacheArgs c = {cache.as<u8>(), indices.as<int>(), indices.as<int>(Positions), indices.as<int>(), 4ull * Size, 0, 2ull * Size, 1, Dim, Dim, 1, 1};
    launch(common.store, stream, {Positions, 2}, 128, 0, StoreArgs{c, rows.as<float>(), rows.as<float>(Dim), 2 * Dim, flag.as<u32>()});
    c.positions += Positions - 1;
    AttentionArgs a = {c, queries.as<float>(), partial.as<float>(), Group * Dim, Group, 0x7fffffff, 0, 0.125f, 0};
    launch(common.attention_4, stream, {2, 1, 1}, 128, 64 * (2 * Dim + 16) + 4 * Group * (Dim + 64), a);
    CombineArgs combine = {partial.as<float>(), nullptr, c.positions, out.as<float>(), Group * Dim, Dim, 0x7fffffff, 0, 2};
    launch(common.attention_combine, stream, {Group, 1}, 128, 0, combine);
    for (float& f : x) f = reference::half(reference::to_half(f));
    for (int h = 0; h < Group; h++)
        reference::attention(&q[h * Dim], Dim, Dim, Positions - 1, {0.125f, 0, 0, nullptr}, [&](int p) { return &x[p * 2 * Dim]; },
            [&](int p) { return &x[p * 2 * Dim + Dim]; }, &want[h * Dim]);
    return same(out, want, stream);
}

// Three rows of 40 experts in 8 groups: the choice, the order of the entries, and the sum of what are random results.
bool experts_are_right(const StreamOwner& stream, const CommonModule& common)
{
    const int Rows = 3, N = 96, Tiles = 15;
    const reference::Router r = {40, 5, 8, 3, 2, true, 1.5f};
    std::mt19937 random(4);
    std::vector<float> logits = floats(Rows * r.count, random), bias = floats(r.count, random), x = floats(Rows * r.used * N, random), want;
    DeviceMemory in = sent(logits, stream), added = sent(bias, stream), results = sent(x, stream), numbers(4 * 4 * Rows * r.used, "the self-test");
    DeviceMemory tiles(Tiles * sizeof(Tile), "the self-test"), weights(4 * Rows * r.used, "the self-test"), y(4 * Rows * N, "the self-test");
    int* experts = numbers.as<int>(), *places = experts + Rows * r.used, *rows = places + Rows * r.used, *sorted = rows + Rows * r.used;
    RouteArgs route = {in.as<float>(), added.as<float>(), experts, weights.as<float>(), nullptr, r.count, r.used, r.groups, r.groupsUsed, r.gating, 1, r.scale};
    launch(common.route, stream, {Rows}, 32, 4 * (2 * r.count + r.groups + 2 * r.used), route);
    GroupArgs group = {experts, places, rows, sorted, tiles.as<Tile>(), Rows * r.used, r.used, r.count, 4, Tiles};
    launch(common.group, stream, {1}, 256, 4 * (2 * r.count + 2), group);
    launch(common.mix, stream, {Rows}, 256, 0, MixArgs{results.as<float>(), places, weights.as<float>(), nullptr, nullptr, y.as<float>(), r.used, N, 1});
    std::vector<std::pair<int, int>> order; // expert, entry
    std::vector<reference::Chosen> chosen;
    for (int row = 0; row < Rows; row++)
    {
        chosen.push_back(reference::choose(r, &logits[row * r.count], bias.data()));
        for (int i = 0; i < r.used; i++) order.push_back({chosen[row].experts[i], row * r.used + i});
    }
    std::sort(order.begin(), order.end());
    for (int row = 0; row < Rows; row++)
        for (int i = 0; i < N; i++)
        {
            float sum = 0;
            for (int k = 0; k < r.used; k++)
            {
                std::pair<int, int> entry = {chosen[row].experts[k], row * r.used + k};
                size_t place = std::find(order.begin(), order.end(), entry) - order.begin();
                sum = std::fmaf(x[place * N + i], chosen[row].weights[k], sum);
            }
            want.push_back(sum);
        }
    return same(y, want, stream);
}
