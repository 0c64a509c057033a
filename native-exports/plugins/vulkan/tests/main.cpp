// Tests of the plug-in on the first device that there is: main REFERENCE [--short], the plug-in in plain C. --short: what the slow layer checks.
// main --modes TO FROM: SPIR-V with all modes of floats.
#include "modes.h"
#include "test.h"
#include <dlfcn.h>
#include <cstdlib>

int checks, failures, host_calls;
bool cancel;
edge_llm_offload_plugin plugin{}, reference{};
edge_llm_offload_error error{};

void check(bool holds, const char* file, int line, const char* what)
{
    checks++;
    if (holds) return;
    failures++;
    printf("%s:%d: %s (%s)\n", file, line, what, error.text);
}

static void log(void*, int32_t, const char*) {}
static int32_t cancelled(void*, void*) { return cancel; }
static edge_llm_offload_status host_part(void*, void* context, int32_t layer, int32_t part, int32_t rows, const float* in, float* out, edge_llm_offload_error*)
{
    const Shape& s = *(const Shape*)context;
    int in_width = part == EDGE_LLM_OFFLOAD_HOST_MIXER ? s.heads * s.key_dim + s.kv_heads * (s.key_dim + s.value_dim) : s.hidden;
    int out_width = part == EDGE_LLM_OFFLOAD_HOST_MIXER ? s.heads * s.value_dim : s.hidden;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < out_width; i++) out[r * out_width + i] = in[r * in_width + (i * 7 + layer) % in_width] * 0.5f;
    host_calls++;
    return EDGE_LLM_OFFLOAD_OK;
}
static const edge_llm_offload_host host{sizeof host, 0, nullptr, log, cancelled, host_part};

extern "C" edge_llm_offload_status edge_llm_offload_plugin_v1(const edge_llm_offload_host*, edge_llm_offload_plugin*, edge_llm_offload_error*);

// The self-test's shader with all modes, for spirv-val.
static int write_modes(const char* path, const char* source)
{
    std::vector<uint32_t> code(1 << 20);
    FILE* file = fopen(source, "rb");
    size_t words = file ? fread(code.data(), 4, code.size(), file) : 0;
    if (file) fclose(file);
    code = with_modes(code.data(), words, KeepSubnormals | KeepSpecial | RoundToEven);
    file = fopen(path, "wb");
    bool written = words > 0 && file && fwrite(code.data(), 4, code.size(), file) == code.size();
    if (file) fclose(file);
    return !written;
}

int main(int count, char** arguments)
{
    if (count == 4 && !strcmp(arguments[1], "--modes")) return write_modes(arguments[2], arguments[3]);
    error.struct_size = sizeof error;
    void* library = count > 1 ? dlopen(arguments[1], RTLD_NOW) : nullptr;
    auto entry = library ? (edge_llm_offload_plugin_fn)dlsym(library, EDGE_LLM_OFFLOAD_ENTRY) : nullptr;
    if (!entry) { printf("the reference plug-in: %s\n", count > 1 ? dlerror() : "no path"); return 2; }
    reference.struct_size = plugin.struct_size = sizeof plugin;
    CHECK(entry(&host, &reference, &error) == 0);
    edge_llm_offload_plugin small{};
    small.struct_size = 16;
    CHECK(edge_llm_offload_plugin_v1(&host, &small, &error) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
    CHECK(edge_llm_offload_plugin_v1(&host, &plugin, &error) == 0);
    int32_t devices = 0;
    CHECK(plugin.device_count(&devices, &error) == 0);
    if (devices == 0) { printf("no Vulkan device (Debian: mesa-vulkan-drivers has one in software)\n"); return 77; }
    edge_llm_offload_device_info info{};
    info.struct_size = sizeof info;
    CHECK(plugin.device_info(0, &info, &error) == 0);
    printf("%s, %s%s%s\n", info.name, info.exact ? "exact" : "not exact", info.note[0] ? ": " : "", info.note);
    CHECK(info.exact == 1);
    if (!info.exact) return 1;
    test_products();
    test_models(count < 3);
    test_stages();
    if (count < 3) test_faults();
    if (failures) printf("%d of %d checks failed\n", failures, checks);
    else printf("%d checks passed\n", checks);
    return failures != 0;
}
