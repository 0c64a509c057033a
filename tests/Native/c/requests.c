/* Requests: many answers in one context, driven by steps, by the library's thread, and by those who wait. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define REQUESTS 8
#define TOKENS 20

static edge_llm_model *model;
static int32_t prompts[REQUESTS][4], expected[REQUESTS][TOKENS];
static edge_llm_sampling_options sampling; /* set once: the threads share it */

static edge_llm_generate_options options_of(int32_t tokens)
{
    edge_llm_generate_options options;
    OK(edge_llm_generate_options_default(&options, sizeof options));
    options.sampling = &sampling;
    options.max_tokens = tokens;
    options.ignore_eos = 1;
    return options;
}

static edge_llm_request *submit(edge_llm_context *context, int number, int32_t tokens)
{
    edge_llm_generate_options options = options_of(tokens);
    edge_llm_request *request = NULL;
    options.id = (uint32_t)number + 1;
    OK(edge_llm_request_submit(context, prompts[number], 4, &options, 1, &request));
    CHECK(request != NULL);
    return request;
}

static edge_llm_piece new_piece(void)
{
    edge_llm_piece piece = {.struct_size = sizeof piece};
    return piece;
}

/* Reads what is there; returns the finish reason. */
static int32_t drain(edge_llm_request *request, int32_t *tokens, int *count)
{
    edge_llm_piece piece = new_piece();
    for (;;) {
        edge_llm_status status = edge_llm_request_next(request, &piece);
        if (status == EDGE_LLM_NOT_READY) return EDGE_LLM_FINISH_NONE;
        CHECK(status == EDGE_LLM_OK);
        if (piece.token >= 0) {
            CHECK(*count < TOKENS);
            tokens[(*count)++] = piece.token;
        }
        if (piece.finish != EDGE_LLM_FINISH_NONE) return piece.finish;
    }
}

static void wait_for(edge_llm_request *request, int number)
{
    edge_llm_piece piece = new_piece();
    int count = 0;
    do {
        OK(edge_llm_request_wait(request, &piece));
        CHECK(piece.id == (uint32_t)number + 1);
        if (piece.token >= 0) CHECK(count < TOKENS && piece.token == expected[number][count++]);
    } while (piece.finish == EDGE_LLM_FINISH_NONE);
    CHECK(count == TOKENS && piece.finish == EDGE_LLM_FINISH_LENGTH);
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_wait(request, &piece));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_next(request, &piece));
}

static int32_t collect(void *user, const edge_llm_piece *piece)
{
    int32_t **next = user;
    if (piece->token >= 0) *(*next)++ = piece->token;
    return 0;
}

static void alone(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    for (int i = 0; i < REQUESTS; i++) {
        edge_llm_generate_options options = options_of(TOKENS);
        int32_t *next = expected[i];
        for (int k = 0; k < 4; k++) prompts[i][k] = 3 + (i * 31 + k * 17) % 90;
        OK(edge_llm_context_generate(context, prompts[i], 4, &options, collect, &next));
        CHECK(next == expected[i] + TOKENS);
    }
    OK(edge_llm_context_close(context));
}

