// For a machine with an NVIDIA GPU: first whether every kernel gives the CPU's bits, then how fast it is.
//     drive                on the first device; CEILING=3.35e12: what its memory gives, in bytes a second, for the percentages
//     drive --quick        small sizes and no times, as over the fake driver
#include "../plugin/modules.h"
#include "../plugin/spec.h"
#include "../plugin/formats.h"
#include <algorithm>
#include <cstdlib>
#include <stdexcept>

using reference::Input;
static Device* device;
static StreamOwner* stream;
static CommonModule* common;
static bool quick;
static int wrong;
static double ceiling = 4.8e12; // an H200's
static std::mt19937 rng(11);

static std::vector<float> floats(size_t n) { std::normal_distribution<float> normal; std::vector<float> v(n); for (float& f : v) f = normal(rng); return v; }
template <typename T> static DeviceMemory upload(const std::vector<T>& v)
{
    DeviceMemory m(v.size() * sizeof(T) + 16, "a test");
    check(driver.cuMemcpyHtoDAsync_v2(m.pointer, v.data(), v.size() * sizeof(T), stream->stream), "upload");
    stream->wait();
    return m;
}
static std::vector<float> download(const DeviceMemory& m, size_t n)
{
    std::vector<float> v(n);
    check(driver.cuMemcpyDtoHAsync_v2(v.data(), m.pointer, 4 * n, stream->stream), "download");
    stream->wait();
    return v;
}
static void compare(const std::string& what, const std::vector<float>& got, const std::vector<float>& want)
{
    size_t bad = 0;
    for (size_t i = 0; i < want.size(); i++) bad += reference::bits(got[i]) != reference::bits(want[i]);
    wrong += bad != 0;
    printf("%-40s %s (%zu values%s)\n", what.c_str(), bad ? "WRONG" : "same bits", want.size(), bad ? (", " + std::to_string(bad) + " differ").c_str() : "");
}

// Median of several timings of some launches in a graph, each on its own copy of the data so that no cache holds it.
template <typename F> static double seconds(int calls, F call)
{
    for (int i = 0; i < calls; i++) call(i);
    stream->wait();
    if (quick || !driver.graphs) return 0;
    cuda::Graph graph;
    cuda::Executable executable;
    check(driver.cuStreamBeginCapture_v2(stream->stream, cuda::ThreadLocal), "capture");
    for (int i = 0; i < calls; i++) call(i);
    check(driver.cuStreamEndCapture(stream->stream, &graph), "capture");
    check(driver.cuGraphInstantiateWithFlags(&executable, graph, 0), "instantiate");
    EventOwner a, b;
    std::vector<float> times(15);
    for (float& ms : times)
    {
        a.record(*stream);
        check(driver.cuGraphLaunch(executable, stream->stream), "launch");
        b.record(*stream);
        stream->wait();
        check(driver.cuEventElapsedTime(&ms, a.event, b.event), "time");
    }
    std::sort(times.begin(), times.end());
    driver.cuGraphExecDestroy(executable);
    driver.cuGraphDestroy(graph);
    return times[7] / 1e3 / calls;
}

// Rows of activations by the plug-in's own kernel, and by definition.
struct Rows
{
    std::vector<float> x;
    std::vector<Input> host;
    DeviceMemory floats_, q256, scales, q32, flag;
    Rows(int tokens, int k) : x(floats((size_t)tokens * k)), floats_(upload(x)), flag(4, "a flag")
    {
        size_t units = (size_t)tokens * units_of(k);
        q256 = DeviceMemory(units * UnitBytes, "units");
        scales = DeviceMemory(4 * units, "scales");
        q32 = DeviceMemory(units * UnitBytes, "units");
        for (int i = 0; i < tokens; i++) host.emplace_back(&x[(size_t)i * k], k);
        ActivateArgs a = {floats_.as<float>(), nullptr, {nullptr, 0, q256.as<u8>(), scales.as<float>(), q32.as<u8>()}, flag.as<u32>(), Identity, k, tokens,
            units_of(k)};
        launch(common->activate, *stream, {(int)(units + 3) / 4}, 128, 0, a);
        stream->wait();
    }
};

