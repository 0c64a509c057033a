/* Each fault that EDGE_LLM_REFERENCE_FAULT can ask for: faults PLUGIN.so */
#include <dlfcn.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static const int32_t table[] = {1, 0};
static const test_model *m;
static description d;

static void ask(const char *fault)
{
    check_context(fault);
    setenv("EDGE_LLM_REFERENCE_FAULT", fault, 1);
}

static edge_llm_offload_status forward(edge_llm_offload_stage *stage, float *logits)
{
    piece p = {m->hidden[0], 0, 1, table};
    test_batch b;
    batch_make(m, &p, 1, true, logits, &b);
    edge_llm_offload_status s = batch_run(stage, &b);
    batch_free(&b);
    return s;
}

/* The statuses of three forwards with a fault. */
static void expect_forwards(const char *fault, const edge_llm_offload_status *expected)
{
    float logits[64];
    ask(fault);
    edge_llm_offload_stage *stage = make_stage(&d);
    for (int i = 0; i < 3; i++) CHECK(forward(stage, logits) == expected[i]);
    plugin.destroy(stage);
}

static void check_forwards(void)
{
    enum { OK = EDGE_LLM_OFFLOAD_OK, FAILS = EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, LOST = EDGE_LLM_OFFLOAD_DEVICE_LOST };
    float logits[64];
    expect_forwards("forward@2", (const edge_llm_offload_status[]){OK, FAILS, OK});
    expect_forwards("forward", (const edge_llm_offload_status[]){FAILS, FAILS, FAILS});
    expect_forwards("lost@2", (const edge_llm_offload_status[]){OK, LOST, LOST});
    expect_forwards("count,lost@3", (const edge_llm_offload_status[]){OK, OK, LOST});
    expect_forwards("lost-call@3", (const edge_llm_offload_status[]){OK, OK, LOST});
    ask("nan@2");
    edge_llm_offload_stage *stage = make_stage(&d);
    for (int i = 0; i < 3; i++) CHECK(forward(stage, logits) == OK && isnan(logits[0]) == (i == 1));
    plugin.destroy(stage);
}

static void check_blocks(void)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_stage_info info = {.struct_size = sizeof info};
    uint64_t bytes = d.groups[0].block_bytes;
    char *memory = calloc(1, bytes);
    float logits[64];
    static const char *const faults[] = {"block-copy", "block-read", "block-write", "lost", "lost-call@2"};
    for (int i = 0; i < 5; i++)
    {
        ask(faults[i]);
        edge_llm_offload_stage *stage = make_stage(&d);
        bool lost = i >= 3;
        if (lost) CHECK(forward(stage, logits) == (i == 3 ? EDGE_LLM_OFFLOAD_DEVICE_LOST : EDGE_LLM_OFFLOAD_OK));
        CHECK((plugin.block_copy(stage, 0, 0, 1, &e) == EDGE_LLM_OFFLOAD_OK) == (i != 0 && !lost));
        CHECK((plugin.block_read(stage, 0, 0, memory, bytes, &e) == EDGE_LLM_OFFLOAD_OK) == (i != 1 && !lost));
        CHECK((plugin.block_write(stage, 0, 0, memory, bytes, &e) == EDGE_LLM_OFFLOAD_OK) == (i != 2 && !lost));
        CHECK((plugin.info(stage, &info, &e) == EDGE_LLM_OFFLOAD_OK) == !lost);
        plugin.destroy(stage);
    }
    free(memory);
}

static edge_llm_offload_device_info device(int32_t number)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_device_info info = {.struct_size = sizeof info};
    CHECK(plugin.device_info(number, &info, &e) == EDGE_LLM_OFFLOAD_OK);
    return info;
}

