/* Runs a plug-in against the definition:
 *     conform PLUGIN.so [NAME]      only the models whose names begin with NAME
 * What the plug-in refuses in plan is said and left out; it must take one model at least. */
#include <stdio.h>
#include <string.h>

#include "checks.h"

static bool is_taken(const test_model *m)
{
    description d;
    uint8_t verdicts[MOST_TENSORS];
    uint64_t bytes[MOST_LAYERS] = {0};
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_plan p = {.struct_size = sizeof p, .verdicts = verdicts, .layer_bytes = bytes};
    describe(m, 0, m->layer_count, true, &d);
    edge_llm_offload_status s = plugin.plan(0, &d.d, &p, &e);
    if (!CHECK(s == EDGE_LLM_OFFLOAD_OK)) printf("plan: status %d: %s\n", s, e.text);
    if (s != EDGE_LLM_OFFLOAD_OK) return false;
    exact = p.exact;
    if (p.first_layer == 0 && p.takes_output)
    {
        for (int i = 0; i < m->layer_count; i++) CHECK(bytes[i] >= d.groups[0].block_bytes / (uint64_t)d.groups[0].layers * BLOCKS);
        CHECK(p.output_bytes > 0);
        return true;
    }
    CHECK(p.reason[0] && memchr(p.reason, 0, sizeof p.reason));
    printf("left out: %s: %s\n", m->s.name, p.reason);
    return false;
}

static void check_model(const test_model *m)
{
    defined_text *first = define_text(m, 0, 0, TOKENS), *second = define_text(m, 1, 0, TOKENS), *forked = define_text(m, 1, FORK, TOKENS);
    texts t = {m, first, second, forked};
    check_results(&t);
    check_parts(&t);
    check_cache(&t);
    check_versions(&t);
    check_errors(&t);
    check_threads(&t);
    defined_free(first);
    defined_free(second);
    defined_free(forked);
}

int main(int argc, char **argv)
{
    if (argc < 2) return puts("conform PLUGIN.so [NAME]"), 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    host_load(argv[1]);
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_device_info info = {.struct_size = sizeof info};
    int32_t count = 0, taken = 0, tried = 0;
    if (plugin.device_count(&count, &e) == EDGE_LLM_OFFLOAD_OK && count == 0) return puts("no device"), 77;
    if (!CHECK(plugin.device_info(0, &info, &e) == EDGE_LLM_OFFLOAD_OK)) return printf("device_info: %s\n", e.text), 1;
    printf("%s %s: %s, %s%s%s\n", plugin.name, plugin.version, info.name, info.exact ? "exact" : "not exact", info.note[0] ? ": " : "", info.note);
    for (int i = 0; i < shape_count; i++)
    {
        if (argc > 2 && strncmp(shapes[i].name, argv[2], strlen(argv[2])) != 0) continue;
        tried++;
        check_context(shapes[i].name);
        test_model *m = model_make(&shapes[i], 1u + (uint32_t)i);
        bool takes = is_taken(m);
        if (takes) check_model(m);
        taken += takes;
        model_free(m);
    }
    printf("%d of %d models taken\n", taken, tried);
    CHECK(taken > 0);
    if (check_failures() > 0) return printf("%d of %ld checks failed\n", check_failures(), check_count()), 1;
    printf("%ld checks passed\n", check_count());
    return 0;
}
