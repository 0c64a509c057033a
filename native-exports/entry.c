/* What stands between a C caller and the managed code, and must not need the managed runtime:
 *
 *   - a processor older than the build, a process without room for the runtime, or a forked child, where the runtime would end the process
 *     or hang: a status instead;
 *   - the floating-point environment: the engine computes under the default one, the caller gets its own back, also in callbacks.
 *
 * For each function of edge_llm.h there is one line below, and one managed_edge_llm_... in Exports/. */
#define EDGE_LLM_BUILD
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "edge_llm.h"
#include "processor.h"

#include <string.h>
#ifndef _WIN32
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

/* ------------------------------------------------- the floating-point environment ------------------------------------------------- */

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>

typedef unsigned int float_state; /* MXCSR: rounding, flush-to-zero, denormals-are-zero, exception masks and flags */

static float_state float_get(void) { return _mm_getcsr(); }
static void float_set(float_state state) { _mm_setcsr(state); }
static float_state float_default(void) { return 0x1f80; } /* nearest, nothing flushed, exceptions masked, no flags */

#elif defined(__aarch64__)

typedef struct { uint64_t control, flags; } float_state; /* FPCR and FPSR */

static float_state float_get(void)
{
    float_state state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state.control));
    __asm__ volatile("mrs %0, fpsr" : "=r"(state.flags));
    return state;
}

static void float_set(float_state state)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(state.control));
    __asm__ volatile("msr fpsr, %0" : : "r"(state.flags));
}

static float_state float_default(void)
{
    float_state state = {0, 0};
    return state;
}

#else
#error "entry.c: unknown processor"
#endif

/* ----------------------------------------------------------- entering ----------------------------------------------------------- */

#ifdef _MSC_VER
#define THREAD_LOCAL __declspec(thread)
#else
#define THREAD_LOCAL _Thread_local
#endif

typedef struct entry {
    float_state caller;
    struct entry *outer; /* the entry whose callback this one was made from */
#ifndef _WIN32
    struct sigaction pipe; /* what SIGPIPE does, in the first entry of all */
    int first;
#endif
} entry;

static THREAD_LOCAL entry *current;

/* Asked once: 0 is not yet, 1 yes, 2 no. Threads that ask at the same time find the same. */
static int processor_suffices(void)
{
    static volatile int known;
    if (known == 0) known = processor_has() ? 1 : 2;
    return known == 1;
}

#ifndef _WIN32
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

static void *nothing(void *argument) { return argument; }

/* Whether the runtime can begin: it ends the process where it gets no thread, or no address space for its heap. Where that space is limited, it
 * reserves half of the limit, whatever else the process has. */
static int runtime_can_begin(void)
{
    const size_t least = (size_t)256 << 20, besides = (size_t)128 << 20;
    struct rlimit limit;
    size_t room = least;
    pthread_t thread;
    void *address;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur / 2 + besides > least)
        room = (size_t)limit.rlim_cur / 2 + besides;
    address = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) return 0;
    munmap(address, room);
    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}
#endif

#ifndef _WIN32
/* A child has one thread only: whatever lock another one held at the fork is held for ever. Its process id tells, but for the first process of a
 * PID namespace whose parent was the first one of another. */
static _Atomic pid_t owner;
static atomic_int forked;

static void in_child(void)
{
    if (atomic_load(&owner) != 0) atomic_store(&forked, 1);
}
#endif

static edge_llm_status enter(entry *self)
{
#ifndef _WIN32
    pid_t process = getpid(), known = atomic_load_explicit(&owner, memory_order_relaxed);
    self->first = 0;
    if (atomic_load_explicit(&forked, memory_order_relaxed)) return EDGE_LLM_FORKED;
    if (known != process) {
        if (known != 0) return EDGE_LLM_FORKED;
        if (!processor_suffices()) return EDGE_LLM_UNSUPPORTED;
        if (!runtime_can_begin() || pthread_atfork(NULL, NULL, in_child) != 0) return EDGE_LLM_OUT_OF_MEMORY;
        sigaction(SIGPIPE, NULL, &self->pipe); /* before another thread may enter */
        self->first = atomic_compare_exchange_strong(&owner, &known, process);
        if (!self->first && known != process) return EDGE_LLM_FORKED;
    }
#endif
    if (!processor_suffices()) return EDGE_LLM_UNSUPPORTED;
    self->caller = float_get();
    self->outer = current;
    current = self;
    float_set(float_default());
    return EDGE_LLM_OK;
}

