/* LoRA adapters and overrides of metadata: loaded, applied to contexts and sequences, misused, closed while in use. */
#include "check.h"

#include <math.h>
#include <stddef.h>

#define TOKENS 5
#define ARGUMENT EDGE_LLM_INVALID_ARGUMENT
#define HANDLE EDGE_LLM_INVALID_HANDLE

static const int32_t tokens[TOKENS] = {3, 40, 77, 5, 9};
static size_t vocab;

static edge_llm_adapter *load(edge_llm_model *model, const char *path)
{
    edge_llm_adapter *adapter = NULL;
    OK(edge_llm_adapter_load(model, path, EDGE_LLM_ZERO_TERMINATED, &adapter));
    CHECK(adapter != NULL);
    return adapter;
}

static void logits_of(edge_llm_context *context, int32_t sequence, float *logits)
{
    size_t count;
    OK(edge_llm_context_eval(context, sequence, tokens, TOKENS));
    OK(edge_llm_context_copy_logits(context, 0, logits, vocab, &count));
}

static int same(const float *a, const float *b) { return memcmp(a, b, vocab * sizeof *a) == 0; }

static void loading(edge_llm_model *model, edge_llm_context *context, const char *model_path, const char *path)
{
    edge_llm_adapter *adapter = (edge_llm_adapter *)model, *kept;
    edge_llm_adapter_info info = {.struct_size = sizeof info};
    edge_llm_memory_plan before = {.struct_size = sizeof before}, with = {.struct_size = sizeof with};
    char text[64];
    size_t count;
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_adapter_load(model, "/no/such/file", EDGE_LLM_ZERO_TERMINATED, &adapter));
    CHECK(adapter == NULL);
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_adapter_load(model, model_path, EDGE_LLM_ZERO_TERMINATED, &adapter));
    STATUS(ARGUMENT, edge_llm_adapter_load(model, NULL, 3, &adapter));
    STATUS(ARGUMENT, edge_llm_adapter_load(model, path, EDGE_LLM_ZERO_TERMINATED, NULL));
    STATUS(HANDLE, edge_llm_adapter_load(NULL, path, EDGE_LLM_ZERO_TERMINATED, &adapter));
    STATUS(HANDLE, edge_llm_adapter_load((edge_llm_model *)context, path, EDGE_LLM_ZERO_TERMINATED, &adapter));
    STATUS(HANDLE, edge_llm_adapter_close(NULL));
    STATUS(HANDLE, edge_llm_adapter_close((edge_llm_adapter *)model));
    STATUS(HANDLE, edge_llm_adapter_get_info((edge_llm_adapter *)context, &info));

    OK(edge_llm_model_plan(model, NULL, &before));
    adapter = load(model, path);
    OK(edge_llm_model_plan(model, NULL, &with));
    OK(edge_llm_adapter_get_info(adapter, &info));
    CHECK(info.rank == 4 && info.alpha == 8 && info.tensor_count > 10);
    CHECK(with.weights == before.weights + info.file_bytes && with.activations > before.activations);
    STATUS(ARGUMENT, edge_llm_adapter_get_info(adapter, NULL));
    info.struct_size = 3;
    STATUS(ARGUMENT, edge_llm_adapter_get_info(adapter, &info));
    OK(edge_llm_adapter_metadata(adapter, "adapter.lora.task_name", EDGE_LLM_ZERO_TERMINATED, text, sizeof text, &count));
    CHECK(count == 6 && memcmp(text, "a test", 6) == 0);
    STATUS(EDGE_LLM_BUFFER_TOO_SMALL, edge_llm_adapter_metadata(adapter, "adapter.lora.task_name", EDGE_LLM_ZERO_TERMINATED, text, 5, &count));
    STATUS(ARGUMENT, edge_llm_adapter_metadata(adapter, "none", EDGE_LLM_ZERO_TERMINATED, text, sizeof text, &count));
    kept = adapter;
    OK(edge_llm_adapter_close(adapter));
    STATUS(HANDLE, edge_llm_adapter_close(kept));
    STATUS(HANDLE, edge_llm_adapter_get_info(kept, &info));
}

