// The plug-in over the fake driver: a matrix of every format, and every fault.
//     plugin_tests PLUGIN.so            all of it
//     plugin_tests PLUGIN.so devices    only says what devices there are (FAKE_CUDA: see fakecuda.cpp)
#include "checking.h"
#include "small_model.h"
#include <dlfcn.h>

static edge_llm_offload_plugin plugin;
static void (*set_faults)(const char*);
static size_t (*left)(int* pieces, int* contexts, int* others);
static int (*count_of)(const char*);
static edge_llm_offload_error error;
static int cancelAt = -1;

static void log_line(void*, int32_t, const char* line) { printf("log: %s\n", line); }
static int32_t cancelled(void*, void*) { return cancelAt >= 0 && cancelAt-- == 0; }
static edge_llm_offload_host host = {sizeof host, 0, nullptr, log_line, cancelled, nullptr};

static void nothing_left(const std::string& when)
{
    int pieces = 0, contexts = 0, others = 0;
    size_t bytes = left(&pieces, &contexts, &others);
    check(bytes == 0 && pieces == 0 && contexts == 0 && others == 0,
        when + ": " + std::to_string(bytes) + " bytes, " + std::to_string(pieces) + " pinned pieces, " + std::to_string(contexts) + " contexts, " + std::to_string(others) + " other things left");
}
// A status, with a text to it.
static void fails(edge_llm_offload_status got, edge_llm_offload_status want, const std::string& when)
{
    check(got == want && (want == 0 || error.text[0]), when + ": status " + std::to_string(got) + " (" + error.text + "), expected " + std::to_string(want));
    error.text[0] = 0;
}

struct Run { std::vector<float> x, want; };
static Run text_of(const SmallModel& m, int rows)
{
    Run r{floats((size_t)rows * SmallModel::Hidden), std::vector<float>((size_t)rows * SmallModel::Vocabulary)};
    SmallModel::Text text;
    for (int i = 0; i < rows; i++)
        m.row(text, std::vector<float>(&r.x[i * SmallModel::Hidden], &r.x[i * SmallModel::Hidden] + SmallModel::Hidden), &r.want[i * SmallModel::Vocabulary]);
    return r;
}
static edge_llm_offload_status forward(edge_llm_offload_stage* s, const float* x, int position, int rows, float* out)
{
    static const int32_t table[] = {3, 1, 2};
    static const int32_t* const tables[] = {table};
    int32_t all[SmallModel::MaxRows];
    for (int i = 0; i < rows; i++) all[i] = i;
    edge_llm_offload_run run = {0, rows, position, 0, tables};
    edge_llm_offload_batch b;
    memset((void*)&b, 0, sizeof b);
    b.struct_size = sizeof b;
    b.rows = b.output_count = rows;
    b.run_count = 1;
    b.hidden_stride = SmallModel::Hidden;
    b.out_stride = SmallModel::Vocabulary;
    b.hidden = x;
    b.out = out;
    b.output_rows = all;
    b.runs = &run;
    return plugin.forward(s, &b, &error);
}
static edge_llm_offload_stage* create(const SmallModel& m, edge_llm_offload_status want, const std::string& when)
{
    edge_llm_offload_stage* s = nullptr;
    fails(plugin.create(0, &m.desc, &s, &error), want, when);
    return s;
}

// A prompt, then tokens one by one: graphs, or launches where streams cannot be captured.
static void formats(const SmallModel& m, const Run& r, const char* faults, int graphs)
{
    set_faults(faults);
    edge_llm_offload_stage* s = create(m, 0, "create");
    if (!s) return;
    std::vector<float> out(r.want.size(), NAN);
    fails(forward(s, r.x.data(), 0, 17, out.data()), 0, "a prompt");
    for (int i = 17; i < 20; i++) fails(forward(s, &r.x[i * SmallModel::Hidden], i, 1, &out[i * SmallModel::Vocabulary]), 0, "a token");
    check(std::string("logits ") + faults, out.data(), r.want.data(), out.size());
    check(count_of("graphs") == graphs, std::string("graphs ") + faults + ": " + std::to_string(count_of("graphs")));
    edge_llm_offload_stage_info info = {};
    info.struct_size = sizeof info;
    fails(plugin.info(s, &info, &error), 0, "info");
    check(info.exact && info.forwards == 4 && info.rows == 20 && info.launches > 0 && info.weight_bytes > 0 && info.cache_bytes > 0, "info");
    plugin.destroy(s);
    set_faults("");
    nothing_left("after a stage");
}