static void product(const Format& f, const FormatModule& module, int rows, int k, int tokens)
{
    size_t rowBytes = (size_t)k / f.length * f.bytes, size = rowBytes * rows;
    std::vector<uint8_t> w = reference::weights(f.type, std::min(rows, 512), k, rng); // repeated: making them would take longer than all the rest
    w.resize(size);
    for (size_t i = rowBytes * std::min(rows, 512); i < size; i++) w[i] = w[i - rowBytes * std::min(rows, 512)];
    int copies = quick || tokens > 1 ? 1 : std::max(2, (int)(400e6 / size)); // more than the L2 holds
    std::vector<DeviceMemory> ws;
    for (int i = 0; i < copies; i++) ws.push_back(upload(w));
    Rows x(tokens, k);
    DeviceMemory y((size_t)rows * tokens * 4, "results");
    int units = units_of(k), at = tokens == 1 ? 1 : 4;
    bool many = tokens >= 16 && module.many.function;
    const Kernel& kernel = many ? module.many : at == 1 ? module.one : module.four;
    double t = seconds(copies, [&](int i)
    {
        if (f.form == Form::Floats)
        {
            FloatGemvArgs a = {ws[i].as<u8>(), x.floats_.as<float>(), y.as<float>(), rows, k, tokens, rows};
            return launch(kernel, *stream, {(rows + 7) / 8, (tokens + at - 1) / at}, 128, 0, a);
        }
        ProductShape s = product_shape(*device, f, units, rows, at);
        GemvArgs a = {ws[i].as<u8>(), (f.form == Form::By256 ? x.q256 : x.q32).as<u8>(), x.scales.as<float>(), y.as<float>(), rows, units, tokens, rows,
            s.rowsPerBlock, (u32)((0x80000000ull + units - 1) / units)};
        if (many) launch(kernel, *stream, {(rows + 63) / 64, (tokens + 63) / 64}, 128, ManyShared, a);
        else launch(kernel, *stream, {(rows + s.rowsPerBlock - 1) / s.rowsPerBlock, (tokens + at - 1) / at}, 32 * s.warps, s.shared, a);
    });
    std::vector<float> all = download(y, (size_t)rows * tokens), got, want;
    for (int n = 0; n < tokens; n += std::max(1, tokens / 4))
        for (int r = 0; r < rows; r += std::max(1, rows / 997))
        {
            got.push_back(all[(size_t)n * rows + r]);
            want.push_back(reference::dot(f.type, &w[r * rowBytes], k, x.host[n]));
        }
    compare(text("%s %d x %d, %d rows", kernel.name, rows, k, tokens), got, want);
    if (t > 0 && tokens == 1) printf("    %.2f us, %.0f GB/s (%.0f %% of %.0f)\n", t * 1e6, size / t / 1e9, 100 * size / t / ceiling, ceiling / 1e9);
    if (t > 0 && tokens > 1) printf("    %.1f us, %.1f TOPS\n", t * 1e6, 2.0 * rows * k * tokens / t / 1e12);
}

