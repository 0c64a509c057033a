/* Tokens a second between the first and the last token, as a caller sees them: speed MODEL THREADS TOKENS */
#include <edge_llm.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct { double first, last; int tokens; } run;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int32_t on_piece(void *user, const edge_llm_piece *piece)
{
    run *r = user;
    if (piece->token < 0) return 0;
    r->last = now();
    if (r->tokens++ == 0) r->first = r->last;
    return 0;
}

int main(int argc, char **argv)
{
    int32_t prompt[8] = {1, 5, 9, 17, 33, 65, 129, 257};
    edge_llm_model *model;
    edge_llm_context *context;
    edge_llm_context_options options;
    edge_llm_sampling_options sampling;
    edge_llm_generate_options generate;
    run r = {0, 0, 0};
    if (argc != 4) return 2;
    edge_llm_context_options_default(&options, sizeof options);
    options.threads = atoi(argv[2]);
    if (edge_llm_model_open(argv[1], EDGE_LLM_ZERO_TERMINATED, NULL, &model) || edge_llm_context_create(model, &options, &context)) return 1;
    edge_llm_sampling_options_default(&sampling, sizeof sampling);
    edge_llm_generate_options_default(&generate, sizeof generate);
    sampling.temperature = 0;
    generate.sampling = &sampling;
    generate.ignore_eos = 1;
    generate.max_tokens = atoi(argv[3]);
    if (edge_llm_context_generate(context, prompt, 8, &generate, on_piece, &r)) return 1;
    printf("%.3f\n", (r.tokens - 1) / (r.last - r.first));
    edge_llm_context_close(context);
    edge_llm_model_close(model);
    return 0;
}
