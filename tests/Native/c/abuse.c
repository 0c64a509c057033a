/* Every misuse is answered by a status: null pointers, dead handles, wrong sizes, invalid texts, huge counts. */
#include "check.h"

#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

static const edge_llm_status ARGUMENT = EDGE_LLM_INVALID_ARGUMENT, HANDLE = EDGE_LLM_INVALID_HANDLE;

/* Each function of a model or context, with that handle and otherwise sensible arguments, gives the status. */
static void each_model_function(edge_llm_model *model, edge_llm_status expected)
{
    char text[256];
    int32_t tokens[64] = {3, 4, 5};
    size_t count;
    edge_llm_context *context = (edge_llm_context *)(uintptr_t)1;
    edge_llm_model_info info = {.struct_size = sizeof info};
    edge_llm_token_info token = {.struct_size = sizeof token};
    edge_llm_memory_plan plan = {.struct_size = sizeof plan};
    edge_llm_chat_message message = {.role = "user", .role_length = 4, .content = "hi", .content_length = 2};
    STATUS(expected, edge_llm_model_get_info(model, &info));
    STATUS(expected, edge_llm_model_metadata_count(model, &count));
    STATUS(expected, edge_llm_model_metadata_key(model, 0, text, sizeof text, &count));
    STATUS(expected, edge_llm_model_metadata(model, "general.architecture", EDGE_LLM_ZERO_TERMINATED, text, sizeof text, &count));
    STATUS(expected, edge_llm_model_plan(model, NULL, &plan));
    STATUS(expected, edge_llm_tokenize(model, "one", 3, 0, tokens, 64, &count));
    STATUS(expected, edge_llm_detokenize(model, tokens, 3, 0, text, sizeof text, &count));
    STATUS(expected, edge_llm_token_text(model, 3, 0, text, sizeof text, &count));
    STATUS(expected, edge_llm_token_get_info(model, 3, &token));
    STATUS(expected, edge_llm_chat_tokenize(model, &message, 1, NULL, tokens, 64, &count));
    STATUS(expected, edge_llm_chat_render(model, &message, 1, NULL, text, sizeof text, &count));
    STATUS(expected, edge_llm_context_create(model, NULL, &context));
    if (expected != EDGE_LLM_OK) CHECK(context == NULL);
    else OK(edge_llm_context_close(context));
}

static int32_t take(void *user, const edge_llm_piece *piece)
{
    (void)user;
    return piece->token < -1;
}

static void each_context_function(edge_llm_context *context, edge_llm_status expected)
{
    int32_t tokens[512] = {3, 4, 5}, sequences[3] = {0, 1, 0};
    uint8_t want[3] = {0, 1, 1};
    size_t count;
    const float *logits;
    float *numbers = calloc(1 << 16, sizeof(float));
    char *state = malloc(1 << 20);
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, 2);
    edge_llm_context_options context_options = {.struct_size = sizeof context_options};
    edge_llm_context_counters counters = {.struct_size = sizeof counters};
    edge_llm_piece piece = {.struct_size = sizeof piece};
    STATUS(expected, edge_llm_context_cancel(context));
    STATUS(expected, edge_llm_context_set_deadline(context, -1));
    STATUS(expected, edge_llm_context_get_options(context, &context_options));
    STATUS(expected, edge_llm_context_get_counters(context, &counters));
    STATUS(expected, edge_llm_context_eval_batch(context, tokens, sequences, want, 3));
    STATUS(expected, edge_llm_context_eval(context, 0, tokens, 3));
    STATUS(expected, edge_llm_context_logits(context, 0, &logits, &count));
    STATUS(expected, edge_llm_context_copy_logits(context, 0, numbers, 1 << 16, &count));
    STATUS(expected, edge_llm_context_sample(context, 0, 0, NULL, tokens));
    STATUS(expected, edge_llm_context_embed(context, tokens, 3, 1, numbers, 1 << 16, &count));
    /* The model does not rank. */
    STATUS(expected == EDGE_LLM_OK ? EDGE_LLM_INVALID_ARGUMENT : expected, edge_llm_context_rank(context, "one", 3, "two", 3, numbers, 1 << 16, &count));
    STATUS(expected, edge_llm_context_generate(context, tokens, 3, &options, take, NULL));
    STATUS(expected, edge_llm_context_start(context, tokens, 3, &options));
    STATUS(expected, edge_llm_context_next(context, &piece));
    STATUS(expected, edge_llm_sequence_tokens(context, 0, tokens, 512, &count));
    STATUS(expected, edge_llm_sequence_copy(context, 0, 1));
    STATUS(expected, edge_llm_sequence_trim(context, 1, 0));
    STATUS(expected, edge_llm_sequence_remove(context, 1));
    count = 0;
    STATUS(expected, edge_llm_state_save(context, 0, state, 1 << 20, &count));
    STATUS(expected, edge_llm_state_load(context, 0, state, count));
    free(numbers);
    free(state);
}