static void check_memory(void)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    int32_t count;
    ask("memory");
    CHECK(device(0).free_bytes == (uint64_t)1 << 40 && try_stage(&d) == EDGE_LLM_OFFLOAD_OUT_OF_MEMORY);
    ask("memory-bytes=1000");
    CHECK(device(0).free_bytes == 1000 && device(0).total_bytes == 1000 && try_stage(&d) == EDGE_LLM_OFFLOAD_OUT_OF_MEMORY && device(0).free_bytes == 1000);
    ask("devices=3,memory-bytes=100000000");
    CHECK(plugin.device_count(&count, &e) == EDGE_LLM_OFFLOAD_OK && count == 3);
    edge_llm_offload_stage *stage = NULL;
    CHECK(plugin.create(2, &d.d, &stage, &e) == EDGE_LLM_OFFLOAD_OK);
    CHECK(device(2).free_bytes < 100000000 && device(1).free_bytes == 100000000);
    plugin.destroy(stage);
    CHECK(device(2).free_bytes == 100000000);
    ask("devices=2,memory-bytes=1000,silent=1,gpu");
    CHECK(device(0).free_bytes == 1000 && device(1).free_bytes == 0 && device(1).total_bytes == 0 && device(0).kind == EDGE_LLM_OFFLOAD_DISCRETE_GPU);
    edge_llm_offload_device_info info = {.struct_size = sizeof info};
    ask("devices=2,device=1");
    CHECK(plugin.device_info(0, &info, &e) == EDGE_LLM_OFFLOAD_OK && plugin.device_info(1, &info, &e) != EDGE_LLM_OFFLOAD_OK);
    ask("count");
    CHECK(plugin.device_count(&count, &e) != EDGE_LLM_OFFLOAD_OK);
    ask("create");
    CHECK(try_stage(&d) != EDGE_LLM_OFFLOAD_OK);
}

static void check_plans(void)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    uint8_t verdicts[MOST_TENSORS];
    uint64_t bytes[MOST_LAYERS];
    edge_llm_offload_plan p = {.struct_size = sizeof p, .verdicts = verdicts, .layer_bytes = bytes};
    ask("plan");
    CHECK(plugin.plan(0, &d.d, &p, &e) != EDGE_LLM_OFFLOAD_OK);
    ask("exact");
    CHECK(plugin.plan(0, &d.d, &p, &e) == EDGE_LLM_OFFLOAD_OK && !p.exact && !device(0).exact && device(0).note[0]);
    CHECK(try_stage(&d) == EDGE_LLM_OFFLOAD_OK);
    d.d.flags = EDGE_LLM_OFFLOAD_EXACT;
    CHECK(try_stage(&d) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
    d.d.flags = 0;
    ask("output");
    CHECK(plugin.plan(0, &d.d, &p, &e) == EDGE_LLM_OFFLOAD_OK && !p.takes_output && p.first_layer == 0 && p.reason[0] == 0);
    ask("nothing-known");
    CHECK(plugin.plan(0, &d.d, &p, &e) == EDGE_LLM_OFFLOAD_OK && p.exact);
}

/* Loads the library and uses it in a child; how that ended. */
static int in_child(const char *path, const char *fault, bool runs)
{
    float logits[64];
    fflush(stdout);
    ask(fault);
    pid_t child = fork();
    if (child == 0)
    {
        void *symbol, *library = dlopen(path, RTLD_NOW);
        edge_llm_offload_plugin_fn entry;
        edge_llm_offload_plugin p = {.struct_size = sizeof p};
        edge_llm_offload_error e = {.struct_size = sizeof e};
        if (!library || !(symbol = dlsym(library, EDGE_LLM_OFFLOAD_ENTRY))) _exit(3);
        memcpy(&entry, &symbol, sizeof entry);
        if (entry(&host, &p, &e) != EDGE_LLM_OFFLOAD_OK) _exit(4);
        if (p.struct_size != sizeof p) _exit(p.struct_size == offsetof(edge_llm_offload_plugin, forward) && !p.forward && p.create ? 5 : 6);
        plugin = p;
        edge_llm_offload_stage *stage = make_stage(&d);
        for (int i = 0; runs && i < 2; i++) forward(stage, logits);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(int argc, char **argv)
{
    if (argc < 2) return puts("faults PLUGIN.so"), 2;
    test_model *model = model_make(&shapes[0], 1);
    m = model;
    describe(m, 0, m->layer_count, true, &d);
    CHECK(in_child(argv[1], "nothing", true) == 0);
    CHECK(in_child(argv[1], "entry", true) == 4);
    CHECK(in_child(argv[1], "version", true) == 5);
    CHECK(in_child(argv[1], "crash-load", true) == -6);
    CHECK(in_child(argv[1], "crash-forward@2", true) == -6);
    CHECK(in_child(argv[1], "crash-forward@3", true) == 0);
    host_load(argv[1]);
    check_forwards();
    check_blocks();
    check_memory();
    check_plans();
    model_free(model);
    if (check_failures() > 0) return printf("%d of %ld checks failed\n", check_failures(), check_count()), 1;
    return printf("%ld checks passed\n", check_count()), 0;
}