static void by_steps(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    edge_llm_request *requests[REQUESTS];
    int32_t tokens[REQUESTS][TOKENS], finish[REQUESTS] = {0};
    int counts[REQUESTS] = {0};
    size_t remaining = 99, steps = 0;
    OK(edge_llm_context_step(context, &remaining));
    CHECK(remaining == 0);
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_step(context, NULL));
    for (int i = 0; i < REQUESTS; i++) requests[i] = submit(context, i, TOKENS);
    edge_llm_piece piece = new_piece();
    edge_llm_error before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
    OK(edge_llm_last_error(&before));
    CHECK(edge_llm_request_next(requests[0], &piece) == EDGE_LLM_NOT_READY); /* nothing is computed yet */
    OK(edge_llm_last_error(&after));
    CHECK(before.code == after.code && before.code == EDGE_LLM_INVALID_ARGUMENT);
    do {
        OK(edge_llm_context_step(context, &remaining));
        steps++;
        for (int i = 0; i < REQUESTS; i++)
            if (finish[i] == EDGE_LLM_FINISH_NONE) finish[i] = drain(requests[i], tokens[i], &counts[i]);
    } while (remaining > 0);
    CHECK(steps < REQUESTS * TOKENS / 2); /* they share passes */
    for (int i = 0; i < REQUESTS; i++) {
        edge_llm_request_statistics statistics = {.struct_size = sizeof statistics};
        CHECK(finish[i] == EDGE_LLM_FINISH_LENGTH && counts[i] == TOKENS);
        CHECK(memcmp(tokens[i], expected[i], sizeof expected[i]) == 0);
        OK(edge_llm_request_get_statistics(requests[i], &statistics));
        CHECK(statistics.finish == EDGE_LLM_FINISH_LENGTH && statistics.seed == 42 && statistics.prompt_tokens == 4);
        CHECK(statistics.generated_tokens == TOKENS && statistics.evaluated_tokens == 4 + TOKENS - 1);
        CHECK(statistics.prompt_nanoseconds > 0 && statistics.generation_nanoseconds > 0);
        OK(edge_llm_request_close(requests[i]));
        STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_request_close(requests[i]));
        STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_request_next(requests[i], &piece));
    }
    OK(edge_llm_context_close(context));
}

typedef struct { pthread_mutex_t mutex; pthread_cond_t changed; int told; } signal_of;

