/* Guessed tokens, which change no answer, and texts that go on where the context is full. */
#include "check.h"

#define TOKENS 60

static edge_llm_model *model;

typedef struct { int32_t tokens[600]; int count; } story;

static int32_t collect(void *user, const edge_llm_piece *piece)
{
    story *s = user;
    CHECK(s->count < 600);
    if (piece->token >= 0) s->tokens[s->count++] = piece->token;
    return 0;
}

static edge_llm_context_counters tell(edge_llm_context *context, edge_llm_generate_options options, story *s)
{
    int32_t prompt[5];
    edge_llm_context_counters counters = {.struct_size = sizeof counters};
    some_tokens(prompt, 5);
    s->count = 0;
    OK(edge_llm_context_generate(context, prompt, 5, &options, collect, s));
    OK(edge_llm_context_get_counters(context, &counters));
    return counters;
}

static void drafts(void)
{
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options generate = greedy(&sampling, TOKENS);
    edge_llm_context *context = open_context(model, 256, 1);
    story expected, found;
    edge_llm_context_counters counters = tell(context, generate, &expected);
    CHECK(expected.count == TOKENS && counters.drafted_tokens == 0 && counters.accepted_tokens == 0);
    OK(edge_llm_context_close(context));

    for (int kind = 0; kind < 3; kind++) {
        edge_llm_context_options options, in_force = {.struct_size = sizeof in_force};
        edge_llm_memory_plan plan = {.struct_size = sizeof plan}, without = {.struct_size = sizeof without};
        edge_llm_model *draft = model;
        OK(edge_llm_context_options_default(&options, sizeof options));
        CHECK(options.lookup == 0 && options.draft_model == NULL && options.draft_tokens == 0);
        options.context_size = 256, options.threads = 1;
        OK(edge_llm_model_plan(model, &options, &without));
        options.lookup = kind != 1;
        options.draft_model = kind != 0 ? draft : NULL;
        options.draft_tokens = 5;
        OK(edge_llm_model_plan(model, &options, &plan));
        CHECK(kind == 0 ? plan.weights == without.weights : plan.weights == 2 * without.weights && plan.kv_cache >= 2 * without.kv_cache);
        OK(edge_llm_context_create(model, &options, &context));
        OK(edge_llm_context_get_options(context, &in_force));
        CHECK(in_force.lookup == options.lookup && in_force.draft_tokens == 5 && in_force.draft_model == options.draft_model);
        counters = tell(context, generate, &found);
        CHECK(found.count == TOKENS && memcmp(found.tokens, expected.tokens, TOKENS * sizeof *found.tokens) == 0);
        if (kind != 0) CHECK(counters.accepted_tokens > 0); /* it is its own draft */
        CHECK(counters.drafted_tokens >= counters.accepted_tokens);
        generate.draft_tokens = -1;
        OK(edge_llm_sequence_remove(context, 0));
        counters = tell(context, generate, &found);
        CHECK(counters.drafted_tokens == 0 && memcmp(found.tokens, expected.tokens, TOKENS * sizeof *found.tokens) == 0);
        generate.draft_tokens = 0;
        OK(edge_llm_context_close(context));
    }
}

/* The draft model's handle goes first. */
static void lifetimes(const char *path)
{
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options generate = greedy(&sampling, TOKENS);
    edge_llm_model *draft = open_model(path);
    edge_llm_context *context;
    edge_llm_context_options options;
    story s;
    OK(edge_llm_context_options_default(&options, sizeof options));
    options.context_size = 256, options.threads = 1, options.draft_model = draft;
    OK(edge_llm_context_create(model, &options, &context));
    OK(edge_llm_model_close(draft));
    CHECK(tell(context, generate, &s).accepted_tokens > 0);
    OK(edge_llm_context_close(context));
    STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_context_create(model, &options, &context));
    CHECK(context == NULL);
    options.draft_model = NULL, options.lookup = 2;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_create(model, &options, &context));
    options.lookup = 1, options.draft_tokens = -1;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_create(model, &options, &context));
}

