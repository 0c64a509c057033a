/* The host's functions, and what all checks need. */
#include "host.h"

#include <dlfcn.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

edge_llm_offload_plugin plugin;
bool exact;
static atomic_long checks;
static atomic_int failures;
static const char *the_context = "";

bool check(bool passed, const char *what, const char *file, int line)
{
    checks++;
    if (passed) return true;
    if (failures++ < 20) printf("%s: %s:%d: %s\n", the_context, file, line, what);
    return false;
}

void check_context(const char *what)
{
    the_context = what;
}

int check_failures(void)
{
    return failures;
}

long check_count(void)
{
    return checks;
}

bool same(const float *found, const float *expected, int64_t n)
{
    float largest = 0, difference = 0;
    if (exact) return memcmp(found, expected, (size_t)n * sizeof *found) == 0;
    for (int64_t i = 0; i < n; i++)
    {
        largest = fmaxf(largest, fabsf(expected[i]));
        if (!(fabsf(found[i] - expected[i]) <= difference)) difference = fabsf(found[i] - expected[i]);
    }
    return difference <= 0.02f * largest;
}

static void log_text(void *context, int32_t level, const char *text)
{
    (void)context;
    if (level <= 2) printf("log %d: %s\n", level, text);
}

static int32_t is_cancelled(void *context, void *batch_context)
{
    (void)context;
    host_state *state = batch_context;
    if (!state) return 0;
    state->asked++;
    return state->cancel;
}

static int position_of(const edge_llm_offload_batch *b, int row)
{
    for (int i = 0; i < b->run_count; i++)
        if (row >= b->runs[i].row && row < b->runs[i].row + b->runs[i].rows) return b->runs[i].position + row - b->runs[i].row;
    return -1;
}

static edge_llm_offload_status host_part(void *context, void *batch_context, int32_t layer, int32_t part, int32_t rows, const float *in, float *out,
    edge_llm_offload_error *error)
{
    (void)context;
    host_state *state = batch_context;
    const test_model *m = state->text->m;
    const shape *s = &m->s;
    state->parts++;
    if (state->fails)
    {
        snprintf(error->text, sizeof error->text, "the host's part fails");
        return state->fails;
    }
    int width = part == EDGE_LLM_OFFLOAD_HOST_MIXER ? s->heads * s->key_dim + s->kv_heads * (s->key_dim + s->value_dim) : s->hidden;
    int result = part == EDGE_LLM_OFFLOAD_HOST_MIXER ? s->heads * s->value_dim : s->hidden;
    if (!CHECK(rows == state->batch->rows || rows == state->batch->output_count)) return EDGE_LLM_OFFLOAD_INVALID_ARGUMENT;
    for (int row = 0; row < rows; row++)
        if (part == EDGE_LLM_OFFLOAD_HOST_MIXER) defined_mixer(state->text, layer, position_of(state->batch, row), in + row * width, out + row * result);
        else defined_network(m, layer, in + row * width, out + row * result);
    return EDGE_LLM_OFFLOAD_OK;
}

const edge_llm_offload_host host = {sizeof host, EDGE_LLM_OFFLOAD_ABI_MINOR, NULL, log_text, is_cancelled, host_part};

void host_load(const char *path)
{
    edge_llm_offload_error e = {.struct_size = sizeof e};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, EDGE_LLM_OFFLOAD_ENTRY) : NULL;
    if (!symbol)
    {
        printf("conform: %s\n", dlerror());
        exit(2);
    }
    edge_llm_offload_plugin_fn entry;
    memcpy(&entry, &symbol, sizeof entry);
    struct {
        edge_llm_offload_plugin table;
        void *later[4];
    } longer;
    memset(&longer, 0, sizeof longer);
    longer.table.struct_size = sizeof longer; /* a later host's */
    CHECK(entry(&host, &longer.table, &e) == EDGE_LLM_OFFLOAD_OK && longer.table.struct_size >= sizeof plugin && longer.table.destroy);
    plugin.struct_size = sizeof plugin;
    edge_llm_offload_status s = entry(&host, &plugin, &e);
    if (s == EDGE_LLM_OFFLOAD_OK && plugin.struct_size == sizeof plugin) return;
    printf("conform: %s: status %d, a table of %u bytes: %s\n", path, s, plugin.struct_size, e.text);
    exit(2);
}

edge_llm_offload_stage *make_stage(const description *d)
{
    edge_llm_offload_stage *stage = NULL;
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_status s = plugin.create(0, &d->d, &stage, &e);
    if (s != EDGE_LLM_OFFLOAD_OK) printf("create: status %d: %s\n", s, e.text);
    CHECK(s == EDGE_LLM_OFFLOAD_OK && stage);
    return stage;
}

edge_llm_offload_status try_stage(const description *d)
{
    edge_llm_offload_stage *stage = NULL;
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_status s = plugin.create(0, &d->d, &stage, &e);
    if (s == EDGE_LLM_OFFLOAD_OK) plugin.destroy(stage);
    else CHECK(e.text[0] != 0 && memchr(e.text, 0, sizeof e.text));
    return s;
}
