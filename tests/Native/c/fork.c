/* A child of a process that used the library is told so by every function, at once; one of a process that did not may use it. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static edge_llm_model *model;
static edge_llm_context *context;
static atomic_int stop;

static int32_t take(void *user, const edge_llm_piece *piece)
{
    (void)user;
    (void)piece;
    return atomic_load(&stop);
}

static void on_release(void *user, const void *data, size_t size)
{
    CHECK(size == 1 && *(const char *)data == 'x');
    ++*(int *)user;
}

#define FORKED(call)                                                                     \
    do {                                                                                 \
        edge_llm_status status = call;                                                   \
        if (status != EDGE_LLM_FORKED) {                                                 \
            fprintf(stderr, "in the child: %s: status %d\n", #call, (int)status);        \
            _exit(1);                                                                    \
        }                                                                                \
    } while (0)

static void every_function(void)
{
    char text[64];
    int32_t tokens[8] = {3};
    float number;
    const float *logits;
    const char *name;
    size_t count;
    edge_llm_version_info version = {.struct_size = sizeof version};
    edge_llm_feature_info features = {.struct_size = sizeof features};
    edge_llm_error error = {.struct_size = sizeof error};
    edge_llm_model_info info = {.struct_size = sizeof info};
    edge_llm_token_info token = {.struct_size = sizeof token};
    edge_llm_memory_plan plan = {.struct_size = sizeof plan};
    edge_llm_piece piece = {.struct_size = sizeof piece};
    edge_llm_context_counters counters = {.struct_size = sizeof counters};
    edge_llm_model_options model_options;
    edge_llm_chat_options chat_options;
    edge_llm_context_options context_options;
    edge_llm_sampling_options sampling_options;
    edge_llm_generate_options generate_options;
    edge_llm_chat_message message = {.role = "user", .role_length = 4};
    edge_llm_model *other = model;
    int released = 0;
    edge_llm_model_options lent = {.struct_size = sizeof lent, .release = on_release, .release_user = &released};
    FORKED(edge_llm_version(&version));
    FORKED(edge_llm_features(&features));
    FORKED(edge_llm_status_name(EDGE_LLM_OK, &name, &count));
    FORKED(edge_llm_last_error(NULL));
    FORKED(edge_llm_last_error(&error));
    CHECK(error.code == EDGE_LLM_FORKED && strstr(error.message, "forked") && strlen(error.message) == error.message_length);
    FORKED(edge_llm_model_options_default(&model_options, sizeof model_options));
    FORKED(edge_llm_chat_options_default(&chat_options, sizeof chat_options));
    FORKED(edge_llm_context_options_default(&context_options, sizeof context_options));
    FORKED(edge_llm_sampling_options_default(&sampling_options, sizeof sampling_options));
    FORKED(edge_llm_generate_options_default(&generate_options, sizeof generate_options));
    FORKED(edge_llm_model_open("x", 1, NULL, &other));
    CHECK(other == NULL);
    FORKED(edge_llm_model_open_memory("x", 1, NULL, &other));
    FORKED(edge_llm_model_open_memory("x", 1, &lent, &other));
    CHECK(released == 1);
    FORKED(edge_llm_model_get_info(model, &info));
    FORKED(edge_llm_model_metadata_count(model, &count));
    FORKED(edge_llm_model_metadata_key(model, 0, text, sizeof text, &count));
    FORKED(edge_llm_model_metadata(model, "x", 1, text, sizeof text, &count));
    FORKED(edge_llm_model_plan(model, NULL, &plan));
    FORKED(edge_llm_tokenize(model, "x", 1, 0, tokens, 8, &count));
    FORKED(edge_llm_detokenize(model, tokens, 1, 0, text, sizeof text, &count));
    FORKED(edge_llm_token_text(model, 3, 0, text, sizeof text, &count));
    FORKED(edge_llm_token_get_info(model, 3, &token));
    FORKED(edge_llm_chat_tokenize(model, &message, 1, NULL, tokens, 8, &count));
    FORKED(edge_llm_chat_render(model, &message, 1, NULL, text, sizeof text, &count));
    FORKED(edge_llm_context_create(model, NULL, &context));
    FORKED(edge_llm_context_cancel(context));
    FORKED(edge_llm_context_set_deadline(context, 1));
    FORKED(edge_llm_context_get_options(context, &context_options));
    FORKED(edge_llm_context_get_counters(context, &counters));
    FORKED(edge_llm_context_eval(context, 0, tokens, 1));
    FORKED(edge_llm_context_eval_batch(context, tokens, NULL, NULL, 1));
    FORKED(edge_llm_context_logits(context, 0, &logits, &count));
    FORKED(edge_llm_context_copy_logits(context, 0, &number, 1, &count));
    FORKED(edge_llm_context_embed(context, tokens, 1, 1, &number, 1, &count));
    FORKED(edge_llm_context_sample(context, 0, 0, NULL, tokens));
    FORKED(edge_llm_context_generate(context, tokens, 1, NULL, take, NULL));
    FORKED(edge_llm_context_start(context, tokens, 1, NULL));
    FORKED(edge_llm_context_next(context, &piece));
    FORKED(edge_llm_sequence_tokens(context, 0, tokens, 8, &count));
    FORKED(edge_llm_sequence_copy(context, 0, 1));
    FORKED(edge_llm_sequence_remove(context, 0));
    FORKED(edge_llm_sequence_trim(context, 0, 0));
    FORKED(edge_llm_state_save(context, 0, text, sizeof text, &count));
    FORKED(edge_llm_state_load(context, 0, text, sizeof text));
    FORKED(edge_llm_state_save_file(context, 0, "x", 1));
    FORKED(edge_llm_state_load_file(context, 0, "x", 1));
    FORKED(edge_llm_context_close(context));
    FORKED(edge_llm_model_close(model));
}

/* Forks; the child does the work and ends as a program does, with its exit handlers. It has two minutes: one that hangs ends, one that is slow does not. */
static void in_child(void (*work)(void))
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(120);
        work();
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const char *path;