static void tell(void *user)
{
    signal_of *s = user;
    pthread_mutex_lock(&s->mutex);
    s->told++;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static void by_the_librarys_thread(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    signal_of ready = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    edge_llm_request *requests[REQUESTS];
    int32_t tokens[REQUESTS][TOKENS], finish[REQUESTS] = {0};
    int counts[REQUESTS] = {0}, ended = 0;
    OK(edge_llm_context_start_thread(context));
    OK(edge_llm_context_start_thread(context));
    for (int i = 0; i < REQUESTS; i++) {
        edge_llm_generate_options options = options_of(TOKENS);
        options.ready = tell;
        options.ready_user = &ready;
        options.priority = i % 3;
        OK(edge_llm_request_submit(context, prompts[i], 4, &options, 1, &requests[i]));
    }
    while (ended < REQUESTS) {
        pthread_mutex_lock(&ready.mutex);
        while (ready.told == 0) pthread_cond_wait(&ready.changed, &ready.mutex);
        ready.told = 0;
        pthread_mutex_unlock(&ready.mutex);
        for (int i = 0; i < REQUESTS; i++)
            if (finish[i] == EDGE_LLM_FINISH_NONE && (finish[i] = drain(requests[i], tokens[i], &counts[i])) != EDGE_LLM_FINISH_NONE) ended++;
    }
    for (int i = 0; i < REQUESTS; i++) {
        CHECK(counts[i] == TOKENS && memcmp(tokens[i], expected[i], sizeof expected[i]) == 0);
        OK(edge_llm_request_close(requests[i]));
    }
    edge_llm_request *waited = submit(context, 3, TOKENS); /* who waits leaves the computing to the thread */
    wait_for(waited, 3);
    OK(edge_llm_request_close(waited));
    edge_llm_request *unfinished = submit(context, 0, 200);
    OK(edge_llm_context_close(context));
    OK(edge_llm_request_close(unfinished));
}

typedef struct { edge_llm_context *context; int number; } job;

static void *wait_on_a_thread(void *user)
{
    job *j = user;
    for (int round = 0; round < 3; round++) {
        edge_llm_request *request = submit(j->context, j->number, TOKENS);
        wait_for(request, j->number);
        OK(edge_llm_request_close(request));
    }
    return NULL;
}

static void by_those_who_wait(void)
{
    edge_llm_context *context = open_context(model, 256, 2);
    pthread_t threads[REQUESTS];
    job jobs[REQUESTS];
    for (int i = 0; i < REQUESTS; i++) {
        jobs[i] = (job){context, i};
        CHECK(pthread_create(&threads[i], NULL, wait_on_a_thread, &jobs[i]) == 0);
    }
    for (int i = 0; i < REQUESTS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    OK(edge_llm_context_close(context));
}

/* A generation of the context drives the passes of requests as well. */
static void beside_a_generation(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    edge_llm_request *request = submit(context, 1, TOKENS);
    edge_llm_generate_options options = options_of(TOKENS);
    int32_t *next, own[TOKENS], tokens[TOKENS];
    int count = 0;
    next = own;
    OK(edge_llm_context_generate(context, prompts[2], 4, &options, collect, &next));
    CHECK(memcmp(own, expected[2], sizeof own) == 0);
    CHECK(drain(request, tokens, &count) == EDGE_LLM_FINISH_LENGTH && memcmp(tokens, expected[1], sizeof tokens) == 0);
    OK(edge_llm_request_close(request));
    options.ready = tell;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_start(context, prompts[2], 4, &options));
    OK(edge_llm_context_close(context));
}

static void choices(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    edge_llm_generate_options options = options_of(TOKENS);
    edge_llm_request *requests[3];
    int32_t tokens[3][TOKENS];
    size_t remaining = 1;
    OK(edge_llm_request_submit(context, prompts[5], 4, &options, 3, requests));
    while (remaining > 0) OK(edge_llm_context_step(context, &remaining));
    for (int i = 0; i < 3; i++) {
        edge_llm_request_statistics statistics = {.struct_size = sizeof statistics};
        int count = 0;
        CHECK(drain(requests[i], tokens[i], &count) == EDGE_LLM_FINISH_LENGTH && count == TOKENS);
        OK(edge_llm_request_get_statistics(requests[i], &statistics));
        CHECK(statistics.reused_tokens == (i == 0 ? 0 : 4));
        OK(edge_llm_request_close(requests[i]));
    }
    CHECK(memcmp(tokens[0], expected[5], sizeof tokens[0]) == 0);
    CHECK(memcmp(tokens[0], tokens[1], sizeof tokens[0]) != 0 && memcmp(tokens[1], tokens[2], sizeof tokens[0]) != 0);
    options.choice = 2; /* the third one by itself */
    OK(edge_llm_request_submit(context, prompts[5], 4, &options, 1, requests));
    edge_llm_piece piece = new_piece();
    for (int i = 0; i < TOKENS; i++) {
        OK(edge_llm_request_wait(requests[0], &piece));
        CHECK(piece.token == tokens[2][i]);
    }
    OK(edge_llm_request_close(requests[0]));
    OK(edge_llm_context_close(context));
}

static void cancelled(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    edge_llm_piece piece = new_piece();
    size_t remaining;
    edge_llm_request *request = submit(context, 0, 200), *other = submit(context, 1, TOKENS);
    OK(edge_llm_request_wait(request, &piece));
    OK(edge_llm_context_cancel(context)); /* that is not for requests */
    OK(edge_llm_request_wait(request, &piece));
    OK(edge_llm_request_cancel(request));
    STATUS(EDGE_LLM_CANCELLED, edge_llm_request_next(request, &piece)); /* without a step */
    CHECK(piece.finish == EDGE_LLM_FINISH_CANCELLED && piece.token == -1);
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_next(request, &piece));
    OK(edge_llm_request_cancel(request));
    OK(edge_llm_context_step(context, &remaining));
    CHECK(remaining == 1);
    wait_for(other, 1);
    OK(edge_llm_request_close(request));
    OK(edge_llm_request_close(other));

    edge_llm_generate_options options = options_of(5);
    options.deadline = 0;
    OK(edge_llm_request_submit(context, prompts[0], 4, &options, 1, &request));
    STATUS(EDGE_LLM_DEADLINE_EXCEEDED, edge_llm_request_wait(request, &piece));
    CHECK(piece.finish == EDGE_LLM_FINISH_DEADLINE);
    OK(edge_llm_request_close(request));

    /* The handle of the context goes first: its requests are cancelled, and stay to be read and closed. */
    request = submit(context, 0, 200);
    OK(edge_llm_request_wait(request, &piece));
    OK(edge_llm_context_close(context));
    STATUS(EDGE_LLM_CANCELLED, edge_llm_request_next(request, &piece));
    OK(edge_llm_request_close(request));
}

