// Whole models: each bit as the plug-in in plain C gives it, whatever the batch.
#include "modes.h"
#include "stage.h"
#include "test.h"

static bool same(const std::vector<float>& a, const std::vector<float>& b)
{
    if (a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0) return true;
    size_t differing = 0, first = a.size();
    for (size_t i = 0; i < a.size() && i < b.size(); i++)
        if (memcmp(&a[i], &b[i], 4)) { differing++; if (first == a.size()) first = i; }
    printf("%zu of %zu differ, the first is %zu: %.9g, %.9g\n", differing, a.size(), first, first < a.size() ? a[first] : 0, first < b.size() ? b[first] : 0);
    return false;
}

static void compare(const char* name, const Shape& shape, int rows = 70)
{
    printf("%s\n", name);
    fflush(stdout);
    TestModel m(shape);
    edge_llm_offload_stage *ours = nullptr, *theirs = nullptr;
    CHECK(plugin.create(0, &m.desc, &ours, &error) == 0);
    CHECK(reference.create(0, &m.desc, &theirs, &error) == 0);
    if (!ours || !theirs) return;
    std::vector<float> hidden((size_t)(rows + 3) * shape.hidden), a, b;
    for (float& f : hidden) f = m.value();
    const std::vector<int32_t> blocks{5, 2, 7, 1};
    void* context = &m.shape;
    CHECK(m.step(reference, theirs, 0, rows, blocks, hidden.data(), a, error, rows - 5, 0, context) == 0);
    CHECK(m.step(plugin, ours, 0, rows, blocks, hidden.data(), b, error, rows - 5, 0, context) == 0);
    CHECK(same(a, b));
    for (int i = rows; i < rows + 3; i++)
    {
        uint32_t flags = i == rows + 2 ? EDGE_LLM_OFFLOAD_WANT_HIDDEN : 0;
        CHECK(m.step(reference, theirs, i, 1, blocks, hidden.data() + (size_t)i * shape.hidden, a, error, 0, flags, context) == 0);
        CHECK(m.step(plugin, ours, i, 1, blocks, hidden.data() + (size_t)i * shape.hidden, b, error, 0, flags, context) == 0);
        CHECK(same(a, b));
    }
    std::vector<uint8_t> x(m.group.block_bytes), y(m.group.block_bytes);
    for (int block : {5, 2})
    {
        CHECK(reference.block_read(theirs, 0, block, x.data(), x.size(), &error) == 0);
        CHECK(plugin.block_read(ours, 0, block, y.data(), y.size(), &error) == 0);
        CHECK(x == y);
    }
    plugin.destroy(ours);
    reference.destroy(theirs);
}

// The form of the shaders for devices whose fma rounds once, with modes that llvmpipe does not offer. Where fma rounds twice, results are near.
static void own_fma(const Shape& shape, uint32_t modes)
{
    TestModel m(shape);
    edge_llm_offload_stage* theirs = nullptr;
    CHECK(reference.create(0, &m.desc, &theirs, &error) == 0);
    auto device = std::make_shared<Device>(physical_device(0), true, modes);
    auto* ours = new edge_llm_offload_stage(device, Model(&m.desc), false);
    std::vector<float> hidden((size_t)66 * shape.hidden), a, b;
    for (float& f : hidden) f = m.value();
    CHECK(m.step(reference, theirs, 0, 66, {3, 1}, hidden.data(), a, error) == 0);
    CHECK(m.step(plugin, ours, 0, 66, {3, 1}, hidden.data(), b, error) == 0);
    double largest = 0, size = 0;
    for (size_t i = 0; i < a.size(); i++)
    {
        largest = std::fmax(largest, std::fabs(a[i] - b[i]));
        size = std::fmax(size, std::fabs(a[i]));
    }
    printf("with the device's own fma: within %.1e of %.1f\n", largest, size);
    CHECK(largest <= 0.02 * size);
    plugin.destroy(ours);
    reference.destroy(theirs);
}

void test_models(bool with_every_mode)
{
    Shape s;
    compare("floats", s);
    own_fma(s, 0);
    if (with_every_mode) own_fma(s, KeepSubnormals | KeepSpecial | RoundToEven);
    s.weights = Q4_K;
    s.down = s.output = Q6_K;
    compare("Q4_K and Q6_K", s, 130);
    own_fma(s, 0);
    s.weights = s.down = s.output = Q8_0;
    s.hidden = 96;
    s.width = 160;
    s.key_type = s.value_type = F32;
    compare("Q8_0, parts of groups", s);
    s = Shape{};
    s.weights = F16;
    s.down = Q8_0;
    s.head_norm = EDGE_LLM_OFFLOAD_NORM_RMS;
    s.window = 20;
    s.softcap = 3;
    s.output_softcap = 5;
    s.sinks = s.after = true;
    s.activation = EDGE_LLM_OFFLOAD_GELU;
    s.key_type = F32;
    s.rope = 32;
    s.rope_offset = 16;
    s.residual = 0.4f;
    compare("windows, sinks, softcaps, norms behind", s, 75);
    s = Shape{};
    s.topology = EDGE_LLM_OFFLOAD_PARALLEL;
    s.network = EDGE_LLM_OFFLOAD_PLAIN;
    s.activation = EDGE_LLM_OFFLOAD_RELU_SQUARED;
    s.norm = s.head_norm = EDGE_LLM_OFFLOAD_NORM_LAYER;
    s.biases = s.whole_head_norm = true;
    s.network_norm = false;
    s.halves = 0;
    s.hidden = 100;
    s.width = 130;
    s.key_dim = 36;
    s.value_dim = 20;
    s.rope = 36;
    s.heads = s.kv_heads = 3;
    s.vocabulary = 33;
    s.value_type = F32;
    compare("parallel, plain, LayerNorm, biases, odd sizes", s, 66);
    s.activation = EDGE_LLM_OFFLOAD_RELU;
    s.network_norm = s.after = true;
    s.rope = 0;
    compare("parallel with two norms, RELU", s, 5);
    s = Shape{};
    s.flags = EDGE_LLM_OFFLOAD_HOST_MIXER;
    compare("a mixer of the host's", s, 10);
    s.flags = EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD;
    s.after = true;
    compare("a network of the host's", s, 10);
    s = Shape{};
    s.layers = 0;
    compare("the output alone", s, 10);
}