static void leave(entry *self)
{
#ifndef _WIN32
    /* The runtime, which begins with the first entry, ignores SIGPIPE; nothing here writes to a pipe, and the host may count on it. */
    if (self->first) sigaction(SIGPIPE, &self->pipe, NULL);
#endif
    current = self->outer;
    float_set(self->caller);
}

/* ----------------------------------------------------------- callbacks ----------------------------------------------------------- */

/* The managed code calls the caller's functions through these. A release may run on a thread of the runtime, which has entered nothing. */
static void to_caller(void)
{
    if (current) float_set(current->caller);
}

static void from_caller(void)
{
    if (current) current->caller = float_get(); /* what the callback changed, it changed for its thread */
    float_set(float_default());
}

/* The file that this code was loaded from; empty where that is not known. */
void edge_entry_file(char *path, size_t size)
{
    path[0] = '\0';
#ifndef _WIN32
    static const char here;
    Dl_info info;
    if (dladdr(&here, &info) && info.dli_fname && strlen(info.dli_fname) < size) strcpy(path, info.dli_fname);
#else
    (void)size;
#endif
}

void edge_call_log(edge_llm_log_callback callback, void *user, int32_t level, const char *message, size_t length)
{
    to_caller();
    callback(user, (edge_llm_log_level)level, message, length);
    from_caller();
}

void edge_call_release(edge_llm_release_callback callback, void *user, const void *data, size_t size)
{
    to_caller();
    callback(user, data, size);
    from_caller();
}

int32_t edge_call_piece(edge_llm_piece_callback callback, void *user, const edge_llm_piece *piece)
{
    int32_t result;
    to_caller();
    result = callback(user, piece);
    from_caller();
    return result;
}

int32_t edge_call_prefill(edge_llm_prefill_callback callback, void *user, size_t done, size_t total)
{
    int32_t result;
    to_caller();
    result = callback(user, done, total);
    from_caller();
    return result;
}

void edge_call_ready(edge_llm_ready_callback callback, void *user)
{
    to_caller();
    callback(user);
    from_caller();
}

/* ----------------------------------------------------------- functions ----------------------------------------------------------- */

extern edge_llm_status managed_edge_llm_last_error(edge_llm_error *error);

edge_llm_status edge_llm_last_error(edge_llm_error *error)
{
    static const char forked[] = "the process forked after it had used the library, which cannot be used in the child";
    static const char processor[] = "this build of the library needs a newer processor";
    static const char memory[] = "the process has too little address space left (ulimit -v), or no thread, for the library to begin";
    entry self;
    edge_llm_status status = enter(&self);
    if (status != EDGE_LLM_OK) {
        if (error && error->struct_size >= sizeof *error) {
            error->code = status;
            error->message = status == EDGE_LLM_FORKED ? forked : status == EDGE_LLM_UNSUPPORTED ? processor : memory;
            error->message_length = strlen(error->message);
            error->detail = "";
            error->detail_length = 0;
        }
        return status;
    }
    status = managed_edge_llm_last_error(error);
    leave(&self);
    return status;
}

#define ENTRY_AFTER(first, name, parameters, arguments)       \
    extern edge_llm_status managed_##name parameters;         \
    edge_llm_status name parameters                           \
    {                                                         \
        entry self;                                           \
        edge_llm_status status;                               \
        first;                                                \
        status = enter(&self);                                \
        if (status != EDGE_LLM_OK) return status;             \
        status = managed_##name arguments;                    \
        leave(&self);                                         \
        return status;                                        \
    }