static void use(void)
{
    edge_llm_model *own = open_model(path);
    edge_llm_context *other = open_context(own, 64, 2);
    int32_t token = 3;
    OK(edge_llm_context_eval(other, 0, &token, 1));
    OK(edge_llm_context_close(other));
    OK(edge_llm_model_close(own));
}

/* Process 1 of a PID namespace, whose child is process 1 of another: the number is the same. Where such are not allowed, as for most users, there is
 * nothing to test. */
static void with_the_same_number(void)
{
    model = open_model(path);
    context = open_context(model, 64, 2);
    if (unshare(CLONE_NEWPID) == 0) in_child(every_function);
}

static void in_a_namespace(void)
{
    if (unshare(CLONE_NEWPID) == 0) in_child(with_the_same_number);
}

static void *generate(void *user)
{
    int32_t token = 3;
    const edge_llm_sampling_options *sampling;
    (void)user;
    while (!atomic_load(&stop)) {
        edge_llm_generate_options options = greedy(&sampling, 50);
        edge_llm_status status = edge_llm_context_generate(context, &token, 1, &options, take, NULL);
        CHECK(status == EDGE_LLM_OK || status == EDGE_LLM_CANCELLED);
    }
    return NULL;
}

static void *fork_from_a_thread_that_never_called(void *user)
{
    (void)user;
    for (int i = 0; i < 20; i++) in_child(every_function);
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    path = argv[1];
    in_child(use); /* nothing was used before */
    in_child(in_a_namespace);
    model = open_model(path);
    context = open_context(model, 256, 2);
    in_child(every_function);

    pthread_t working, forking;
    CHECK(pthread_create(&working, NULL, generate, NULL) == 0);
    for (int i = 0; i < 20; i++) in_child(every_function);
    CHECK(pthread_create(&forking, NULL, fork_from_a_thread_that_never_called, NULL) == 0);
    CHECK(pthread_join(forking, NULL) == 0);
    atomic_store(&stop, 1);
    CHECK(pthread_join(working, NULL) == 0);

    use(); /* the parent goes on */
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
    puts("ok");
    return 0;
}