static void *cancel_soon(void *user)
{
    OK(edge_llm_request_cancel(user));
    return NULL;
}

/* Somebody waits while it is cancelled and closed. */
static void cancelled_while_waiting(void)
{
    for (int round = 0; round < 20; round++) {
        edge_llm_context *context = open_context(model, 256, 1);
        edge_llm_request *request = submit(context, round % REQUESTS, 240);
        edge_llm_piece piece = new_piece();
        edge_llm_status status;
        pthread_t thread;
        if (round % 2) OK(edge_llm_context_start_thread(context));
        CHECK(pthread_create(&thread, NULL, cancel_soon, request) == 0);
        do status = edge_llm_request_wait(request, &piece);
        while (status == EDGE_LLM_OK && piece.finish == EDGE_LLM_FINISH_NONE);
        CHECK(status == EDGE_LLM_CANCELLED || piece.finish == EDGE_LLM_FINISH_LENGTH);
        CHECK(pthread_join(thread, NULL) == 0);
        OK(edge_llm_request_close(request));
        OK(edge_llm_context_close(context));
    }
}

typedef struct { edge_llm_context *context; edge_llm_request *request; int told, read, closes; } watcher;

static void watch(void *user)
{
    watcher *w = user;
    edge_llm_piece piece = new_piece();
    size_t remaining;
    w->told++;
    STATUS(EDGE_LLM_BUSY, edge_llm_request_wait(w->request, &piece));
    STATUS(EDGE_LLM_BUSY, edge_llm_context_step(w->context, &remaining));
    while (edge_llm_request_next(w->request, &piece) == EDGE_LLM_OK) {
        w->read++;
        if (piece.finish != EDGE_LLM_FINISH_NONE) break;
    }
    if (w->closes && w->read > 3) OK(edge_llm_request_close(w->request));
}

static int32_t stop_at_once(void *user, size_t done, size_t total)
{
    CHECK(done <= total);
    ++*(int *)user;
    return 1;
}

static void callbacks(void)
{
    size_t remaining;
    for (int closes = 0; closes < 2; closes++) {
        watcher w = {.context = open_context(model, 256, 1), .closes = closes};
        edge_llm_generate_options options = options_of(TOKENS);
        options.ready = watch;
        options.ready_user = &w;
        OK(edge_llm_request_submit(w.context, prompts[0], 4, &options, 1, &w.request));
        do OK(edge_llm_context_step(w.context, &remaining));
        while (remaining > 0);
        CHECK(closes ? w.told == 4 : w.told == TOKENS && w.read == TOKENS + 1);
        if (!closes) OK(edge_llm_request_close(w.request));
        OK(edge_llm_context_step(w.context, &remaining));
        CHECK(remaining == 0);
        OK(edge_llm_context_close(w.context));
    }
    edge_llm_context *context = open_context(model, 256, 1);
    edge_llm_generate_options options = options_of(TOKENS);
    edge_llm_request *request;
    edge_llm_piece piece = new_piece();
    int told = 0;
    options.prefill = stop_at_once;
    options.prefill_user = &told;
    OK(edge_llm_request_submit(context, prompts[0], 4, &options, 1, &request));
    STATUS(EDGE_LLM_CANCELLED, edge_llm_request_wait(request, &piece));
    CHECK(told == 1);
    OK(edge_llm_request_close(request));
    OK(edge_llm_context_close(context));
}

