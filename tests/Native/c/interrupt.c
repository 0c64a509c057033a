/* What ends work early: cancelling, closing, deadlines, callbacks; from the same thread and from others. And what a context in use refuses. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

typedef struct run {
    edge_llm_context *context;
    edge_llm_model *model;
    atomic_int pieces;
    int what;                /* to do in the callback */
    int32_t finish;          /* of the last piece */
    edge_llm_status status;  /* of edge_llm_context_generate */
} run;

enum { NOTHING, STOP, CANCEL, CLOSE, CLOSE_BOTH, REENTER, THROTTLE };

static int32_t on_piece(void *user, const edge_llm_piece *piece)
{
    run *r = user;
    int made = atomic_fetch_add(&r->pieces, 1) + 1;
    int32_t token = 3;
    size_t count;
    edge_llm_context_counters counters = {.struct_size = sizeof counters};
    edge_llm_context_options options = {.struct_size = sizeof options};
    edge_llm_piece next = {.struct_size = sizeof next};
    CHECK(piece->struct_size >= sizeof *piece);
    r->finish = piece->finish;
    if (r->what == THROTTLE) usleep(made < 50 ? 2000 : 100000); /* whoever is to end it does so long before the context is full */
    if (made != 3) return 0;
    switch (r->what) {
        case STOP: return 1;
        case CANCEL: OK(edge_llm_context_cancel(r->context)); return 0;
        case CLOSE: OK(edge_llm_context_close(r->context)); return 0;
        case CLOSE_BOTH: OK(edge_llm_model_close(r->model)); OK(edge_llm_context_close(r->context)); return 0;
        case REENTER:
            STATUS(EDGE_LLM_BUSY, edge_llm_context_eval(r->context, 0, &token, 1));
            STATUS(EDGE_LLM_BUSY, edge_llm_context_generate(r->context, &token, 1, NULL, on_piece, NULL));
            STATUS(EDGE_LLM_BUSY, edge_llm_context_start(r->context, &token, 1, NULL));
            STATUS(EDGE_LLM_BUSY, edge_llm_context_next(r->context, &next));
            STATUS(EDGE_LLM_BUSY, edge_llm_context_get_counters(r->context, &counters));
            STATUS(EDGE_LLM_BUSY, edge_llm_sequence_tokens(r->context, 0, &token, 1, &count));
            STATUS(EDGE_LLM_BUSY, edge_llm_sequence_remove(r->context, 0));
            STATUS(EDGE_LLM_BUSY, edge_llm_state_save(r->context, 0, NULL, 0, &count));
            OK(edge_llm_context_get_options(r->context, &options));
            OK(edge_llm_tokenize(r->model, "x", 1, 0, NULL, 0, &count) == EDGE_LLM_BUFFER_TOO_SMALL ? EDGE_LLM_OK : EDGE_LLM_INTERNAL);
            return 0;
        default: return 0;
    }
}

static void *generate(void *user)
{
    run *r = user;
    int32_t token = 3;
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, r->what == NOTHING || r->what == REENTER ? 8 : -1);
    r->status = edge_llm_context_generate(r->context, &token, 1, &options, on_piece, r);
    return NULL;
}

static void in_callbacks(const char *path)
{
    static const struct { int what; edge_llm_status status; int32_t finish; } cases[] = {
        {NOTHING, EDGE_LLM_OK, EDGE_LLM_FINISH_LENGTH},
        {REENTER, EDGE_LLM_OK, EDGE_LLM_FINISH_LENGTH},
        {STOP, EDGE_LLM_CANCELLED, EDGE_LLM_FINISH_NONE},
        {CANCEL, EDGE_LLM_CANCELLED, EDGE_LLM_FINISH_CANCELLED},
        {CLOSE, EDGE_LLM_CANCELLED, EDGE_LLM_FINISH_CANCELLED},
        {CLOSE_BOTH, EDGE_LLM_CANCELLED, EDGE_LLM_FINISH_CANCELLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run r = {.what = cases[i].what};
        edge_llm_context_counters counters = {.struct_size = sizeof counters};
        r.model = open_model(path);
        r.context = open_context(r.model, 0, 1);
        generate(&r);
        CHECK(r.status == cases[i].status && r.finish == cases[i].finish);
        if (r.what == CLOSE || r.what == CLOSE_BOTH) {
            STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_context_close(r.context));
        } else {
            OK(edge_llm_context_get_counters(r.context, &counters));
            CHECK(counters.finish == (r.what == STOP ? EDGE_LLM_FINISH_CANCELLED : cases[i].finish));
            r.what = NOTHING; /* the context is usable */
            generate(&r);
            CHECK(r.status == EDGE_LLM_OK);
            OK(edge_llm_context_close(r.context));
        }
        if (cases[i].what != CLOSE_BOTH) OK(edge_llm_model_close(r.model));
    }
}

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void from_other_threads(const char *path)
{
    for (int close = 0; close < 2; close++) {
        run r = {.what = THROTTLE};
        pthread_t thread;
        r.model = open_model(path);
        r.context = open_context(r.model, 0, 1);
        CHECK(pthread_create(&thread, NULL, generate, &r) == 0);
        while (atomic_load(&r.pieces) < 2) usleep(500);
        OK(close ? edge_llm_context_close(r.context) : edge_llm_context_cancel(r.context));
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(r.status == EDGE_LLM_CANCELLED && r.finish == EDGE_LLM_FINISH_CANCELLED);
        if (close) STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_context_cancel(r.context));
        else OK(edge_llm_context_close(r.context));
        OK(edge_llm_model_close(r.model));
    }
}