static void handles(const char *path)
{
    edge_llm_model *model = open_model(path), *other = open_model(path);
    edge_llm_context *context = open_context(model, 128, 1);
    CHECK(model != other);
    each_model_function(model, EDGE_LLM_OK);
    each_context_function(context, EDGE_LLM_OK);

    each_model_function(NULL, HANDLE);
    each_context_function(NULL, HANDLE);
    each_model_function((edge_llm_model *)context, HANDLE); /* of another kind */
    each_context_function((edge_llm_context *)model, HANDLE);
    for (uintptr_t bits = 1; bits; bits <<= 1) { /* never given out */
        each_model_function((edge_llm_model *)((uintptr_t)model ^ bits), HANDLE);
        each_context_function((edge_llm_context *)bits, HANDLE);
    }
    each_model_function((edge_llm_model *)&model, HANDLE);
    each_model_function((edge_llm_model *)UINTPTR_MAX, HANDLE);

    OK(edge_llm_model_close(model)); /* the context holds what it needs */
    each_model_function(model, HANDLE);
    STATUS(HANDLE, edge_llm_model_close(model));
    each_context_function(context, EDGE_LLM_OK);
    OK(edge_llm_context_close(context));
    each_context_function(context, HANDLE);
    STATUS(HANDLE, edge_llm_context_close(context));
    STATUS(HANDLE, edge_llm_context_close(NULL));
    STATUS(HANDLE, edge_llm_model_close(NULL));

    edge_llm_model *next = open_model(path); /* in the place of the closed one, under another name */
    CHECK(next != model);
    each_model_function(model, HANDLE);
    OK(edge_llm_model_close(next));
    OK(edge_llm_model_close(other));
}