static void attention(int position)
{
    const int Dim = 128, Group = 4, KvHeads = 8, Heads = KvHeads * Group, Blocks = position / 64 + 1, Size = KvHeads * 64 * Dim; // of a block's keys
    std::vector<uint16_t> cache((size_t)2 * Size * Blocks);
    for (uint16_t& h : cache) h = (uint16_t)((rng() & 0x83ff) | 0x3800); // 0.5 to 1, either sign
    std::vector<int> indices = {position, 2};
    for (int b = 0; b < Blocks; b++) indices.push_back(b);
    auto q = floats(Heads * Dim);
    DeviceMemory pool = upload(cache), numbers = upload(indices), queries = upload(q), out(4 * Heads * Dim, "results"),
        partial((size_t)Heads * Blocks * (Dim + 2) * 4, "parts");
    CacheArgs c = {pool.as<u8>(), numbers.as<int>(), numbers.as<int>(1), numbers.as<int>(), 4ull * Size, 0, 2ull * Size, KvHeads, Dim, Dim, 1, 1};
    float scale = 1 / std::sqrt((float)Dim);
    AttentionArgs a = {c, queries.as<float>(), partial.as<float>(), Heads * Dim, Group, 0x7fffffff, 0, scale, 0};
    CombineArgs combine = {partial.as<float>(), nullptr, numbers.as<int>(), out.as<float>(), Heads * Dim, Dim, 0x7fffffff, 0, Blocks};
    double t = seconds(quick ? 1 : 4, [&](int)
    {
        launch(common->attention_4, *stream, {Blocks, KvHeads, 1}, 128, 64 * (2 * Dim + 16) + 4 * Group * (Dim + 64), a);
        launch(common->attention_combine, *stream, {Heads, 1}, 128, 0, combine);
    });
    std::vector<float> want(Heads * Dim), row(Dim);
    for (int h = 0; h < Heads; h++)
    {
        auto rows = [&](int at) { return [&, at](int p) {
            for (int i = 0; i < Dim; i++) row[i] = reference::half(cache[(size_t)p / 64 * 2 * Size + at + (size_t)(h / Group) * 64 * Dim + p % 64 * Dim + i]);
            return (const float*)row.data(); }; };
        reference::attention(&q[h * Dim], Dim, Dim, position, {scale, 0, 0, nullptr}, rows(0), rows(Size), &want[h * Dim]);
    }
    compare(text("attention at position %d", position), download(out, Heads * Dim), want);
    double bytes = (double)(position + 1) * KvHeads * Dim * 4;
    if (t > 0) printf("    %.1f us, %.0f GB/s of keys and values (%.0f %%)\n", t * 1e6, bytes / t / 1e9, 100 * bytes / t / ceiling);
}

static int drive()
{
    if (device_count() == 0) return printf("%s\n", driver_text.c_str()), 77;
    device = &device_at(0);
    printf("%s, compute capability %d.%d, %d multiprocessors, driver of %s\n", device->name.c_str(), device->major, device->minor, device->processors,
        driver_text.c_str());
    test(*device);
    printf("self-test: %s\n", device->state == Device::Exact ? "the CPU's own bits" : device->note.c_str());
    Retained context(*device);
    Current current(context);
    StreamOwner s;
    stream = &s;
    CommonModule c(*device);
    common = &c;
    struct Shape { int rows, k, tokens; };
    std::vector<Shape> bits = {{96, 2048, 1}, {40, 2048, 5}, {70, 512, 70}};
    const std::vector<Shape> speed = {{2048, 2048, 1}, {16384, 2048, 1}, {28672, 4096, 1}, {4096, 14336, 1}, {128256, 4096, 1}, {14336, 4096, 512}};
    if (quick) bits = {{24, 768, 1}, {16, 512, 5}, {16, 512, 17}};
    for (bool fast : {false, true})
    {
        if (fast && (quick || wrong)) continue; // bits first
        for (const reference::Format& r : reference::formats())
        {
            const Format& f = *format_of(r.type);
            FormatModule module(*device, f);
            for (const Shape& shape : fast ? speed : bits) product(f, module, shape.rows, shape.k, shape.tokens);
        }
        for (int position : fast ? std::vector<int>{8000, 32000} : std::vector<int>{quick ? 70 : 1000}) attention(position);
    }
    printf(wrong ? "%d WRONG\n" : "all the same bits\n", wrong);
    return wrong != 0 || device->state != Device::Exact;
}

int main(int count, char** arguments)
{
    quick = count > 1 && std::string(arguments[1]) == "--quick";
    if (const char* c = getenv("CEILING")) ceiling = atof(c);
    try { return drive(); }
    catch (const Failure& f) { return printf("%s\n", f.text.c_str()), 1; }
}