static void pulled(const char *path)
{
    edge_llm_model *model = open_model(path);
    edge_llm_context *context = open_context(model, 0, 1);
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, 5);
    edge_llm_piece piece = {.struct_size = sizeof piece};
    int32_t token = 3, steps = 0;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_next(context, &piece));
    OK(edge_llm_context_start(context, &token, 1, &options));
    do {
        OK(edge_llm_context_next(context, &piece));
        steps++;
    } while (piece.finish == EDGE_LLM_FINISH_NONE);
    CHECK(steps == 6 && piece.finish == EDGE_LLM_FINISH_LENGTH && piece.token == -1);
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_next(context, &piece));

    OK(edge_llm_context_start(context, &token, 1, &options)); /* cancelled between two steps */
    OK(edge_llm_context_next(context, &piece));
    OK(edge_llm_context_cancel(context));
    STATUS(EDGE_LLM_CANCELLED, edge_llm_context_next(context, &piece));
    CHECK(piece.finish == EDGE_LLM_FINISH_CANCELLED);
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_next(context, &piece));

    OK(edge_llm_context_start(context, &token, 1, &options)); /* ended by another use of the context */
    OK(edge_llm_context_next(context, &piece));
    OK(edge_llm_sequence_remove(context, 0));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_next(context, &piece));
    OK(edge_llm_context_cancel(context)); /* nothing is under way */
    OK(edge_llm_context_eval(context, 0, &token, 1));

    options.id = 7; /* who reads one generation does not get the steps of another */
    OK(edge_llm_context_start(context, &token, 1, &options));
    piece.id = 0;
    OK(edge_llm_context_next(context, &piece));
    CHECK(piece.id == 7);
    options.id = 8;
    OK(edge_llm_context_start(context, &token, 1, &options));
    for (int i = 0; i < 2; i++) STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_next(context, &piece));
    piece.id = 8;
    steps = 0;
    do {
        OK(edge_llm_context_next(context, &piece));
        steps++;
    } while (piece.finish == EDGE_LLM_FINISH_NONE);
    CHECK(steps == 6 && piece.finish == EDGE_LLM_FINISH_LENGTH);
    options.id = 0;
    piece.id = 0;

    OK(edge_llm_context_start(context, &token, 1, &options)); /* closed between two steps */
    OK(edge_llm_context_next(context, &piece));
    OK(edge_llm_context_close(context));
    STATUS(EDGE_LLM_INVALID_HANDLE, edge_llm_context_next(context, &piece));
    OK(edge_llm_model_close(model));
}

static void deadlines(const char *path)
{
    run r = {.what = THROTTLE};
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, -1);
    edge_llm_piece piece = {.struct_size = sizeof piece};
    int32_t tokens[100];
    size_t count;
    float *vector = calloc(1 << 16, sizeof(float));
    some_tokens(tokens, 100);
    r.model = open_model(path);
    r.context = open_context(r.model, 0, 1);

    int64_t start = milliseconds();
    options.deadline = 200;
    r.status = edge_llm_context_generate(r.context, tokens, 10, &options, on_piece, &r);
    CHECK(r.status == EDGE_LLM_DEADLINE_EXCEEDED && r.finish == EDGE_LLM_FINISH_DEADLINE && milliseconds() - start >= 190);
    options.deadline = 0;
    STATUS(EDGE_LLM_DEADLINE_EXCEEDED, edge_llm_context_generate(r.context, tokens, 10, &options, on_piece, &r));
    options.deadline = INT64_MAX;
    options.max_tokens = 2;
    OK(edge_llm_context_generate(r.context, tokens, 10, &options, on_piece, &r));

    OK(edge_llm_context_set_deadline(r.context, 0));
    STATUS(EDGE_LLM_DEADLINE_EXCEEDED, edge_llm_context_eval(r.context, 1, tokens, 10));
    STATUS(EDGE_LLM_DEADLINE_EXCEEDED, edge_llm_context_eval_batch(r.context, tokens, NULL, NULL, 10));
    STATUS(EDGE_LLM_DEADLINE_EXCEEDED, edge_llm_context_embed(r.context, tokens, 10, 1, vector, 1 << 16, &count));
    STATUS(EDGE_LLM_DEADLINE_EXCEEDED, edge_llm_context_start(r.context, tokens, 10, &options));
    OK(edge_llm_context_set_deadline(r.context, -1));
    OK(edge_llm_context_eval(r.context, 1, tokens, 10));

    options.deadline = 200;
    options.max_tokens = -1;
    OK(edge_llm_context_start(r.context, tokens, 10, &options));
    usleep(210000); /* no token is made after it, however busy the machine is */
    STATUS(EDGE_LLM_DEADLINE_EXCEEDED, edge_llm_context_next(r.context, &piece));
    CHECK(piece.finish == EDGE_LLM_FINISH_DEADLINE && piece.token == -1);
    free(vector);
    OK(edge_llm_context_close(r.context));
    OK(edge_llm_model_close(r.model));
}

