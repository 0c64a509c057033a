/* dlclose leaves the library in place, for its threads run its code: the same one is there when it is opened again. Threads with hardly any
 * stack are answered. And the host's SIGPIPE does what it did. */
#define _GNU_SOURCE
#include "check.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static void *library;

#define FIND(function) (*(__typeof__(&function) *)find(#function))

static void **find(const char *name)
{
    static void *symbol;
    symbol = dlsym(library, name);
    CHECK(symbol != NULL);
    return &symbol;
}

static const char *path;
static edge_llm_status statuses[2];
static int released;

static void on_release(void *user, const void *data, size_t size)
{
    (void)user;
    CHECK(data == path && size == 3);
    released++;
}

static void *with_little_stack(void *user)
{
    edge_llm_version_info version = {.struct_size = sizeof version};
    edge_llm_model *model = NULL;
    (void)user;
    statuses[0] = FIND(edge_llm_version)(&version);
    statuses[1] = FIND(edge_llm_model_open)(path, EDGE_LLM_ZERO_TERMINATED, NULL, &model);
    if (model) CHECK(FIND(edge_llm_model_close)(model) == EDGE_LLM_OK);
    edge_llm_model_options lent = {.struct_size = sizeof lent, .release = on_release};
    edge_llm_model *none = (edge_llm_model *)&lent;
    released = 0;
    CHECK(FIND(edge_llm_model_open_memory)(path, 3, &lent, &none) != EDGE_LLM_OK && none == NULL && released == 1);
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3); /* library, model */
    path = argv[2];
    signal(SIGPIPE, SIG_DFL); /* whoever started this may have it ignored */
    edge_llm_model *model = NULL;
    edge_llm_context *context = NULL;
    edge_llm_context_options options;
    int32_t token = 3;
    void *first = NULL;
    for (int i = 0; i < 3; i++) {
        library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        CHECK(library != NULL);
        void *address = *find("edge_llm_version");
        CHECK(first == NULL || first == address);
        first = address;
        if (!model) {
            CHECK(FIND(edge_llm_model_open)(path, EDGE_LLM_ZERO_TERMINATED, NULL, &model) == EDGE_LLM_OK);
            CHECK(FIND(edge_llm_context_options_default)(&options, sizeof options) == EDGE_LLM_OK);
            options.threads = 2;
            CHECK(FIND(edge_llm_context_create)(model, &options, &context) == EDGE_LLM_OK);
        }
        CHECK(FIND(edge_llm_context_eval)(context, 0, &token, 1) == EDGE_LLM_OK); /* handles outlive the closing */
        CHECK(dlclose(library) == 0);
    }
    library = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    CHECK(library != NULL); /* it never left */
    struct sigaction pipe;
    CHECK(sigaction(SIGPIPE, NULL, &pipe) == 0 && pipe.sa_handler == SIG_DFL);

    for (size_t kilobytes = 64; kilobytes <= 512; kilobytes *= 2) {
        pthread_attr_t attributes;
        pthread_t thread;
        if (kilobytes << 10 < (size_t)sysconf(_SC_THREAD_STACK_MIN)) continue;
        CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, kilobytes << 10) == 0);
        CHECK(pthread_create(&thread, &attributes, with_little_stack, NULL) == 0 && pthread_join(thread, NULL) == 0);
        CHECK(statuses[0] == EDGE_LLM_OK && (statuses[1] == EDGE_LLM_OK || statuses[1] == EDGE_LLM_OUT_OF_MEMORY));
        printf("%zu KiB of stack: open gives %d\n", kilobytes, (int)statuses[1]);
    }
    CHECK(statuses[1] == EDGE_LLM_OK);
    CHECK(FIND(edge_llm_context_close)(context) == EDGE_LLM_OK && FIND(edge_llm_model_close)(model) == EDGE_LLM_OK);
    puts("ok");
    return 0;
}