static void applying(edge_llm_model *model, edge_llm_context *context, const char *path)
{
    float *plain = malloc(vocab * sizeof(float)), *adapted = malloc(vocab * sizeof(float)), *other = malloc(vocab * sizeof(float));
    edge_llm_adapter *adapter = load(model, path);
    edge_llm_adapter_scale one = {adapter, 1, 0}, nothing = {adapter, 0, 0}, wrong = {adapter, (float)NAN, 0}, reserved = {adapter, 1, 1};
    edge_llm_adapter_scale twice[2] = {{adapter, 1, 0}, {adapter, 2, 0}}, no_adapter = {(edge_llm_adapter *)model, 1, 0};
    unsigned char *state;
    size_t count, size;
    logits_of(context, 0, plain);
    OK(edge_llm_context_set_adapters(context, &one, 1));
    logits_of(context, 1, adapted);
    CHECK(!same(plain, adapted));
    OK(edge_llm_sequence_set_adapters(context, 2, &nothing, 1));
    logits_of(context, 2, other);
    CHECK(same(plain, other));
    OK(edge_llm_sequence_set_adapters(context, 3, &one, 0));
    logits_of(context, 3, other);
    CHECK(same(plain, other));
    OK(edge_llm_sequence_remove(context, 3));
    logits_of(context, 3, other);
    CHECK(same(adapted, other));

    STATUS(ARGUMENT, edge_llm_context_set_adapters(context, NULL, 1));
    STATUS(ARGUMENT, edge_llm_context_set_adapters(context, &wrong, 1));
    STATUS(ARGUMENT, edge_llm_context_set_adapters(context, &reserved, 1));
    STATUS(ARGUMENT, edge_llm_context_set_adapters(context, twice, 2));
    STATUS(HANDLE, edge_llm_context_set_adapters(context, &no_adapter, 1));
    STATUS(HANDLE, edge_llm_context_set_adapters(NULL, &one, 1));
    STATUS(ARGUMENT, edge_llm_sequence_set_adapters(context, 0, &one, 1)); /* it holds tokens of the model alone */
    STATUS(ARGUMENT, edge_llm_sequence_set_adapters(context, -1, &one, 1));
    OK(edge_llm_sequence_set_adapters(context, 1, NULL, 0));

    /* A saved state is one of the same adapters. */
    STATUS(EDGE_LLM_BUFFER_TOO_SMALL, edge_llm_state_save(context, 1, NULL, 0, &size));
    state = malloc(size);
    OK(edge_llm_state_save(context, 1, state, size, &count));
    OK(edge_llm_sequence_remove(context, 4));
    OK(edge_llm_state_load(context, 4, state, size));
    OK(edge_llm_sequence_remove(context, 4));
    OK(edge_llm_sequence_set_adapters(context, 4, &nothing, 1));
    STATUS(ARGUMENT, edge_llm_state_load(context, 4, state, size));

    /* One batch of all: each row has its own. */
    {
        const int32_t both[4] = {7, 7, 7, 7}, sequences[4] = {0, 1, 2, 3};
        const uint8_t want[4] = {0, 1, 0, 1};
        OK(edge_llm_context_eval_batch(context, both, sequences, want, 4));
        OK(edge_llm_context_copy_logits(context, 0, adapted, vocab, &count));
        OK(edge_llm_context_copy_logits(context, 1, other, vocab, &count));
        CHECK(same(adapted, other));
    }

    /* Closed in use: its sequences fail, the others go on. */
    OK(edge_llm_adapter_close(adapter));
    STATUS(ARGUMENT, edge_llm_context_eval(context, 1, tokens, 1));
    OK(edge_llm_context_eval(context, 0, tokens, 1));
    STATUS(HANDLE, edge_llm_context_set_adapters(context, &one, 1));
    OK(edge_llm_context_set_adapters(context, NULL, 0));
    OK(edge_llm_sequence_remove(context, 1));
    logits_of(context, 1, other);
    CHECK(same(plain, other));
    free(state);
    free(plain);
    free(adapted);
    free(other);
}

static void overriding(const char *path)
{
    edge_llm_model_options options;
    edge_llm_model_info info = {.struct_size = sizeof info};
    edge_llm_model *model = NULL;
    edge_llm_text texts[2] = {{"general.name=str:other", EDGE_LLM_ZERO_TERMINATED}, {"llama.rope.freq_base=float:500xx", 30}};
    OK(edge_llm_model_options_default(&options, sizeof options));
    CHECK(options.overrides == NULL && options.override_count == 0);
    options.overrides = texts;
    options.override_count = 2;
    OK(edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &options, &model));
    OK(edge_llm_model_get_info(model, &info));
    CHECK(strcmp(info.name, "other") == 0);
    OK(edge_llm_model_close(model));
    texts[0].data = "general.name=text:other";
    STATUS(ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &options, &model));
    texts[0].data = NULL;
    STATUS(ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &options, &model));
    options.overrides = NULL;
    STATUS(ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &options, &model));

    /* A caller of version 1.0 has no such fields; what lies behind its struct is not read. */
    memset(&options, 0xff, sizeof options);
    OK(edge_llm_model_options_default(&options, offsetof(edge_llm_model_options, overrides)));
    CHECK(options.struct_size == offsetof(edge_llm_model_options, overrides) && options.override_count == SIZE_MAX);
    OK(edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &options, &model));
    OK(edge_llm_model_close(model));
    options.struct_size += 8;
    STATUS(ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &options, &model));
}

int main(int argc, char **argv)
{
    edge_llm_model_info info = {.struct_size = sizeof info};
    CHECK(argc == 3);
    edge_llm_model *model = open_model(argv[1]);
    edge_llm_context *context = open_context(model, 64, 2);
    OK(edge_llm_model_get_info(model, &info));
    vocab = (size_t)info.vocab_size;
    OK(edge_llm_context_close(context));
    {
        edge_llm_context_options options;
        OK(edge_llm_context_options_default(&options, sizeof options));
        options.context_size = 64;
        options.max_sequences = 8;
        options.threads = 2;
        OK(edge_llm_context_create(model, &options, &context));
    }
    loading(model, context, argv[1], argv[2]);
    applying(model, context, argv[2]);
    overriding(argv[1]);
    OK(edge_llm_model_close(model)); /* the context keeps it */
    OK(edge_llm_context_eval(context, 0, tokens, 1));
    OK(edge_llm_context_close(context));
    puts("ok");
    return 0;
}
