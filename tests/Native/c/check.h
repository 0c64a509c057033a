/* What the C tests share: checks that name their place and end the program, and the few calls that every test makes. */
#ifndef CHECK_H
#define CHECK_H

#include <edge_llm.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

/* The call gives this status; one that failed says why in edge_llm_last_error. */
#define STATUS(expected, call) check_status(expected, call, __FILE__, __LINE__, #call)
#define OK(call) STATUS(EDGE_LLM_OK, call)

static inline void check_status(edge_llm_status expected, edge_llm_status found, const char *file, int line, const char *call)
{
    edge_llm_error error = {.struct_size = sizeof error};
    edge_llm_last_error(&error);
    if (found != expected) {
        fprintf(stderr, "%s:%d: %s: expected status %d, found %d (%s; %s)\n", file, line, call, (int)expected, (int)found,
            error.message ? error.message : "", error.detail ? error.detail : "");
        exit(1);
    }
    if (found != EDGE_LLM_OK && (error.code != found || error.message_length == 0 || strlen(error.message) != error.message_length)) {
        fprintf(stderr, "%s:%d: %s: status %d, but the last error is %d, '%s'\n", file, line, call, (int)found, (int)error.code, error.message);
        exit(1);
    }
}

static inline edge_llm_model *open_model(const char *path)
{
    edge_llm_model *model = NULL;
    OK(edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, NULL, &model));
    CHECK(model != NULL);
    return model;
}

static inline edge_llm_context *open_context(edge_llm_model *model, int32_t context_size, int32_t threads)
{
    edge_llm_context *context = NULL;
    edge_llm_context_options options;
    OK(edge_llm_context_options_default(&options, sizeof options));
    options.context_size = context_size;
    options.threads = threads;
    options.max_sequences = 4;
    OK(edge_llm_context_create(model, &options, &context));
    CHECK(context != NULL);
    return context;
}

/* Greedy, this many tokens, never an end. */
static inline edge_llm_generate_options greedy(const edge_llm_sampling_options **sampling, int32_t tokens)
{
    static edge_llm_sampling_options likeliest;
    edge_llm_generate_options options;
    OK(edge_llm_sampling_options_default(&likeliest, sizeof likeliest));
    likeliest.temperature = 0;
    OK(edge_llm_generate_options_default(&options, sizeof options));
    options.max_tokens = tokens;
    options.ignore_eos = 1;
    *sampling = options.sampling = &likeliest;
    return options;
}

/* Tokens that every model of the tests has. */
static inline void some_tokens(int32_t *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++) tokens[i] = 3 + (int32_t)(i * 37 % 97);
}

#endif