static void null_pointers(const char *path)
{
    edge_llm_model *model = open_model(path);
    edge_llm_context *context = open_context(model, 128, 1);
    char text[64];
    int32_t tokens[64] = {3};
    size_t count;
    const char *name;
    const float *logits;
    OK(edge_llm_context_eval(context, 0, tokens, 1));

    STATUS(ARGUMENT, edge_llm_version(NULL));
    STATUS(ARGUMENT, edge_llm_features(NULL));
    STATUS(ARGUMENT, edge_llm_last_error(NULL));
    STATUS(ARGUMENT, edge_llm_status_name(EDGE_LLM_OK, NULL, &count));
    STATUS(ARGUMENT, edge_llm_status_name(EDGE_LLM_OK, &name, NULL));
    STATUS(ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, NULL, NULL));
    edge_llm_model *none = model;
    STATUS(ARGUMENT, edge_llm_model_open(NULL, EDGE_LLM_ZERO_TERMINATED, NULL, &none));
    CHECK(none == NULL);
    STATUS(ARGUMENT, edge_llm_model_open(NULL, 5, NULL, &none));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_model_open(NULL, 0, NULL, &none)); /* an empty name */
    STATUS(ARGUMENT, edge_llm_model_open_memory(NULL, 10, NULL, &none));
    STATUS(ARGUMENT, edge_llm_model_open_memory(path, 10, NULL, NULL));
    STATUS(ARGUMENT, edge_llm_model_get_info(model, NULL));
    STATUS(ARGUMENT, edge_llm_model_metadata_count(model, NULL));
    STATUS(ARGUMENT, edge_llm_model_metadata_key(model, 0, NULL, 10, NULL));
    STATUS(EDGE_LLM_BUFFER_TOO_SMALL, edge_llm_model_metadata_key(model, 0, NULL, 0, &count));
    STATUS(ARGUMENT, edge_llm_model_metadata_key(model, 0, NULL, 1000, &count));
    STATUS(ARGUMENT, edge_llm_model_metadata(model, NULL, 3, text, 64, &count));
    STATUS(ARGUMENT, edge_llm_model_plan(model, NULL, NULL));
    STATUS(ARGUMENT, edge_llm_tokenize(model, NULL, 3, 0, tokens, 64, &count));
    STATUS(ARGUMENT, edge_llm_tokenize(model, "a", 1, 0, tokens, 64, NULL));
    STATUS(ARGUMENT, edge_llm_tokenize(model, "a", 1, 0, NULL, 64, &count));
    STATUS(ARGUMENT, edge_llm_detokenize(model, NULL, 3, 0, text, 64, &count));
    STATUS(ARGUMENT, edge_llm_token_text(model, 3, 0, NULL, 64, &count));
    STATUS(ARGUMENT, edge_llm_token_get_info(model, 3, NULL));
    STATUS(ARGUMENT, edge_llm_chat_tokenize(model, NULL, 1, NULL, tokens, 64, &count));
    STATUS(ARGUMENT, edge_llm_context_create(model, NULL, NULL));
    STATUS(ARGUMENT, edge_llm_context_get_options(context, NULL));
    STATUS(ARGUMENT, edge_llm_context_get_counters(context, NULL));
    STATUS(ARGUMENT, edge_llm_context_eval(context, 0, NULL, 3));
    STATUS(ARGUMENT, edge_llm_context_eval(context, 0, NULL, 0));
    STATUS(ARGUMENT, edge_llm_context_eval_batch(context, NULL, NULL, NULL, 3));
    OK(edge_llm_context_eval_batch(context, tokens, NULL, NULL, 1));
    STATUS(ARGUMENT, edge_llm_context_logits(context, 0, NULL, &count));
    STATUS(ARGUMENT, edge_llm_context_logits(context, 0, &logits, NULL));
    STATUS(ARGUMENT, edge_llm_context_copy_logits(context, 0, NULL, 1 << 20, &count));
    STATUS(ARGUMENT, edge_llm_context_sample(context, 0, 0, NULL, NULL));
    STATUS(ARGUMENT, edge_llm_context_embed(context, tokens, 1, 1, NULL, 1 << 20, &count));
    STATUS(ARGUMENT, edge_llm_context_embed(context, tokens, 1, 1, NULL, 1 << 20, NULL));
    float scores[8192];
    STATUS(ARGUMENT, edge_llm_context_rank(context, NULL, 1, "two", 3, scores, 8192, &count));
    STATUS(ARGUMENT, edge_llm_context_rank(context, "one", 3, NULL, 1, scores, 8192, &count));
    STATUS(ARGUMENT, edge_llm_context_rank(context, "one", 3, "two", 3, scores, 8192, NULL));
    STATUS(ARGUMENT, edge_llm_context_rank(context, "one", 3, "two", 3, scores, 8192, &count)); /* it does not rank */
    STATUS(ARGUMENT, edge_llm_context_generate(context, tokens, 1, NULL, NULL, NULL));
    STATUS(ARGUMENT, edge_llm_context_generate(context, NULL, 1, NULL, take, NULL));
    STATUS(ARGUMENT, edge_llm_context_start(context, NULL, 1, NULL));
    STATUS(ARGUMENT, edge_llm_context_next(context, NULL));
    STATUS(ARGUMENT, edge_llm_sequence_tokens(context, 0, NULL, 10, NULL));
    STATUS(ARGUMENT, edge_llm_state_save(context, 0, NULL, 1 << 30, &count));
    STATUS(ARGUMENT, edge_llm_state_save(context, 0, text, 64, NULL));
    STATUS(ARGUMENT, edge_llm_state_load(context, 0, NULL, 64));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load(context, 0, NULL, 0));
    STATUS(ARGUMENT, edge_llm_state_save_file(context, 0, NULL, 5));
    STATUS(ARGUMENT, edge_llm_state_load_file(context, 0, NULL, EDGE_LLM_ZERO_TERMINATED));
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
}