#define ENTRY(name, parameters, arguments) ENTRY_AFTER((void)0, name, parameters, arguments)

/* One that makes a handle, which is NULL whatever the error. */
#define ENTRY_MAKING(handle, name, parameters, arguments) ENTRY_AFTER(if (handle) *handle = NULL, name, parameters, arguments)

/* One that makes several: more than it would make are not touched. */
#define ENTRY_MAKING_SOME(handles, count, name, parameters, arguments)                                         \
    ENTRY_AFTER(for (size_t i = 0; handles && count <= EDGE_LLM_MAX_CHOICES && i < count; i++) handles[i] = NULL, name, parameters, arguments)

#define DEFAULTS(type) ENTRY(type##_default, (type *options, size_t struct_size), (options, struct_size))

ENTRY(edge_llm_version, (edge_llm_version_info *version), (version))
ENTRY(edge_llm_features, (edge_llm_feature_info *features), (features))
ENTRY(edge_llm_status_name, (edge_llm_status code, const char **name, size_t *length), (code, name, length))

DEFAULTS(edge_llm_model_options)
DEFAULTS(edge_llm_chat_options)
DEFAULTS(edge_llm_context_options)
DEFAULTS(edge_llm_sampling_options)
DEFAULTS(edge_llm_generate_options)

ENTRY_MAKING(model, edge_llm_model_open, (const char *path, size_t path_length, const edge_llm_model_options *options, edge_llm_model **model),
    (path, path_length, options, model))
extern edge_llm_status managed_edge_llm_model_open_memory(
    const void *data, size_t size, const edge_llm_model_options *options, edge_llm_model **model);

/* What is lent is given back whatever the error, so also where nothing can be entered. */
edge_llm_status edge_llm_model_open_memory(const void *data, size_t size, const edge_llm_model_options *options, edge_llm_model **model)
{
    entry self;
    edge_llm_status status;
    if (model) *model = NULL;
    status = enter(&self);
    if (status != EDGE_LLM_OK) {
        if (options && options->struct_size >= offsetof(edge_llm_model_options, overrides) && options->release) options->release(options->release_user, data, size);
        return status;
    }
    status = managed_edge_llm_model_open_memory(data, size, options, model);
    leave(&self);
    return status;
}

ENTRY(edge_llm_model_close, (edge_llm_model *model), (model))
ENTRY(edge_llm_model_get_info, (edge_llm_model *model, edge_llm_model_info *info), (model, info))
ENTRY(edge_llm_model_metadata_count, (edge_llm_model *model, size_t *count), (model, count))
ENTRY(edge_llm_model_metadata_key, (edge_llm_model *model, size_t index, char *buffer, size_t capacity, size_t *count),
    (model, index, buffer, capacity, count))
ENTRY(edge_llm_model_metadata, (edge_llm_model *model, const char *key, size_t key_length, char *buffer, size_t capacity, size_t *count),
    (model, key, key_length, buffer, capacity, count))
ENTRY(edge_llm_model_plan, (edge_llm_model *model, const edge_llm_context_options *options, edge_llm_memory_plan *plan), (model, options, plan))

ENTRY_MAKING(adapter, edge_llm_adapter_load, (edge_llm_model *model, const char *path, size_t path_length, edge_llm_adapter **adapter),
    (model, path, path_length, adapter))
ENTRY(edge_llm_adapter_close, (edge_llm_adapter *adapter), (adapter))
ENTRY(edge_llm_adapter_get_info, (edge_llm_adapter *adapter, edge_llm_adapter_info *info), (adapter, info))
ENTRY(edge_llm_adapter_metadata, (edge_llm_adapter *adapter, const char *key, size_t key_length, char *buffer, size_t capacity, size_t *count),
    (adapter, key, key_length, buffer, capacity, count))
