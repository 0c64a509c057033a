/* Sixteen threads on one model, on one context, and on the table of handles. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 16
#define TOKENS 24

static edge_llm_model *model;
static edge_llm_context *shared;
static int32_t expected[TOKENS];
static atomic_int busy, done;
static const char *path;

typedef struct { int32_t tokens[TOKENS]; int count; } story;

static int32_t collect(void *user, const edge_llm_piece *piece)
{
    story *s = user;
    if (piece->token < 0) return 0;
    CHECK(s->count < TOKENS);
    s->tokens[s->count++] = piece->token;
    return 0;
}

static void tell(edge_llm_context *context, story *s)
{
    int32_t prompt[5];
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options;
    edge_llm_sampling_options random;
    some_tokens(prompt, 5);
    OK(edge_llm_sampling_options_default(&random, sizeof random));
    random.seed = 42;
    OK(edge_llm_generate_options_default(&options, sizeof options));
    options.sampling = sampling = &random;
    options.max_tokens = TOKENS;
    options.ignore_eos = 1;
    s->count = 0;
    OK(edge_llm_context_generate(context, prompt, 5, &options, collect, s));
    CHECK(s->count == TOKENS);
}

static void *own_context(void *user)
{
    story s;
    int32_t threads = 1 + (int32_t)(intptr_t)user % 3;
    for (int i = 0; i < 3; i++) {
        edge_llm_context *context = open_context(model, 256, threads);
        tell(context, &s);
        CHECK(memcmp(s.tokens, expected, sizeof expected) == 0);
        OK(edge_llm_context_close(context));
    }
    return NULL;
}

/* Everybody wants the one context: each call is done or refused, never mixed with another. */
static void *same_context(void *user)
{
    int32_t number = (int32_t)(intptr_t)user % 4, token = 3;
    for (int i = 0; i < 200; i++) {
        edge_llm_status status = edge_llm_context_eval(shared, number, &token, 1);
        CHECK(status == EDGE_LLM_OK || status == EDGE_LLM_BUSY || status == EDGE_LLM_CONTEXT_FULL || status == EDGE_LLM_CANCELLED);
        atomic_fetch_add(status == EDGE_LLM_BUSY ? &busy : &done, 1);
        status = edge_llm_sequence_trim(shared, number, 0);
        CHECK(status == EDGE_LLM_OK || status == EDGE_LLM_BUSY);
        if (i % 50 == 0) OK(edge_llm_context_cancel(shared));
    }
    return NULL;
}

static void *open_and_close(void *user)
{
    (void)user;
    for (int i = 0; i < 25; i++) {
        edge_llm_model *own = open_model(path);
        edge_llm_context *context = open_context(own, 64, 1);
        edge_llm_model_info info = {.struct_size = sizeof info};
        OK(edge_llm_model_get_info(own, &info));
        OK(edge_llm_model_close(own));
        STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_model_close(own));
        OK(edge_llm_context_close(context));
        STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_context_cancel(context));
    }
    return NULL;
}

static void run(void *(*work)(void *))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    story s;
    path = argv[1];
    model = open_model(path);
    shared = open_context(model, 256, 1);
    tell(shared, &s);
    memcpy(expected, s.tokens, sizeof expected);
    run(own_context);
    run(same_context);
    run(open_and_close);
    CHECK(atomic_load(&done) > 0);
    tell(shared, &s);
    CHECK(memcmp(s.tokens, expected, sizeof expected) == 0);
    OK(edge_llm_context_close(shared));
    OK(edge_llm_model_close(model));
    puts("ok");
    return 0;
}
