/* What the other interfaces must equal: parity MODEL PROMPT SEED TOKENS LOGITS prints the tokens generated after the prompt, a line of numbers,
 * and writes the logits after each of the prompt's tokens to a file. */
#include "check.h"

static int32_t print(void *user, const edge_llm_piece *piece)
{
    int *first = user;
    if (piece->token >= 0) printf(*first ? "%d" : ",%d", (int)piece->token), *first = 0;
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 6);
    int32_t tokens[512];
    uint8_t want[512];
    size_t count, width;
    int first = 1;
    edge_llm_context *context;
    edge_llm_context_options options;
    edge_llm_sampling_options sampling;
    edge_llm_generate_options generate;
    edge_llm_model *model = open_model(argv[1]);
    OK(edge_llm_tokenize(model, argv[2], EDGE_LLM_ZERO_TERMINATED, EDGE_LLM_TOKENIZE_ADD_SPECIAL, tokens, 512, &count));
    OK(edge_llm_context_options_default(&options, sizeof options));
    options.logits_rows = (int32_t)count;
    options.threads = 2;
    OK(edge_llm_context_create(model, &options, &context));
    OK(edge_llm_sampling_options_default(&sampling, sizeof sampling));
    OK(edge_llm_generate_options_default(&generate, sizeof generate));
    sampling.seed = strtoull(argv[3], NULL, 10);
    generate.sampling = &sampling;
    generate.max_tokens = atoi(argv[4]);
    OK(edge_llm_context_generate(context, tokens, count, &generate, print, &first));
    puts("");

    FILE *file = fopen(argv[5], "wb");
    CHECK(file != NULL);
    memset(want, 1, sizeof want);
    OK(edge_llm_sequence_remove(context, 0));
    OK(edge_llm_context_eval_batch(context, tokens, NULL, want, count));
    for (size_t row = 0; row < count; row++) {
        const float *logits;
        OK(edge_llm_context_logits(context, row, &logits, &width));
        CHECK(fwrite(logits, sizeof *logits, width, file) == width);
    }
    CHECK(fclose(file) == 0);
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
    return 0;
}
