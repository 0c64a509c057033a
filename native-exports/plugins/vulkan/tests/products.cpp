// Products of each format, each bit as its definition gives it: stages that have an output matrix and nothing else.
#include "definitions.h"
#include "test.h"

// A few rows of activations of each kind: usual, tiny, huge, with zeros, one value that outweighs all.
static std::vector<float> activations(TestModel& m, int rows)
{
    std::vector<float> x((size_t)rows * m.shape.hidden);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < m.shape.hidden; i++)
        {
            float v = m.value();
            if (r == 1) v *= 1e-32f;
            if (r == 2) v *= 1e18f;
            if (r == 3 && i / 32 % 2) v = i % 3 ? 0.0f : -0.0f;
            if (r == 4 && i == 7) v = 1e6f;
            x[(size_t)r * m.shape.hidden + i] = v;
        }
    return x;
}

static void compare(uint32_t type, int width, int rows, int tokens)
{
    Shape s;
    s.layers = 0;
    s.hidden = width;
    s.vocabulary = rows;
    s.output = type;
    s.norm = 0;
    s.max_rows = tokens;
    TestModel m(s, (int)type + width);
    m.desc.group_count = 0;
    m.desc.rope_count = 0;
    edge_llm_offload_stage* stage = nullptr;
    CHECK(plugin.create(0, &m.desc, &stage, &error) == 0);
    if (!stage) return;
    std::vector<float> x = activations(m, tokens), out;
    CHECK(m.step(plugin, stage, 0, tokens, {0}, x.data(), out, error) == 0);
    const edge_llm_offload_tensor& w = m.tensors[m.desc.output.weight - 1];
    int wrong = 0;
    for (int t = 0; t < tokens; t++)
        for (int r = 0; r < rows; r++)
        {
            float want = defined_product(type, (const uint8_t*)w.data + r * w.row_bytes, width, &x[(size_t)t * width]);
            wrong += memcmp(&want, &out[(size_t)t * (rows + 3) + r], 4) != 0;
        }
    if (wrong) printf("type %u, %d x %d, %d tokens: %d of %d differ\n", type, rows, width, tokens, wrong, rows * tokens);
    CHECK(wrong == 0);
    plugin.destroy(stage);
}

void test_products()
{
    for (uint32_t type : {F32, F16}) compare(type, 75, 37, 5), compare(type, 640, 70, 9);
    for (uint32_t type : {Q4_0, Q8_0}) compare(type, 32, 70, 5), compare(type, 608, 131, 9), compare(type, 8192, 6, 5);
    for (uint32_t type : {Q2_K, Q3_K, Q4_K, Q5_K, Q6_K}) compare(type, 256, 133, 5), compare(type, 2560, 30, 19), compare(type, 36864, 3, 5);
}