// Sequences whose tables together are longer than the room that create made for them.
static void long_tables(const SmallModel& m)
{
    const int Runs = 12, Position = 64 * 40 + 3;
    edge_llm_offload_stage* s = create(m, 0, "create");
    if (!s) return;
    std::vector<std::vector<int32_t>> tables(Runs);
    std::vector<const int32_t*> pointers(Runs);
    std::vector<edge_llm_offload_run> runs(Runs);
    std::vector<float> x = floats((size_t)Runs * SmallModel::Hidden), out((size_t)Runs * SmallModel::Vocabulary, NAN), want = out;
    std::vector<int32_t> all(Runs);
    SmallModel::Text zeros; // nobody has written the blocks before
    for (int i = 0; i < SmallModel::Layers; i++)
    {
        zeros.keys[i].assign(Position, std::vector<float>(SmallModel::KvHeads * SmallModel::Dim));
        zeros.values[i] = zeros.keys[i];
    }
    for (int i = 0; i < Runs; i++)
    {
        for (int b = 0; b < 40; b++) tables[i].push_back(b);
        tables[i].push_back(40 + i);
        pointers[i] = tables[i].data();
        runs[i] = {i, 1, Position, 0, &pointers[i]};
        all[i] = i;
        SmallModel::Text text = zeros;
        m.row(text, std::vector<float>(&x[i * SmallModel::Hidden], &x[i * SmallModel::Hidden] + SmallModel::Hidden), &want[i * SmallModel::Vocabulary]);
    }
    edge_llm_offload_batch b;
    memset((void*)&b, 0, sizeof b);
    b = {sizeof b, 0, Runs, Runs, 0, Runs, SmallModel::Hidden, SmallModel::Vocabulary, x.data(), out.data(), all.data(), runs.data(), nullptr, nullptr};
    fails(plugin.forward(s, &b, &error), 0, "long tables");
    check("long tables", out.data(), want.data(), out.size());
    plugin.destroy(s);
    nothing_left("after long tables");
}

// Every n-th call of a kind fails, for each n that there is, while a stage is made.
static void failing_creates(const SmallModel& m, const char* what, edge_llm_offload_status want)
{
    set_faults("");
    edge_llm_offload_stage* s = create(m, 0, "create");
    int calls = count_of(what);
    plugin.destroy(s);
    check(calls > 0, std::string(what) + ": none");
    for (int n = 1; n <= calls; n++)
    {
        std::string fault = std::string(what) + "=" + std::to_string(n);
        set_faults(fault.c_str());
        s = create(m, want, fault);
        check(s == nullptr, fault + ": a stage");
        set_faults("");
        nothing_left(fault);
    }
}

// The same while a batch runs: the stage is of no use then, and another one can be made.
static void failing_batches(const SmallModel& m, const Run& r, const char* what, int step)
{
    int calls = 1;
    for (int n = 0; n <= calls; n += step)
    {
        set_faults("");
        edge_llm_offload_stage* s = create(m, 0, "create");
        if (!s) return;
        std::string fault = std::string(what) + "=" + std::to_string(n); // 0: none fails, to count them
        set_faults(fault.c_str());
        std::vector<float> out(r.want.size(), NAN);
        edge_llm_offload_status status = forward(s, r.x.data(), 0, 3, out.data());
        if (status == 0) status = forward(s, &r.x[3 * SmallModel::Hidden], 3, 1, out.data());
        if (n == 0) calls = count_of(what);
        fails(status, n == 0 || n > calls ? 0 : EDGE_LLM_OFFLOAD_DEVICE_LOST, fault);
        std::vector<char> block(m.group.block_bytes);
        if (n > 0 && n <= calls)
        {
            fails(forward(s, r.x.data(), 0, 3, out.data()), EDGE_LLM_OFFLOAD_DEVICE_LOST, fault + ", afterwards");
            fails(plugin.block_read(s, 0, 0, block.data(), block.size(), &error), EDGE_LLM_OFFLOAD_DEVICE_LOST, fault + ", block_read");
        }
        plugin.destroy(s);
        set_faults("");
        nothing_left(fault);
    }
}