/* A struct of every size: too small and too large are refused; larger ones are taken if what is not known is zero. */
#define SIZES(type, call)                                                                        \
    do {                                                                                         \
        static const size_t wrong[] = {0, 1, 4, sizeof(type) - 1, 4097, 65536, UINT32_MAX};      \
        union { type value; unsigned char bytes[8192]; } box;                                    \
        type *s = &box.value;                                                                    \
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {                              \
            memset(&box, 0, sizeof box);                                                         \
            s->struct_size = (uint32_t)wrong[i];                                                 \
            STATUS(ARGUMENT, call);                                                              \
        }                                                                                        \
    } while (0)

#define OPTION_SIZES(type, call)                                                                 \
    do {                                                                                         \
        SIZES(type, call);                                                                       \
        static const size_t wrong[] = {0, 1, sizeof(type) - 1, 4097, SIZE_MAX};                  \
        union { type value; unsigned char bytes[8192]; } box;                                    \
        type *s = &box.value;                                                                    \
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) STATUS(ARGUMENT, type##_default(s, wrong[i])); \
        STATUS(ARGUMENT, type##_default(NULL, sizeof *s));                                       \
        OK(type##_default(s, 4096));                                                             \
        OK(call);                                                                                \
        box.bytes[sizeof(type) + 3] = 1;                                                         \
        STATUS(ARGUMENT, call);                                                                  \
    } while (0)

static edge_llm_status open_and_close(const char *path, const edge_llm_model_options *options)
{
    edge_llm_model *model;
    edge_llm_status status = edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, options, &model);
    if (status == EDGE_LLM_OK) OK(edge_llm_model_close(model));
    return status;
}

static void struct_sizes(const char *path)
{
    edge_llm_model *model = open_model(path);
    edge_llm_context *context = open_context(model, 128, 1);
    char text[4096];
    int32_t tokens[64] = {3};
    size_t count;
    edge_llm_chat_message message = {.role = "user", .role_length = 4, .content = "hi", .content_length = 2};
    edge_llm_memory_plan plan = {.struct_size = sizeof plan};
    SIZES(edge_llm_version_info, edge_llm_version(s));
    SIZES(edge_llm_feature_info, edge_llm_features(s));
    SIZES(edge_llm_error, edge_llm_last_error(s));
    SIZES(edge_llm_model_info, edge_llm_model_get_info(model, s));
    SIZES(edge_llm_token_info, edge_llm_token_get_info(model, 3, s));
    SIZES(edge_llm_memory_plan, edge_llm_model_plan(model, NULL, s));
    SIZES(edge_llm_context_options, edge_llm_context_get_options(context, s));
    SIZES(edge_llm_context_counters, edge_llm_context_get_counters(context, s));
    OK(edge_llm_context_start(context, tokens, 1, NULL));
    SIZES(edge_llm_piece, edge_llm_context_next(context, s));
    OPTION_SIZES(edge_llm_model_options, open_and_close(path, s));
    OPTION_SIZES(edge_llm_context_options, edge_llm_model_plan(model, s, &plan));
    OPTION_SIZES(edge_llm_chat_options, edge_llm_chat_render(model, &message, 1, s, text, sizeof text, &count));
    OPTION_SIZES(edge_llm_generate_options, edge_llm_context_start(context, tokens, 1, s));
    OK(edge_llm_context_eval(context, 0, tokens, 1));
    OPTION_SIZES(edge_llm_sampling_options, edge_llm_context_sample(context, 0, 0, s, tokens));
    /* That of version 1.0. */
    edge_llm_sampling_options first;
    OK(edge_llm_sampling_options_default(&first, offsetof(edge_llm_sampling_options, dynatemp_range)));
    OK(edge_llm_context_sample(context, 0, 0, &first, tokens));
    edge_llm_generate_options older;
    OK(edge_llm_generate_options_default(&older, offsetof(edge_llm_generate_options, grammar)));
    OK(edge_llm_context_start(context, tokens, 1, &older));
    edge_llm_generate_options formed;
    OK(edge_llm_generate_options_default(&formed, sizeof formed));
    formed.grammar_kind = EDGE_LLM_GRAMMAR_REGEX;
    STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 1, &formed));
    formed.grammar = "a(", formed.grammar_length = EDGE_LLM_ZERO_TERMINATED;
    STATUS(EDGE_LLM_GRAMMAR_ERROR, edge_llm_context_start(context, tokens, 1, &formed));
    formed.grammar = "[0-9]{2}";
    OK(edge_llm_context_start(context, tokens, 1, &formed));
    formed.grammar_kind = 4;
    STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 1, &formed));
    formed.grammar_kind = EDGE_LLM_GRAMMAR_NONE;
    STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 1, &formed));

    /* A caller of a later version: its fields are cleared, its size stays. */
    union { edge_llm_version_info value; unsigned char bytes[4096]; } later;
    memset(&later, 0xff, sizeof later);
    later.value.struct_size = 4096;
    OK(edge_llm_version(&later.value));
    CHECK(later.value.struct_size == 4096 && later.value.abi_major == EDGE_LLM_ABI_MAJOR && later.bytes[4095] == 0);
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
}

