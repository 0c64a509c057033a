/* Out of memory at each large allocation: this program's aligned_alloc stands before the C library's, and fails the allocation it is told to.
 * Each run ends with a status, leaks nothing, and the next one works. */
#define _GNU_SOURCE
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

static atomic_long allocations, failing = -1, live;
static void *(*allocate)(size_t, size_t);
static void (*release)(void *);

/* Which blocks are the library's, so that free can count them. */
#define SLOTS 4096
static _Atomic(void *) blocks[SLOTS];

static void find(void)
{
    allocate = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
    release = (void (*)(void *))dlsym(RTLD_NEXT, "free");
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (!allocate) find();
    if (atomic_fetch_add(&allocations, 1) == atomic_load(&failing)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = allocate(alignment, size);
    for (size_t i = 0; block && i < SLOTS; i++) {
        void *empty = NULL;
        if (!atomic_compare_exchange_strong(&blocks[i], &empty, block)) continue;
        atomic_fetch_add(&live, 1);
        break;
    }
    return block;
}

void free(void *block)
{
    if (!release) find();
    for (size_t i = 0; block && atomic_load(&live) > 0 && i < SLOTS; i++) {
        void *same = block;
        if (!atomic_compare_exchange_strong(&blocks[i], &same, NULL)) continue;
        atomic_fetch_sub(&live, 1);
        break;
    }
    release(block);
}

static int32_t take(void *user, const edge_llm_piece *piece)
{
    int *count = user;
    if (piece->token >= 0) ++*count;
    return 0;
}

/* Everything that takes memory. Returns the first status that is not OK. */
static edge_llm_status everything(const char *path)
{
#define TRY(call)                                               \
    do {                                                        \
        if ((status = call) != EDGE_LLM_OK) goto end;           \
    } while (0)
    edge_llm_status status;
    edge_llm_model *model = NULL;
    edge_llm_context *context = NULL;
    edge_llm_model_options open;
    edge_llm_context_options options;
    const edge_llm_sampling_options *sampling;
    edge_llm_generate_options generate;
    int32_t tokens[100];
    static float vector[1 << 16];
    static char state[1 << 22];
    size_t count;
    int pieces = 0;
    some_tokens(tokens, 100);
    OK(edge_llm_model_options_default(&open, sizeof open));
    OK(edge_llm_context_options_default(&options, sizeof options));
    generate = greedy(&sampling, 4);
    open.use_mmap = 0;
    options.threads = 2;
    options.context_size = 256;
    options.max_sequences = 4;
    TRY(edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &open, &model));
    TRY(edge_llm_context_create(model, &options, &context));
    TRY(edge_llm_context_eval(context, 0, tokens, 100));
    TRY(edge_llm_sequence_copy(context, 0, 1));
    TRY(edge_llm_context_eval(context, 1, tokens, 30));
    TRY(edge_llm_context_embed(context, tokens, 70, 1, vector, sizeof vector / sizeof *vector, &count));
    TRY(edge_llm_state_save(context, 0, state, sizeof state, &count));
    TRY(edge_llm_state_load(context, 2, state, count));
    TRY(edge_llm_context_generate(context, tokens, 10, &generate, take, &pieces));
    CHECK(pieces == 4);
end:
    if (context) OK(edge_llm_context_close(context));
    if (model) OK(edge_llm_model_close(model));
    return status;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    OK(everything(argv[1]));
    long before = atomic_load(&live);
    atomic_store(&allocations, 0);
    OK(everything(argv[1]));
    long count = atomic_load(&allocations);
    CHECK(atomic_load(&live) == before);
    CHECK(count >= 8);
    for (long i = 0; i < count; i++) {
        atomic_store(&allocations, 0);
        atomic_store(&failing, i);
        STATUS(EDGE_LLM_OUT_OF_MEMORY, everything(argv[1]));
        atomic_store(&failing, -1);
        CHECK(atomic_load(&live) == before);
        OK(everything(argv[1]));
    }
    printf("%ld allocations failed one by one\nok\n", count);
    return 0;
}