static void refusals(void)
{
    edge_llm_context *context = open_context(model, 64, 1);
    edge_llm_request *made[2] = {(edge_llm_request *)1, (edge_llm_request *)1};
    int32_t many[65];
    edge_llm_generate_options options = options_of(5);
    some_tokens(many, 65);
    STATUS(EDGE_LLM_CONTEXT_FULL, edge_llm_request_submit(context, many, 65, &options, 2, made));
    CHECK(made[0] == NULL && made[1] == NULL);
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, NULL, 0, &options, 1, made));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, 0, made));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, EDGE_LLM_MAX_CHOICES + 1, made));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, SIZE_MAX, made));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, 1, NULL));
    STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_request_submit((edge_llm_context *)model, many, 4, &options, 1, made));
    STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_request_next((edge_llm_request *)context, NULL));
    options.sequence = 1;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, 1, made));
    options = options_of(5);
    options.logprobs = -1;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, 1, made));
    options = options_of(5);
    options.draft_tokens = -2;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, 1, made));
    options = options_of(5);
    options.adapter_count = 1;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit(context, many, 4, &options, 1, made));
    OK(edge_llm_request_submit(context, many, 4, NULL, 1, made));
    edge_llm_piece piece = {.struct_size = 3};
    edge_llm_part part = {.struct_size = sizeof part};
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_next(made[0], &piece));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_next(made[0], NULL));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_next_part(made[0], &part)); /* no chat */
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_get_statistics(made[0], NULL));
    OK(edge_llm_request_close(made[0]));
    OK(edge_llm_context_close(context));
}

static void chats(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    edge_llm_generate_options options = options_of(12);
    edge_llm_chat_message message = {.role = "user", .role_length = 4, .content = "hello", .content_length = 5};
    edge_llm_request *requests[2];
    edge_llm_piece piece = new_piece();
    edge_llm_part part = {.struct_size = sizeof part};
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_request_submit_chat(context, &message, 0, NULL, NULL, &options, 2, requests));
    OK(edge_llm_request_submit_chat(context, &message, 1, NULL, NULL, &options, 2, requests));
    for (int i = 0; i < 2; i++) {
        size_t text = 0, parts = 0;
        do {
            OK(edge_llm_request_wait(requests[i], &piece));
            text += piece.text_length;
            for (;;) {
                OK(edge_llm_request_next_part(requests[i], &part));
                if (part.kind == EDGE_LLM_PART_NONE) break;
                parts += part.text_length;
            }
        } while (piece.finish == EDGE_LLM_FINISH_NONE);
        CHECK(text == parts && text > 0);
        OK(edge_llm_request_close(requests[i]));
    }
    OK(edge_llm_context_close(context));
}

static void grammars(void)
{
    edge_llm_context *context = open_context(model, 256, 1);
    edge_llm_generate_options options = options_of(40);
    edge_llm_request *request;
    edge_llm_piece piece = new_piece();
    char text[64] = "";
    options.ignore_eos = 0;
    options.grammar = "[ab]{3}";
    options.grammar_length = EDGE_LLM_ZERO_TERMINATED;
    options.grammar_kind = EDGE_LLM_GRAMMAR_REGEX;
    OK(edge_llm_request_submit(context, prompts[0], 4, &options, 1, &request));
    do {
        OK(edge_llm_request_wait(request, &piece));
        strncat(text, piece.text, sizeof text - strlen(text) - 1);
    } while (piece.finish == EDGE_LLM_FINISH_NONE);
    CHECK(piece.finish == EDGE_LLM_FINISH_EOS && strlen(text) == 3 && strspn(text, "ab") == 3);
    OK(edge_llm_request_close(request));
    options.grammar = "[ab";
    STATUS(EDGE_LLM_GRAMMAR_ERROR, edge_llm_request_submit(context, prompts[0], 4, &options, 1, &request));
    OK(edge_llm_context_close(context));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    model = open_model(argv[1]);
    OK(edge_llm_sampling_options_default(&sampling, sizeof sampling));
    sampling.seed = 42;
    alone();
    by_steps();
    by_the_librarys_thread();
    by_those_who_wait();
    beside_a_generation();
    choices();
    cancelled();
    cancelled_while_waiting();
    callbacks();
    refusals();
    chats();
    grammars();
    OK(edge_llm_model_close(model));
    puts("ok");
    return 0;
}