static void texts(const char *path)
{
    static const char *const invalid[] = {"\xff", "\xc0\x80", "a\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80"};
    edge_llm_model *model = open_model(path), *none;
    edge_llm_context *context = open_context(model, 128, 1);
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, 1);
    edge_llm_chat_options chat;
    char text[4096];
    int32_t tokens[64] = {3};
    size_t count;
    OK(edge_llm_chat_options_default(&chat, sizeof chat));
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        edge_llm_text stop = {invalid[i], EDGE_LLM_ZERO_TERMINATED};
        edge_llm_chat_message role = {.role = invalid[i], .role_length = EDGE_LLM_ZERO_TERMINATED};
        edge_llm_chat_message json = {.json = invalid[i], .json_length = EDGE_LLM_ZERO_TERMINATED};
        edge_llm_chat_message content = {.role = "user", .role_length = 4, .content = invalid[i], .content_length = EDGE_LLM_ZERO_TERMINATED};
        STATUS(ARGUMENT, edge_llm_model_open(invalid[i], EDGE_LLM_ZERO_TERMINATED, NULL, &none));
        STATUS(ARGUMENT, edge_llm_model_metadata(model, invalid[i], EDGE_LLM_ZERO_TERMINATED, text, sizeof text, &count));
        STATUS(ARGUMENT, edge_llm_state_load_file(context, 0, invalid[i], EDGE_LLM_ZERO_TERMINATED));
        STATUS(ARGUMENT, edge_llm_chat_render(model, &role, 1, &chat, text, sizeof text, &count));
        STATUS(ARGUMENT, edge_llm_chat_render(model, &json, 1, &chat, text, sizeof text, &count));
        options.stop = &stop;
        options.stop_count = 1;
        STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 1, &options));
        /* Where a text is data, its bytes are. */
        OK(edge_llm_chat_render(model, &content, 1, &chat, text, sizeof text, &count));
        OK(edge_llm_tokenize(model, invalid[i], EDGE_LLM_ZERO_TERMINATED, 3, tokens, 64, &count));
    }
    options.stop_count = 0;

    static const char *const no_json[] = {"", "{", "[1]", "{\"role\": \"\", \"content\": \"hi\"}", "{\"role\": \"user\"}", "{\"role\": 3}", "nul", "{\"role\": \"user\", \"content\": \"\\ud800\"", "\"role\""};
    for (size_t i = 0; i < sizeof no_json / sizeof *no_json; i++) {
        edge_llm_chat_message json = {.json = no_json[i], .json_length = EDGE_LLM_ZERO_TERMINATED};
        STATUS(ARGUMENT, edge_llm_chat_render(model, &json, 1, &chat, text, sizeof text, &count));
    }
    edge_llm_chat_message good = {.json = "{\"role\": \"user\", \"content\": \"hi\"}", .json_length = EDGE_LLM_ZERO_TERMINATED};
    OK(edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));
    edge_llm_chat_message nobody = {.role = "", .role_length = 0, .content = "hi", .content_length = 2};
    STATUS(ARGUMENT, edge_llm_chat_render(model, &nobody, 1, &chat, text, sizeof text, &count));
    STATUS(ARGUMENT, edge_llm_chat_render(model, NULL, 0, &chat, text, sizeof text, &count));
    STATUS(ARGUMENT, edge_llm_chat_tokenize(model, &good, 0, &chat, tokens, 64, &count));
    chat.variables = chat.tools = "[";
    chat.variables_length = 1;
    STATUS(ARGUMENT, edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));
    chat.variables_length = 0;
    chat.variables = NULL;
    chat.tools_length = 1;
    STATUS(ARGUMENT, edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));
    chat.tools = NULL;
    chat.tools_length = 0;
    chat.chat_template = "{% for x in %}";
    chat.chat_template_length = EDGE_LLM_ZERO_TERMINATED;
    STATUS(ARGUMENT, edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));
    chat.chat_template_length = 0; /* an empty template would drop every message */
    STATUS(ARGUMENT, edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));
    chat.chat_template = " \n";
    chat.chat_template_length = 2;
    STATUS(ARGUMENT, edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));
    chat.chat_template_length = EDGE_LLM_ZERO_TERMINATED;
    chat.chat_template = "{{ messages[0].content * 1000000000 }}";
    CHECK(edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count) != EDGE_LLM_OK);
    OK(edge_llm_chat_options_default(&chat, sizeof chat));
    chat.template_name = "no such";
    chat.template_name_length = 7;
    STATUS(EDGE_LLM_UNSUPPORTED, edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));
    OK(edge_llm_chat_options_default(&chat, sizeof chat));
    chat.date = INT64_MAX;
    STATUS(ARGUMENT, edge_llm_chat_render(model, &good, 1, &chat, text, sizeof text, &count));

    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_model_open("/no/such/file.gguf", EDGE_LLM_ZERO_TERMINATED, NULL, &none));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_model_open("/", 1, NULL, &none));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_model_open("a\0b", 3, NULL, &none));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load_file(context, 0, "/no/such/file", EDGE_LLM_ZERO_TERMINATED));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_save_file(context, 0, "/no/such/file", EDGE_LLM_ZERO_TERMINATED));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_save_file(context, 0, "/", EDGE_LLM_ZERO_TERMINATED));
    int ends[2];
    CHECK(pipe(ends) == 0);
    snprintf(text, sizeof text, "/proc/self/fd/%d", ends[1]);
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_save_file(context, 0, text, EDGE_LLM_ZERO_TERMINATED));
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load_file(context, 0, "/dev/null", EDGE_LLM_ZERO_TERMINATED));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_save_file(context, 0, "/dev/full", EDGE_LLM_ZERO_TERMINATED));
    STATUS(ARGUMENT, edge_llm_model_metadata(model, "no.such.key", EDGE_LLM_ZERO_TERMINATED, text, sizeof text, &count));
    STATUS(ARGUMENT, edge_llm_tokenize(model, "a", 1, 8, tokens, 64, &count));
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
}

