/* Continues a text: complete MODEL [PROMPT [TOKENS [SEED]]] */
#include <edge_llm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program with the library's reason if a call failed. */
static void check(edge_llm_status status)
{
    edge_llm_error error = {.struct_size = sizeof error};
    if (status == EDGE_LLM_OK) return;
    edge_llm_last_error(&error);
    fprintf(stderr, "complete: %s\n", error.message);
    exit(1);
}

static int32_t print(void *user, const edge_llm_piece *piece)
{
    (void)user;
    fwrite(piece->text, 1, piece->text_length, stdout);
    fflush(stdout);
    return 0; /* go on */
}

int main(int argc, char **argv)
{
    edge_llm_model *model;
    edge_llm_context *context;
    edge_llm_sampling_options sampling;
    edge_llm_generate_options options;
    edge_llm_context_counters counters = {.struct_size = sizeof counters};
    const char *prompt = argc > 2 ? argv[2] : "Once upon a time";
    int32_t *tokens;
    size_t count = 0;
    if (argc < 2) return fprintf(stderr, "usage: complete MODEL [PROMPT [TOKENS [SEED]]]\n"), 2;

    check(edge_llm_model_open(argv[1], EDGE_LLM_ZERO_TERMINATED, NULL, &model));
    check(edge_llm_context_create(model, NULL, &context));

    /* A text has at most as many tokens as bytes, and the model's own at both ends. */
    tokens = malloc((strlen(prompt) + 2) * sizeof *tokens);
    if (!tokens) return 1;
    check(edge_llm_tokenize(model, prompt, strlen(prompt), EDGE_LLM_TOKENIZE_ADD_SPECIAL | EDGE_LLM_TOKENIZE_PROMPT, tokens, strlen(prompt) + 2, &count));

    check(edge_llm_sampling_options_default(&sampling, sizeof sampling));
    if (argc > 4) sampling.seed = strtoull(argv[4], NULL, 10);
    check(edge_llm_generate_options_default(&options, sizeof options));
    options.sampling = &sampling;
    options.max_tokens = argc > 3 ? atoi(argv[3]) : 128;

    check(edge_llm_context_generate(context, tokens, count, &options, print, NULL));
    putchar('\n');
    check(edge_llm_context_get_counters(context, &counters));
    fprintf(stderr, "%lld tokens, seed %llu\n", (long long)counters.generated_tokens, (unsigned long long)counters.seed);

    free(tokens);
    check(edge_llm_context_close(context));
    check(edge_llm_model_close(model));
    return 0;
}