// Queries, keys and values of one type are one launch, and so are gate and up.
static void joined_products(int first, int step, uint64_t launches)
{
    SmallModel m(first, step);
    Run r = text_of(m, 3);
    edge_llm_offload_stage* s = create(m, 0, "create");
    if (!s) return;
    std::vector<float> out(r.want.size(), NAN);
    fails(forward(s, r.x.data(), 0, 3, out.data()), 0, "a prompt");
    check("joined products", out.data(), r.want.data(), out.size());
    edge_llm_offload_stage_info info = {};
    info.struct_size = sizeof info;
    fails(plugin.info(s, &info, &error), 0, "info");
    check(info.launches == launches, "launches: " + std::to_string(info.launches));
    plugin.destroy(s);
    nothing_left("after joined products");
}

// Two stages of one model have its weights once, those of another model or of none at the same place do not; the first one may end first. A lost
// device's are nobody's.
static void shared_weights(SmallModel& m, const Run& r)
{
    int pieces, contexts, others;
    auto used = [&] { return left(&pieces, &contexts, &others); };
    auto planned = [&]
    {
        std::vector<uint8_t> verdicts(m.tensors.size());
        uint64_t bytes[SmallModel::Layers] = {};
        edge_llm_offload_plan p = {};
        p.struct_size = sizeof p;
        p.verdicts = verdicts.data();
        p.layer_bytes = bytes;
        fails(plugin.plan(0, &m.desc, &p, &error), 0, "plan");
        return bytes[0] + bytes[1] + p.output_bytes;
    };
    m.desc.model = 7;
    uint64_t alone = planned(), cache = (uint64_t)m.group.block_bytes * m.group.blocks;
    edge_llm_offload_stage* a = create(m, 0, "the first");
    size_t one = used();
    check(planned() == cache, "planned: the cache only");
    edge_llm_offload_stage* b = create(m, 0, "the second");
    check(one - (used() - one) == alone - cache, "the second takes no weights: " + std::to_string(one) + ", " + std::to_string(used()) + " for both");
    m.desc.model = 8;
    check(planned() == alone, "planned: another model");
    edge_llm_offload_stage* c = create(m, 0, "another model");
    m.desc.model = 0;
    edge_llm_offload_stage* d = create(m, 0, "no model");
    check(used() == 4 * one - (alone - cache), "others have their own");
    plugin.destroy(c);
    plugin.destroy(d);
    plugin.destroy(a);
    std::vector<float> out(r.want.size(), NAN);
    fails(forward(b, r.x.data(), 0, 3, out.data()), 0, "the second, alone");
    check("the second, alone", out.data(), r.want.data(), 3 * SmallModel::Vocabulary);
    m.desc.model = 7;
    set_faults("launch=1");
    fails(forward(b, r.x.data(), 3, 1, out.data()), EDGE_LLM_OFFLOAD_DEVICE_LOST, "lost");
    check(planned() == alone, "planned: after a lost device");
    plugin.destroy(b);
    set_faults("");
    nothing_left("after shared weights");
    m.desc.model = 0;
}

static void cancelling(const SmallModel& m, const Run& r)
{
    edge_llm_offload_stage* s = create(m, 0, "create");
    if (!s) return;
    std::vector<float> out(r.want.size(), NAN);
    for (int at = 0; at < SmallModel::Layers; at++)
    {
        cancelAt = at;
        fails(forward(s, r.x.data(), 0, 10, out.data()), EDGE_LLM_OFFLOAD_CANCELLED, "cancelled before layer " + std::to_string(at));
    }
    cancelAt = -1;
    fails(forward(s, r.x.data(), 0, 10, out.data()), 0, "after a cancelled batch");
    check("after a cancelled batch", out.data(), r.want.data(), 10 * SmallModel::Vocabulary);
    plugin.destroy(s);
    nothing_left("after cancelled batches");
}