/* A prompt without tokens would go on from the text of the request before; only a null pointer does. */
static void empty_prompts(const char *path)
{
    edge_llm_model *model = open_model(path);
    edge_llm_context *context = open_context(model, 128, 1);
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, 2);
    int32_t tokens[64] = {3, 4, 5};
    size_t count;
    STATUS(ARGUMENT, edge_llm_context_start(context, NULL, 0, &options)); /* there is nothing to go on from */
    STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 0, &options));
    OK(edge_llm_context_generate(context, tokens, 3, &options, take, NULL));
    OK(edge_llm_tokenize(model, "", 0, 0, tokens, 64, &count));
    CHECK(count == 0);
    STATUS(ARGUMENT, edge_llm_context_start(context, tokens, count, &options));
    STATUS(ARGUMENT, edge_llm_context_generate(context, tokens, count, &options, take, NULL));
    OK(edge_llm_context_generate(context, NULL, 0, &options, take, NULL));
    OK(edge_llm_sequence_tokens(context, 0, tokens, 64, &count));
    CHECK(count == 5); /* three of the prompt and the first of each generation */
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
}

/* State files: whole or not at all, and nothing that could wait for somebody. */
static void files(const char *path)
{
    edge_llm_model *model = open_model(path), *none;
    edge_llm_context *context = open_context(model, 128, 1);
    char folder[] = "/tmp/edge-llm-XXXXXX", pipe_name[64], file[64], missing[64];
    int32_t tokens[64] = {3, 4, 5};
    size_t count;
    struct stat before, after;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(pipe_name, sizeof pipe_name, "%s/pipe", folder);
    snprintf(file, sizeof file, "%s/state", folder);
    snprintf(missing, sizeof missing, "/proc/self/fd/%d", 1000000);
    OK(edge_llm_context_eval(context, 0, tokens, 3));
    CHECK(mkfifo(pipe_name, 0600) == 0);
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_save_file(context, 0, pipe_name, EDGE_LLM_ZERO_TERMINATED));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load_file(context, 1, pipe_name, EDGE_LLM_ZERO_TERMINATED));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_model_open(pipe_name, EDGE_LLM_ZERO_TERMINATED, NULL, &none));
    CHECK(stat(pipe_name, &after) == 0 && S_ISFIFO(after.st_mode));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load_file(context, 1, "/dev/zero", EDGE_LLM_ZERO_TERMINATED));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load_file(context, 1, missing, EDGE_LLM_ZERO_TERMINATED));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load_file(context, 1, "", 0));
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_save_file(context, 0, "", 0));

    FILE *empty = fopen(file, "w"); /* as mkstemp leaves it */
    CHECK(empty != NULL && fclose(empty) == 0 && stat(file, &before) == 0);
    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_state_load_file(context, 1, file, EDGE_LLM_ZERO_TERMINATED));
    OK(edge_llm_state_save_file(context, 0, file, EDGE_LLM_ZERO_TERMINATED));
    CHECK(stat(file, &after) == 0 && after.st_size > 0 && after.st_ino != before.st_ino); /* renamed, not written over */
    OK(edge_llm_state_load_file(context, 1, file, EDGE_LLM_ZERO_TERMINATED));
    OK(edge_llm_sequence_tokens(context, 1, tokens, 64, &count));
    CHECK(count == 3 && unlink(file) == 0 && unlink(pipe_name) == 0 && rmdir(folder) == 0); /* nothing else is left in it */
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
}