static void shifts(void)
{
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options generate = greedy(&sampling, 500);
    edge_llm_context *context = open_context(model, 192, 1);
    story cut, whole, again;
    edge_llm_context_counters counters = tell(context, generate, &cut);
    CHECK(cut.count == 192 - 5 + 1 && counters.finish == EDGE_LLM_FINISH_LENGTH && counters.shifted_tokens == 0);
    OK(edge_llm_sequence_remove(context, 0));
    generate.context_shift = 1;
    generate.keep = -1;
    counters = tell(context, generate, &whole);
    CHECK(whole.count == 500 && counters.shifted_tokens > 0 && counters.shifted_tokens % 64 == 0);
    CHECK(memcmp(whole.tokens, cut.tokens, (size_t)cut.count * sizeof *cut.tokens) == 0);

    int32_t prompt[5];
    edge_llm_request *request;
    edge_llm_piece piece = {.struct_size = sizeof piece};
    edge_llm_request_statistics statistics = {.struct_size = sizeof statistics};
    some_tokens(prompt, 5);
    OK(edge_llm_request_submit(context, prompt, 5, &generate, 1, &request));
    again.count = 0;
    do {
        OK(edge_llm_request_wait(request, &piece));
        collect(&again, &piece);
    } while (piece.finish == EDGE_LLM_FINISH_NONE);
    CHECK(again.count == 500 && memcmp(again.tokens, whole.tokens, 500 * sizeof *again.tokens) == 0);
    OK(edge_llm_request_get_statistics(request, &statistics));
    CHECK(statistics.shifted_tokens == counters.shifted_tokens);
    OK(edge_llm_request_close(request));

    generate.keep = 129;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_start(context, prompt, 5, &generate));
    generate.context_shift = 0;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_start(context, prompt, 5, &generate));
    generate.context_shift = 2, generate.keep = 0;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_start(context, prompt, 5, &generate));
    OK(edge_llm_context_close(context));
}

/* A greedy token is the likeliest of those that end no text, and nothing else was left. */
static int32_t is_likeliest(void *user, const edge_llm_piece *piece)
{
    if (piece->token < 0) {
        CHECK(piece->top_count == 0 && piece->top == NULL);
        return 0;
    }
    ++*(int *)user;
    CHECK(piece->top_count == 4 && piece->logprob < 0 && piece->logprob <= piece->top[0].logprob);
    for (size_t i = 1; i < piece->top_count; i++) CHECK(piece->top[i].logprob <= piece->top[i - 1].logprob && piece->top[i].token != piece->top[i - 1].token);
    CHECK(piece->sampled_top_count == 1 && piece->sampled_top[0].token == piece->token && piece->sampled_logprob == 0);
    return 0;
}

static void likelihoods(void)
{
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options generate = greedy(&sampling, 8);
    edge_llm_context *context = open_context(model, 192, 1);
    int32_t prompt[5];
    int told = 0;
    some_tokens(prompt, 5);
    generate.logprobs = 4;
    OK(edge_llm_context_generate(context, prompt, 5, &generate, is_likeliest, &told));
    CHECK(told == 8);
    /* A caller of the first version has no such fields. */
    struct { edge_llm_piece piece; } older = {.piece = {.struct_size = offsetof(edge_llm_piece, logprob), .logprob = 5}};
    OK(edge_llm_context_start(context, prompt, 5, &generate));
    OK(edge_llm_context_next(context, &older.piece));
    CHECK(older.piece.token >= 0 && older.piece.logprob == 5 && older.piece.top == NULL);
    generate.logprobs = -1;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_start(context, prompt, 5, &generate));
    OK(edge_llm_context_close(context));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    model = open_model(argv[1]);
    drafts();
    lifetimes(argv[1]);
    shifts();
    likelihoods();
    OK(edge_llm_model_close(model));
    puts("ok");
    return 0;
}