ENTRY(edge_llm_context_set_adapters, (edge_llm_context *context, const edge_llm_adapter_scale *adapters, size_t adapter_count),
    (context, adapters, adapter_count))
ENTRY(edge_llm_sequence_set_adapters,
    (edge_llm_context *context, int32_t sequence, const edge_llm_adapter_scale *adapters, size_t adapter_count),
    (context, sequence, adapters, adapter_count))

ENTRY(edge_llm_tokenize,
    (edge_llm_model *model, const char *text, size_t length, uint32_t flags, int32_t *tokens, size_t capacity, size_t *count),
    (model, text, length, flags, tokens, capacity, count))
ENTRY(edge_llm_detokenize,
    (edge_llm_model *model, const int32_t *tokens, size_t token_count, uint32_t flags, char *buffer, size_t capacity, size_t *count),
    (model, tokens, token_count, flags, buffer, capacity, count))
ENTRY(edge_llm_token_text, (edge_llm_model *model, int32_t token, uint32_t flags, char *buffer, size_t capacity, size_t *count),
    (model, token, flags, buffer, capacity, count))
ENTRY(edge_llm_token_get_info, (edge_llm_model *model, int32_t token, edge_llm_token_info *info), (model, token, info))
ENTRY(edge_llm_chat_tokenize,
    (edge_llm_model *model, const edge_llm_chat_message *messages, size_t message_count, const edge_llm_chat_options *options, int32_t *tokens,
        size_t capacity, size_t *count),
    (model, messages, message_count, options, tokens, capacity, count))
ENTRY(edge_llm_chat_render,
    (edge_llm_model *model, const edge_llm_chat_message *messages, size_t message_count, const edge_llm_chat_options *options, char *buffer,
        size_t capacity, size_t *count),
    (model, messages, message_count, options, buffer, capacity, count))

ENTRY_MAKING(context, edge_llm_context_create, (edge_llm_model *model, const edge_llm_context_options *options, edge_llm_context **context),
    (model, options, context))
ENTRY(edge_llm_context_close, (edge_llm_context *context), (context))
ENTRY(edge_llm_context_cancel, (edge_llm_context *context), (context))
ENTRY(edge_llm_context_set_deadline, (edge_llm_context *context, int64_t milliseconds), (context, milliseconds))
ENTRY(edge_llm_context_get_options, (edge_llm_context *context, edge_llm_context_options *options), (context, options))
ENTRY(edge_llm_context_get_counters, (edge_llm_context *context, edge_llm_context_counters *counters), (context, counters))
ENTRY(edge_llm_context_eval, (edge_llm_context *context, int32_t sequence, const int32_t *tokens, size_t token_count),
    (context, sequence, tokens, token_count))
ENTRY(edge_llm_context_eval_batch,
    (edge_llm_context *context, const int32_t *tokens, const int32_t *sequences, const uint8_t *want_logits, size_t token_count),
    (context, tokens, sequences, want_logits, token_count))
ENTRY(edge_llm_context_logits, (edge_llm_context *context, size_t row, const float **logits, size_t *count), (context, row, logits, count))
ENTRY(edge_llm_context_copy_logits, (edge_llm_context *context, size_t row, float *buffer, size_t capacity, size_t *count),
    (context, row, buffer, capacity, count))
ENTRY(edge_llm_context_embed,
    (edge_llm_context *context, const int32_t *tokens, size_t token_count, int32_t normalize, float *buffer, size_t capacity, size_t *count),
    (context, tokens, token_count, normalize, buffer, capacity, count))
ENTRY(edge_llm_context_rank,
    (edge_llm_context *context, const char *query, size_t query_length, const char *document, size_t document_length, float *buffer, size_t capacity,
        size_t *count),
    (context, query, query_length, document, document_length, buffer, capacity, count))

ENTRY(edge_llm_context_sample,
    (edge_llm_context *context, size_t row, int32_t sequence, const edge_llm_sampling_options *options, int32_t *token),
    (context, row, sequence, options, token))
