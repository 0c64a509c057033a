/* Where the system gives no thread and no address space, calls are answered: before the library has begun, and at each thread and mapping that
 * it asks for later. This program's pthread_create and mmap stand before the C library's, and fail the call that they are told to. */
#define _GNU_SOURCE
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { THREADS, MAPPINGS, KINDS };

static atomic_long calls[KINDS];
static atomic_long failing[KINDS] = {-1, -1}; /* this call and all after it */

static int fails(int kind)
{
    long call = atomic_fetch_add(&calls[kind], 1), first = atomic_load(&failing[kind]);
    return first >= 0 && call >= first;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!create) create = (__typeof__(create))dlsym(RTLD_NEXT, "pthread_create");
    return fails(THREADS) ? EAGAIN : create(thread, attributes, start, argument);
}

/* Files only: what the managed heap takes is its own matter. */
void *mmap64(void *address, size_t length, int protection, int flags, int file, off64_t offset)
{
    static void *(*map)(void *, size_t, int, int, int, off64_t);
    if (!map) map = (__typeof__(map))dlsym(RTLD_NEXT, "mmap64");
    if (file < 0 || !fails(MAPPINGS)) return map(address, length, protection, flags, file, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

static void refused(void)
{
    edge_llm_version_info version = {.struct_size = sizeof version};
    edge_llm_error error = {.struct_size = sizeof error};
    CHECK(edge_llm_version(&version) == EDGE_LLM_OUT_OF_MEMORY);
    CHECK(edge_llm_last_error(&error) == EDGE_LLM_OUT_OF_MEMORY && error.code == EDGE_LLM_OUT_OF_MEMORY);
    CHECK(strstr(error.message, "address space") && strlen(error.message) == error.message_length);
}

/* The runtime takes half of the limit, whatever there is already. */
static void before_it_begins(void)
{
    static const size_t megabytes[][2] = {{64, 0}, {256, 128}, {1000, 450}, {2000, 1200}, {10000, 9000}}; /* limit, in use */
    struct rlimit old, small;
    CHECK(getrlimit(RLIMIT_AS, &old) == 0);
    small = old;
    for (size_t i = 0; i < sizeof megabytes / sizeof *megabytes; i++) {
        size_t used = megabytes[i][1] << 20;
        small.rlim_cur = (rlim_t)megabytes[i][0] << 20;
        CHECK(setrlimit(RLIMIT_AS, &small) == 0);
        void *mine = used ? mmap(NULL, used, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : NULL;
        CHECK(mine != MAP_FAILED);
        refused();
        if (mine) CHECK(munmap(mine, used) == 0);
        CHECK(setrlimit(RLIMIT_AS, &old) == 0);
    }
    atomic_store(&failing[THREADS], 0);
    refused();
    atomic_store(&failing[THREADS], -1);
}

static int32_t take(void *user, const edge_llm_piece *piece)
{
    int *count = user;
    if (piece->token >= 0) ++*count;
    return 0;
}

static edge_llm_status everything(const char *path)
{
    edge_llm_model *model;
    edge_llm_context *context = NULL;
    edge_llm_context_options options;
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options generate = greedy(&sampling, 4);
    int32_t tokens[20];
    int pieces = 0;
    some_tokens(tokens, 20);
    OK(edge_llm_context_options_default(&options, sizeof options));
    options.context_size = 128;
    options.threads = 3;
    generate.deadline = 60000;
    edge_llm_status status = edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, NULL, &model);
    if (status == EDGE_LLM_OK) status = edge_llm_context_create(model, &options, &context);
    if (status == EDGE_LLM_OK) status = edge_llm_context_generate(context, tokens, 20, &generate, take, &pieces);
    CHECK(status != EDGE_LLM_OK || pieces == 4);
    if (context) OK(edge_llm_context_close(context));
    if (model) OK(edge_llm_model_close(model));
    return status;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    before_it_begins();
    for (int kind = 0; kind < KINDS; kind++) {
        OK(everything(argv[1]));
        atomic_store(&calls[kind], 0);
        OK(everything(argv[1]));
        long count = atomic_load(&calls[kind]);
        CHECK(count > 0);
        for (long i = 0; i < count; i++) {
            atomic_store(&calls[kind], 0);
            atomic_store(&failing[kind], i);
            STATUS(EDGE_LLM_OUT_OF_MEMORY, everything(argv[1]));
            atomic_store(&failing[kind], -1);
            OK(everything(argv[1]));
        }
        printf("%ld %s refused one by one\n", count, kind == THREADS ? "threads" : "mappings");
    }
    puts("ok");
    return 0;
}