static int devices()
{
    int32_t n = -1;
    fails(plugin.device_count(&n, &error), 0, "device_count");
    printf("%d devices\n", n);
    for (int i = 0; i < n; i++)
    {
        edge_llm_offload_device_info info = {};
        info.struct_size = sizeof info;
        fails(plugin.device_info(i, &info, &error), 0, "device_info");
        printf("%s, %s, exact %u, %s\n", info.name, info.driver, info.exact, info.note[0] ? info.note : "no note");
        SmallModel m(0);
        std::vector<uint8_t> verdicts(m.tensors.size());
        uint64_t bytes[SmallModel::Layers] = {};
        edge_llm_offload_plan p = {};
        p.struct_size = sizeof p;
        p.verdicts = verdicts.data();
        p.layer_bytes = bytes;
        fails(plugin.plan(i, &m.desc, &p, &error), 0, "plan");
        printf("plan: from layer %d, output %u, %s\n", p.first_layer, p.takes_output, p.reason[0] ? p.reason : "no reason");
        if (info.exact) continue;
        edge_llm_offload_stage* s = nullptr;
        fails(plugin.create(i, &m.desc, &s, &error), EDGE_LLM_OFFLOAD_UNSUPPORTED, "create");
    }
    return failures != 0;
}

int main(int count, char** arguments)
{
    void* library = count > 1 ? dlopen(arguments[1], RTLD_NOW) : nullptr;
    auto entry = library ? (edge_llm_offload_plugin_fn)dlsym(library, EDGE_LLM_OFFLOAD_ENTRY) : nullptr;
    if (!entry) return printf("no plug-in: %s\n", count > 1 ? dlerror() : "plugin_tests PLUGIN.so [devices]"), 2;
    error.struct_size = sizeof error;
    plugin.struct_size = 16;
    fails(entry(&host, &plugin, &error), EDGE_LLM_OFFLOAD_UNSUPPORTED, "a table that is too short");
    plugin.struct_size = sizeof plugin;
    fails(entry(&host, &plugin, &error), 0, "the entry");
    if (count > 2) return devices();

    void* fake = dlopen("libcuda.so.1", RTLD_NOW);
    *(void**)&set_faults = fake ? dlsym(fake, "fake_cuda_set") : nullptr;
    if (!set_faults) return printf("libcuda.so.1 is not the fake one\n"), 2;
    *(void**)&left = dlsym(fake, "fake_cuda_left");
    *(void**)&count_of = dlsym(fake, "fake_cuda_count");
    int32_t n = 0;
    fails(plugin.device_count(&n, &error), 0, "device_count");
    edge_llm_offload_device_info info = {};
    info.struct_size = sizeof info;
    for (const char* fault : {"oom=1", "oom=2", "module=1", "launch=1", "kernel=1", "copy=2"})
    {
        set_faults(fault);
        edge_llm_offload_status s = plugin.device_info(0, &info, &error);
        check(s != 0 && error.text[0], std::string("a self-test with ") + fault);
        set_faults("");
        nothing_left(fault);
    }
    fails(plugin.device_info(0, &info, &error), 0, "device_info");
    check(info.exact && info.free_bytes > 0 && !info.note[0], std::string("exact: ") + info.note);

    bool old = getenv("FAKE_CUDA") && strstr(getenv("FAKE_CUDA"), "cc=7");
    for (const char* kernel : {"gemv_f16_1", "gemv_q8_0_4", "gemm_q8_0", "gemv_q4_k_1", "gemm_q4_k", "gemm_q6_k"}) // in the order of formats: what is proven is not tried again
    {
        if (old && strstr(kernel, "gemm")) continue;
        set_faults((std::string("wrong=") + kernel).c_str());
        check(create(SmallModel(0), EDGE_LLM_OFFLOAD_UNSUPPORTED, std::string("wrong results of ") + kernel) == nullptr, "a stage with wrong results");
        set_faults("");
        nothing_left(kernel);
    }
    joined_products(0, 1, 34);
    for (int first : {0, 3, 6}) joined_products(first, 0, 28);
    for (int first : {0, 3})
    {
        SmallModel m(first);
        Run r = text_of(m, 20);
        formats(m, r, "", 3);
        if (first > 0) continue;
        formats(m, r, "capture=1", 0);
        formats(m, r, "instantiate=1", 0);
        long_tables(m);
        cancelling(m, r);
        shared_weights(m, r);
        failing_creates(m, "oom", EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
        failing_creates(m, "module", EDGE_LLM_OFFLOAD_UNSUPPORTED);
        failing_creates(m, "copy", EDGE_LLM_OFFLOAD_DEVICE_LOST);
        failing_batches(m, r, "copy", 1);
        failing_batches(m, r, "launch", 7);
        failing_batches(m, r, "kernel", 9);
    }
    printf("%d checks of the plug-in, %d wrong\n", checks, failures);
    return failures != 0;
}