ENTRY(edge_llm_context_generate,
    (edge_llm_context *context, const int32_t *prompt, size_t prompt_count, const edge_llm_generate_options *options,
        edge_llm_piece_callback callback, void *user),
    (context, prompt, prompt_count, options, callback, user))
ENTRY(edge_llm_context_start,
    (edge_llm_context *context, const int32_t *prompt, size_t prompt_count, const edge_llm_generate_options *options),
    (context, prompt, prompt_count, options))
ENTRY(edge_llm_context_next, (edge_llm_context *context, edge_llm_piece *piece), (context, piece))
ENTRY(edge_llm_answer_options_default, (edge_llm_answer_options *options, size_t struct_size), (options, struct_size))
ENTRY(edge_llm_context_start_chat,
    (edge_llm_context *context, const edge_llm_chat_message *messages, size_t message_count, const edge_llm_chat_options *chat,
        const edge_llm_answer_options *answer, const edge_llm_generate_options *options),
    (context, messages, message_count, chat, answer, options))
ENTRY(edge_llm_context_next_part, (edge_llm_context *context, edge_llm_part *part), (context, part))

ENTRY(edge_llm_context_step, (edge_llm_context *context, size_t *remaining), (context, remaining))
ENTRY(edge_llm_context_start_thread, (edge_llm_context *context), (context))
ENTRY_MAKING_SOME(requests, choices, edge_llm_request_submit,
    (edge_llm_context *context, const int32_t *prompt, size_t prompt_count, const edge_llm_generate_options *options, size_t choices,
        edge_llm_request **requests),
    (context, prompt, prompt_count, options, choices, requests))
ENTRY_MAKING_SOME(requests, choices, edge_llm_request_submit_chat,
    (edge_llm_context *context, const edge_llm_chat_message *messages, size_t message_count, const edge_llm_chat_options *chat,
        const edge_llm_answer_options *answer, const edge_llm_generate_options *options, size_t choices, edge_llm_request **requests),
    (context, messages, message_count, chat, answer, options, choices, requests))
ENTRY(edge_llm_request_next, (edge_llm_request *request, edge_llm_piece *piece), (request, piece))
ENTRY(edge_llm_request_wait, (edge_llm_request *request, edge_llm_piece *piece), (request, piece))
ENTRY(edge_llm_request_next_part, (edge_llm_request *request, edge_llm_part *part), (request, part))
ENTRY(edge_llm_request_get_statistics, (edge_llm_request *request, edge_llm_request_statistics *statistics), (request, statistics))
ENTRY(edge_llm_request_cancel, (edge_llm_request *request), (request))
ENTRY(edge_llm_request_close, (edge_llm_request *request), (request))

ENTRY(edge_llm_sequence_tokens, (edge_llm_context *context, int32_t sequence, int32_t *tokens, size_t capacity, size_t *count),
    (context, sequence, tokens, capacity, count))
ENTRY(edge_llm_sequence_copy, (edge_llm_context *context, int32_t from, int32_t to), (context, from, to))
ENTRY(edge_llm_sequence_remove, (edge_llm_context *context, int32_t sequence), (context, sequence))
ENTRY(edge_llm_sequence_trim, (edge_llm_context *context, int32_t sequence, size_t length), (context, sequence, length))
ENTRY(edge_llm_state_save, (edge_llm_context *context, int32_t sequence, void *buffer, size_t capacity, size_t *count),
    (context, sequence, buffer, capacity, count))
ENTRY(edge_llm_state_load, (edge_llm_context *context, int32_t sequence, const void *data, size_t size), (context, sequence, data, size))
ENTRY(edge_llm_state_save_file, (edge_llm_context *context, int32_t sequence, const char *path, size_t path_length),
    (context, sequence, path, path_length))
ENTRY(edge_llm_state_load_file, (edge_llm_context *context, int32_t sequence, const char *path, size_t path_length),
    (context, sequence, path, path_length))
