/* Eight texts at a time in one context, which share its forward passes: many MODEL [PROMPT [TOKENS]] */
#include <edge_llm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS 8
#define MOST_TOKENS 1024

static void check(edge_llm_status status)
{
    edge_llm_error error = {.struct_size = sizeof error};
    if (status == EDGE_LLM_OK) return;
    edge_llm_last_error(&error);
    fprintf(stderr, "many: %s\n", error.message);
    exit(1);
}

/* Adds to a text what a request has made so far; returns whether it goes on. */
static int read_on(edge_llm_request *request, char *text, size_t size)
{
    edge_llm_piece piece = {.struct_size = sizeof piece};
    edge_llm_status status;
    while ((status = edge_llm_request_next(request, &piece)) != EDGE_LLM_NOT_READY) {
        check(status);
        strncat(text, piece.text, size - strlen(text) - 1);
        if (piece.finish != EDGE_LLM_FINISH_NONE) return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    static int32_t tokens[MOST_TOKENS];
    static char texts[REQUESTS][1 << 14];
    edge_llm_model *model;
    edge_llm_context *context;
    edge_llm_context_options options;
    edge_llm_sampling_options sampling;
    edge_llm_generate_options generate;
    edge_llm_request *requests[REQUESTS];
    const char *prompt = argc > 2 ? argv[2] : "Once upon a time";
    int goes_on[REQUESTS];
    size_t count, remaining;
    if (argc < 2) return fprintf(stderr, "usage: many MODEL [PROMPT [TOKENS]]\n"), 2;

    check(edge_llm_model_open(argv[1], EDGE_LLM_ZERO_TERMINATED, NULL, &model));
    check(edge_llm_context_options_default(&options, sizeof options));
    options.max_sequences = REQUESTS;
    check(edge_llm_context_create(model, &options, &context));
    check(edge_llm_tokenize(model, prompt, strlen(prompt), EDGE_LLM_TOKENIZE_ADD_SPECIAL | EDGE_LLM_TOKENIZE_PROMPT, tokens, MOST_TOKENS, &count));
    check(edge_llm_sampling_options_default(&sampling, sizeof sampling));
    check(edge_llm_generate_options_default(&generate, sizeof generate));
    generate.sampling = &sampling;
    generate.max_tokens = argc > 3 ? atoi(argv[3]) : 48;
    for (int i = 0; i < REQUESTS; i++) {
        sampling.seed = (uint64_t)i + 1;
        check(edge_llm_request_submit(context, tokens, count, &generate, 1, &requests[i]));
        goes_on[i] = 1;
    }

    do {
        check(edge_llm_context_step(context, &remaining)); /* one pass for all of them */
        for (int i = 0; i < REQUESTS; i++) goes_on[i] = goes_on[i] && read_on(requests[i], texts[i], sizeof texts[i]);
    } while (remaining > 0);

    for (int i = 0; i < REQUESTS; i++) {
        printf("%d:%s\n", i + 1, texts[i]);
        check(edge_llm_request_close(requests[i]));
    }
    check(edge_llm_context_close(context));
    check(edge_llm_model_close(model));
    return 0;
}