static int32_t on_prefill(void *user, size_t done, size_t total)
{
    int *calls = user;
    CHECK(done <= total && total == 100);
    return ++*calls == 2;
}

static void prefill(const char *path)
{
    edge_llm_model *model = open_model(path);
    edge_llm_context *context;
    edge_llm_context_options small;
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options options = greedy(&sampling, 1);
    run r = {0};
    int32_t tokens[100];
    int calls = 0;
    some_tokens(tokens, 100);
    OK(edge_llm_context_options_default(&small, sizeof small));
    small.batch_size = 20;
    small.threads = 1;
    OK(edge_llm_context_create(model, &small, &context));
    options.prefill = on_prefill;
    options.prefill_user = &calls;
    STATUS(EDGE_LLM_CANCELLED, edge_llm_context_generate(context, tokens, 100, &options, on_piece, &r));
    CHECK(calls == 2 && r.finish == EDGE_LLM_FINISH_CANCELLED);
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
}

static int releases, messages;

static void on_release(void *user, const void *data, size_t size)
{
    CHECK(user == &releases && data != NULL && size > 0);
    releases++;
}

static void on_log(void *user, edge_llm_log_level level, const char *message, size_t length)
{
    CHECK(user == &messages && level >= EDGE_LLM_LOG_ERROR && level <= EDGE_LLM_LOG_DEBUG && strlen(message) == length);
    if (level == EDGE_LLM_LOG_WARNING) CHECK(strstr(message, "all layers stay on the CPU") != NULL);
    messages++;
}

/* Memory that is lent is given back once, when nobody needs it; and the log is heard until then. */
static void lending(const char *path)
{
    FILE *file = fopen(path, "rb");
    CHECK(file && fseek(file, 0, SEEK_END) == 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    void *data = aligned_alloc(64, (size + 127) / 64 * 64);
    CHECK(data && fread(data, 1, size, file) == size && fclose(file) == 0);
    edge_llm_model *model, *copy;
    edge_llm_model_options options;
    OK(edge_llm_model_open_memory(data, size, NULL, &copy));
    OK(edge_llm_model_options_default(&options, sizeof options));
    options.release = on_release;
    options.release_user = &releases;
    options.log = on_log;
    options.log_user = &messages;
    options.log_level = EDGE_LLM_LOG_DEBUG;
    options.n_gpu_layers = -1;
    OK(edge_llm_model_open_memory(data, size, &options, &model));
    edge_llm_context *context = open_context(model, 0, 1), *other = open_context(copy, 0, 1);
    int32_t token = 3;
    const float *logits, *expected;
    size_t count;
    OK(edge_llm_context_eval(context, 0, &token, 1));
    OK(edge_llm_context_eval(other, 0, &token, 1));
    OK(edge_llm_context_logits(context, 0, &logits, &count));
    OK(edge_llm_context_logits(other, 0, &expected, &count));
    CHECK(memcmp(logits, expected, count * sizeof *logits) == 0);
    OK(edge_llm_model_close(model));
    CHECK(releases == 0);
    OK(edge_llm_context_eval(context, 0, &token, 1));
    OK(edge_llm_context_close(context));
    CHECK(releases == 1 && messages >= 3);

    STATUS(EDGE_LLM_INVALID_FILE, edge_llm_model_open_memory(data, 100, &options, &model));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open_memory((char *)data + 1, size - 1, &options, &model));
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open_memory(data, SIZE_MAX, &options, &model));
    options.use_mmap = 7;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open_memory(data, size, &options, &model));
    options.use_mmap = 1;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open_memory(data, size, &options, NULL));
    CHECK(releases == 6 && model == NULL);
    struct { edge_llm_model_options options; uint64_t later; } newer = {options, 1};
    newer.options.struct_size = sizeof newer;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open_memory(data, size, &newer.options, &model));
    CHECK(releases == 7 && model == NULL);
    memset(data, 0, size); /* the copy is one */
    OK(edge_llm_context_eval(other, 0, &token, 1));
    OK(edge_llm_context_close(other));
    OK(edge_llm_model_close(copy));
    free(data);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    in_callbacks(argv[1]);
    from_other_threads(argv[1]);
    pulled(argv[1]);
    deadlines(argv[1]);
    prefill(argv[1]);
    lending(argv[1]);
    puts("ok");
    return 0;
}