static void counts(const char *path)
{
    static const size_t huge[] = {(size_t)1 << 31, ((size_t)1 << 32) + 3, SIZE_MAX / 4 + 1, SIZE_MAX / 2, SIZE_MAX - 1};
    edge_llm_model *model = open_model(path), *none;
    edge_llm_context *context = open_context(model, 128, 1);
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, 1);
    edge_llm_logit_bias bias = {3, 1};
    edge_llm_sampling_options biased = *sampling;
    char text[64];
    int32_t tokens[200], token = 3;
    float number;
    size_t count;
    edge_llm_chat_message message = {.role = "user", .role_length = 4, .content = "hi", .content_length = 2};
    some_tokens(tokens, 200);
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        edge_llm_text stop = {"x", huge[i]};
        STATUS(ARGUMENT, edge_llm_tokenize(model, "x", huge[i], 0, tokens, 64, &count));
        STATUS(ARGUMENT, edge_llm_detokenize(model, tokens, huge[i], 0, text, sizeof text, &count));
        STATUS(ARGUMENT, edge_llm_chat_render(model, &message, huge[i], NULL, text, sizeof text, &count));
        STATUS(ARGUMENT, edge_llm_model_open("x", huge[i], NULL, &none));
        STATUS(ARGUMENT, edge_llm_model_metadata(model, "x", huge[i], text, sizeof text, &count));
        STATUS(ARGUMENT, edge_llm_model_metadata_key(model, huge[i], text, sizeof text, &count));
        STATUS(EDGE_LLM_CONTEXT_FULL, edge_llm_context_eval(context, 0, tokens, huge[i]));
        STATUS(ARGUMENT, edge_llm_context_eval_batch(context, tokens, NULL, NULL, huge[i]));
        STATUS(EDGE_LLM_CONTEXT_FULL, edge_llm_context_generate(context, tokens, huge[i], &options, take, NULL));
        STATUS(EDGE_LLM_CONTEXT_FULL, edge_llm_context_start(context, tokens, huge[i], &options));
        STATUS(ARGUMENT, edge_llm_context_logits(context, huge[i], (const float **)&none, &count));
        STATUS(ARGUMENT, edge_llm_sequence_trim(context, 0, huge[i]));
        options.stop = &stop;
        options.stop_count = 1;
        STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 1, &options));
        options.stop_count = huge[i];
        STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 1, &options));
        options.stop_count = 0;
        biased.logit_bias = &bias;
        biased.logit_bias_count = huge[i];
        options.sampling = &biased;
        STATUS(ARGUMENT, edge_llm_context_start(context, tokens, 1, &options));
        options.sampling = sampling;
    }
    float *room = calloc(1 << 16, sizeof(float));
    STATUS(EDGE_LLM_CONTEXT_FULL, edge_llm_context_embed(context, tokens, SIZE_MAX / 8, 1, room, 1 << 16, &count));
    free(room);
    STATUS(EDGE_LLM_BUFFER_TOO_SMALL, edge_llm_context_embed(context, tokens, 3, 1, &number, 1, &count));
    STATUS(EDGE_LLM_CONTEXT_FULL, edge_llm_context_eval(context, 0, tokens, 129));
    OK(edge_llm_context_eval(context, 0, tokens, 128));
    STATUS(EDGE_LLM_CONTEXT_FULL, edge_llm_context_eval(context, 0, tokens, 1));
    OK(edge_llm_sequence_tokens(context, 0, tokens, 200, &count));
    CHECK(count == 128);

    static const int32_t wrong_tokens[] = {-1, INT32_MIN, INT32_MAX, 1 << 24};
    static const int32_t wrong_sequences[] = {-1, INT32_MIN, INT32_MAX, EDGE_LLM_MAX_SEQUENCES};
    for (size_t i = 0; i < 4; i++) {
        STATUS(ARGUMENT, edge_llm_context_eval(context, 1, &wrong_tokens[i], 1));
        STATUS(ARGUMENT, edge_llm_context_eval_batch(context, &wrong_tokens[i], NULL, NULL, 1));
        STATUS(ARGUMENT, edge_llm_detokenize(model, &wrong_tokens[i], 1, 0, text, sizeof text, &count));
        STATUS(ARGUMENT, edge_llm_token_text(model, wrong_tokens[i], 0, text, sizeof text, &count));
        STATUS(ARGUMENT, edge_llm_context_eval(context, wrong_sequences[i], &token, 1));
        STATUS(ARGUMENT, edge_llm_context_eval_batch(context, &token, &wrong_sequences[i], NULL, 1));
        STATUS(ARGUMENT, edge_llm_sequence_copy(context, 0, wrong_sequences[i]));
        STATUS(ARGUMENT, edge_llm_sequence_copy(context, wrong_sequences[i], 0));
        STATUS(ARGUMENT, edge_llm_sequence_remove(context, wrong_sequences[i]));
        STATUS(ARGUMENT, edge_llm_sequence_trim(context, wrong_sequences[i], 0));
        options.sequence = wrong_sequences[i];
        STATUS(ARGUMENT, edge_llm_context_start(context, &token, 1, &options));
    }
    OK(edge_llm_sequence_tokens(context, 0, tokens, 200, &count));
    CHECK(count == 128);
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    handles(argv[1]);
    null_pointers(argv[1]);
    struct_sizes(argv[1]);
    texts(argv[1]);
    empty_prompts(argv[1]);
    files(argv[1]);
    counts(argv[1]);
    puts("ok");
    return 0;
}
