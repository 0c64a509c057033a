/* Edge.Llm: the C interface.
 *
 * Conventions, which hold for every function unless it says otherwise:
 *
 * Status.    Every function returns an edge_llm_status; EDGE_LLM_OK is 0. No input, file or call sequence ends the process: what goes wrong
 *            is a status. edge_llm_last_error tells more, for each thread its own.
 * Handles.   edge_llm_model, edge_llm_context, edge_llm_adapter and edge_llm_request are never dereferenced by the caller. A handle that was never given out, is closed, or is of
 *            another kind gives EDGE_LLM_INVALID_HANDLE; so does NULL. A handle's value is never used twice.
 * Threads.   Any thread may call any function. A model may be used by many threads at once. A context does one thing at a time: a second
 *            call while one is under way gives EDGE_LLM_BUSY; only edge_llm_context_cancel, edge_llm_context_close,
 *            edge_llm_context_get_options, edge_llm_context_start_thread and the functions of requests may be called at any time, also from
 *            callbacks.
 * Fork.      In the child of a fork, once the parent has used the library, every function gives EDGE_LLM_FORKED at once and does nothing
 *            (but edge_llm_model_open_memory, which gives back what it was lent).
 * Structs.   Those that begin with struct_size have an _default function, which the caller gives sizeof, and which sets all fields; or, if they
 *            carry only results, are to have struct_size set by the caller. Later versions add fields at the end only. A struct_size smaller
 *            than the first version's, or larger than 4096, gives EDGE_LLM_INVALID_ARGUMENT; so do fields that this version does not know
 *            and that are not zero. Where a pointer to options is NULL, the defaults hold.
 * Texts.     UTF-8 with a length in bytes, no terminating zero needed; the length EDGE_LLM_ZERO_TERMINATED says that there is one. Invalid UTF-8
 *            is EDGE_LLM_INVALID_ARGUMENT where a text is a name (paths, keys, roles, JSON) and is data in prompts: see edge_llm_tokenize.
 * Results.   Written to buffers of the caller: capacity says how many elements fit, *count is set to how many there are. If they do not fit, the
 *            status is EDGE_LLM_BUFFER_TOO_SMALL and nothing is written but *count; capacity 0 with a NULL buffer thus asks for the size.
 * Memory.    Arguments belong to the caller and are not needed after the call, unless said. Pointers that the library gives out are valid as
 *            long as said, and never to be freed.
 * Callbacks. Run on the calling thread, with the caller's floating-point environment; those of requests on the thread that computes. They must
 *            return: no exception, no longjmp, no end of the thread.
 * Floats.    The caller's floating-point environment (rounding mode, flush-to-zero, exceptions) has no influence on results, and is
 *            as it was when a function returns. Where the library calls back, it is the caller's again for that time.
 *
 * Any function may also return EDGE_LLM_FORKED, EDGE_LLM_UNSUPPORTED (this library's build needs a newer processor), EDGE_LLM_OUT_OF_MEMORY
 * (also: fewer than 128 KiB of stack are left to the thread; or, in the first calls of a process, no thread or less address space than half
 * its limit and 128 MiB, which is what the library needs to begin) and EDGE_LLM_INTERNAL; the lists below name the others. A null pointer
 * where one is needed is EDGE_LLM_INVALID_ARGUMENT.
 */
#ifndef EDGE_LLM_H
#define EDGE_LLM_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && !defined(EDGE_LLM_STATIC)
#ifdef EDGE_LLM_BUILD
#define EDGE_LLM_API __declspec(dllexport)
#else
#define EDGE_LLM_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define EDGE_LLM_API __attribute__((visibility("default")))
#else
#define EDGE_LLM_API
#endif

#if UINTPTR_MAX < UINT64_MAX
#error "Edge.Llm is for 64-bit machines"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The interface that this header describes. Libraries of the same major version and this or a higher minor version have all of it. */
#define EDGE_LLM_ABI_MAJOR 1
#define EDGE_LLM_ABI_MINOR 1

/* A text's length: as far as its terminating zero. */
#define EDGE_LLM_ZERO_TERMINATED SIZE_MAX

/* A seed: a new one each time. */
#define EDGE_LLM_RANDOM_SEED UINT64_MAX

/* Sequences of a context are numbered 0 to this - 1. */
#define EDGE_LLM_MAX_SEQUENCES 1024

/* Answers to one prompt at most. */
#define EDGE_LLM_MAX_CHOICES 1024

typedef enum edge_llm_status {
    EDGE_LLM_OK = 0,
    EDGE_LLM_INVALID_FILE = 1,       /* a file is damaged, truncated or not of the format expected, or cannot be opened */
    EDGE_LLM_UNSUPPORTED = 2,        /* well-formed, but this build does not do it */
    EDGE_LLM_OUT_OF_MEMORY = 3,      /* an allocation failed, or a configuration does not fit the memory there is */
    EDGE_LLM_CONTEXT_FULL = 4,       /* the tokens do not fit the context */
    EDGE_LLM_CANCELLED = 5,          /* by edge_llm_context_cancel, edge_llm_context_close or a callback */
    EDGE_LLM_DEADLINE_EXCEEDED = 6,  /* the deadline passed */
    EDGE_LLM_INVALID_ARGUMENT = 7,   /* an argument is out of range, or contradicts another */
    EDGE_LLM_GRAMMAR_ERROR = 8,      /* a grammar or schema cannot be parsed */
    EDGE_LLM_PLUGIN_ERROR = 9,       /* an offload plug-in failed */
    EDGE_LLM_NON_FINITE = 10,        /* a NaN or an infinity arose where only finite numbers may be */
    EDGE_LLM_FORKED = 11,            /* the process forked after the library was used */
    EDGE_LLM_INTERNAL = 12,          /* a defect of the library */
    EDGE_LLM_INVALID_HANDLE = 13,    /* never given out, closed, or of another kind */
    EDGE_LLM_BUSY = 14,              /* another call is under way in the context */
    EDGE_LLM_BUFFER_TOO_SMALL = 15,  /* the size needed was told */
    EDGE_LLM_NOT_READY = 16          /* there is nothing to read yet: no failure, so edge_llm_last_error stays as it was */
} edge_llm_status;

typedef enum edge_llm_finish {
    EDGE_LLM_FINISH_NONE = 0,        /* not finished */
    EDGE_LLM_FINISH_STOP = 1,        /* a stop string */
    EDGE_LLM_FINISH_LENGTH = 2,      /* the token limit, or a full context */
    EDGE_LLM_FINISH_EOS = 3,         /* a token of the model that ends a text */
    EDGE_LLM_FINISH_CANCELLED = 4,   /* the caller cancelled it */
    EDGE_LLM_FINISH_DEADLINE = 5     /* the deadline passed */
} edge_llm_finish;

typedef enum edge_llm_cache_type {
    EDGE_LLM_CACHE_F16 = 0,
    EDGE_LLM_CACHE_F32 = 1,
    EDGE_LLM_CACHE_Q8_0 = 2,
    EDGE_LLM_CACHE_BF16 = 3,
    EDGE_LLM_CACHE_Q5_1 = 4,
    EDGE_LLM_CACHE_Q5_0 = 5,
    EDGE_LLM_CACHE_Q4_1 = 6,
    EDGE_LLM_CACHE_Q4_0 = 7,
    EDGE_LLM_CACHE_IQ4_NL = 8
} edge_llm_cache_type;

typedef enum edge_llm_log_level {
    EDGE_LLM_LOG_ERROR = 1,
    EDGE_LLM_LOG_WARNING = 2,
    EDGE_LLM_LOG_INFO = 3,
    EDGE_LLM_LOG_DEBUG = 4
} edge_llm_log_level;

/* Bits of edge_llm_feature_info.features. */
#define EDGE_LLM_FEATURE_EMBEDDINGS (1u << 0) /* edge_llm_context_embed */
#define EDGE_LLM_FEATURE_STATE (1u << 1)      /* edge_llm_state_save and its relatives */
#define EDGE_LLM_FEATURE_MMAP (1u << 2)       /* files can be mapped */
#define EDGE_LLM_FEATURE_MLOCK (1u << 3)      /* and locked in memory */
#define EDGE_LLM_FEATURE_OFFLOAD (1u << 4)    /* layers can be put on another device: a plug-in is loaded */

/* An open model file: hyper-parameters, weights, tokenizer. */
typedef struct edge_llm_model edge_llm_model;

/* What runs a model: threads, a KV cache and working memory. */
typedef struct edge_llm_context edge_llm_context;

/* A LoRA adapter, loaded for a model. */
typedef struct edge_llm_adapter edge_llm_adapter;

/* An answer that a context computes together with others. */
typedef struct edge_llm_request edge_llm_request;

/* An adapter that is applied. */
typedef struct edge_llm_adapter_scale {
    edge_llm_adapter *adapter;
    float scale;       /* factor on what it adds; 1: as it was trained, 0: as if it were not named */
    uint32_t reserved; /* 0 */
} edge_llm_adapter_scale;

typedef struct edge_llm_text {
    const char *data;
    size_t length; /* bytes, or EDGE_LLM_ZERO_TERMINATED */
} edge_llm_text;

/* ------------------------------------------------------------------ library ------------------------------------------------------------------ */

typedef struct edge_llm_version_info {
    uint32_t struct_size;  /* set by the caller */
    uint32_t abi_major;    /* of the library: compare with EDGE_LLM_ABI_MAJOR */
    uint32_t abi_minor;    /* at least EDGE_LLM_ABI_MINOR */
    uint32_t arithmetic;   /* libraries with equal numbers give bit-identical results */
    const char *text;      /* "0.1.0"; zero-terminated, lives as long as the library */
    size_t text_length;
} edge_llm_version_info;

/* The library's version. Errors: none of its own. */
EDGE_LLM_API edge_llm_status edge_llm_version(edge_llm_version_info *version);

typedef struct edge_llm_feature_info {
    uint32_t struct_size;        /* set by the caller */
    uint32_t features;           /* EDGE_LLM_FEATURE_ bits that this library and machine have */
    int32_t default_threads;     /* what 0 threads means here */
    int32_t offload_plugins;     /* found in the library's folder, or where the variable EDGE_LLM_OFFLOAD says */
    const char *level;           /* what it was compiled for: "baseline", "v3", "v4"; zero-terminated, lives as long as the library */
    size_t level_length;
    const char *instruction_set; /* of the kernels in use: "scalar", "avx2", "avxvnni", "avx512", "advsimd", "advsimddp" */
    size_t instruction_set_length;
} edge_llm_feature_info;

/* What this library can do on this machine. Errors: EDGE_LLM_INVALID_ARGUMENT and EDGE_LLM_UNSUPPORTED if the environment variable
 * EDGE_LLM_ISA names no instruction set, or one that is not there. */
EDGE_LLM_API edge_llm_status edge_llm_features(edge_llm_feature_info *features);

/* The name of a status, as in "EDGE_LLM_INVALID_FILE". The text is zero-terminated and lives as long as the library. Errors:
 * EDGE_LLM_INVALID_ARGUMENT for a number that is no status; *name is "unknown status" then. */
EDGE_LLM_API edge_llm_status edge_llm_status_name(edge_llm_status status, const char **name, size_t *length);

typedef struct edge_llm_error {
    uint32_t struct_size; /* set by the caller */
    edge_llm_status code; /* EDGE_LLM_OK if nothing has failed on this thread */
    const char *message;  /* one or two sentences: what was expected, what was found; zero-terminated, never null */
    size_t message_length;
    const char *detail;   /* the function that failed, and what lies beneath the message, if anything; zero-terminated, never null */
    size_t detail_length;
} edge_llm_error;

/* The last call of this thread that failed. The texts are valid until the next failing call of this thread, or its end. A call that succeeds
 * leaves it as it is; so does this one. Errors: none of its own; with EDGE_LLM_FORKED, EDGE_LLM_UNSUPPORTED for the processor, and
 * EDGE_LLM_OUT_OF_MEMORY for want of room to begin, *error is filled in, too. */
EDGE_LLM_API edge_llm_status edge_llm_last_error(edge_llm_error *error);

/* ------------------------------------------------------------------- model ------------------------------------------------------------------- */

/* Takes a message about a model, from any call on it or its contexts; and, where it has n_gpu_layers, what plug-ins say, on any thread. The text is
 * UTF-8, zero-terminated, and gone when the callback returns. It may call functions of the library, but must not wait for a thread that closes this
 * model or computes with it. */
typedef void (*edge_llm_log_callback)(void *user, edge_llm_log_level level, const char *message, size_t length);

/* Is told that memory given to edge_llm_model_open_memory is no longer needed. May run on any thread. */
typedef void (*edge_llm_release_callback)(void *user, const void *data, size_t size);

typedef struct edge_llm_model_options {
    uint32_t struct_size;
    int32_t use_mmap;                  /* 1 (default): map the file; 0: read it into memory that nobody else can change */
    int32_t use_mlock;                 /* 1: lock its bytes in physical memory; where that fails, a warning is logged. Default 0 */
    int32_t n_gpu_layers;              /* layers for a device, the last ones; the output matrix is one more, the first to go. -1: as many as
                                          fit, which may be none: that is logged as a warning. Any other number is refused with
                                          EDGE_LLM_UNSUPPORTED where no device takes a layer. After a device has failed they run on the CPU,
                                          which is logged as a warning. Default 0 */
    int32_t offload_kqv;               /* 1 (default): keys and values of these layers lie on the device; 0: they and attention stay the host's */
    int32_t log_level;                 /* messages up to this edge_llm_log_level are logged. Default EDGE_LLM_LOG_INFO */
    float rope_freq_base;              /* base of the rotary frequencies; 0 (default): the file's */
    float rope_freq_scale;             /* factor on positions; 0 (default): the file's */
    edge_llm_log_callback log;         /* or NULL (default) */
    void *log_user;                    /* given to log */
    edge_llm_release_callback release; /* for edge_llm_model_open_memory; NULL (default): the bytes are copied */
    void *release_user;                /* given to release */
    const edge_llm_text *overrides;    /* values in the place of the file's metadata, each KEY=TYPE:VALUE with TYPE one of int, float, bool, str,
                                          as in "llama.rope.freq_base=float:1e6". From version 1.1 on */
    size_t override_count;
    const char *offload;               /* the plug-in that runs n_gpu_layers; NULL (default) or "auto": one with a GPU that is found. From
                                          version 1.1 on, as what follows. A plug-in that crashes takes the process with it: try one first with
                                          "edge-llm devices" */
    size_t offload_length;
    const int32_t *offload_devices;    /* numbers of its devices; none (default): the first */
    size_t offload_device_count;
    const double *offload_split;       /* shares of the layers for each of these devices; none (default): by their free memory, or equal
                                          ones where a device does not say it */
    size_t offload_split_count;
    int32_t offload_inexact;           /* 1: take a device as well that does not give the CPU's own bits. Default 0 */
    uint32_t reserved;
} edge_llm_model_options;

/* Sets every field of an options struct of struct_size bytes to its default. Errors: EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_model_options_default(edge_llm_model_options *options, size_t struct_size);

/* Opens a GGUF file; of a split model, any part opens all. *model is NULL unless the status is EDGE_LLM_OK; close it with
 * edge_llm_model_close. The log callback may be called until the model and all its contexts are closed.
 * Errors: EDGE_LLM_INVALID_FILE, EDGE_LLM_UNSUPPORTED, EDGE_LLM_OUT_OF_MEMORY, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_model_open(
    const char *path, size_t path_length, const edge_llm_model_options *options, edge_llm_model **model);

/* Opens the bytes of a GGUF file, which is not one of a split model's parts. Without options->release they are copied. With it they are used
 * where they lie: they must begin at a multiple of 32, and stay unchanged until release is called; that happens exactly once, when the
 * model and all its contexts are closed, or before this call returns an error, whichever (but for a struct_size that is refused).
 * use_mmap and use_mlock have no effect.
 * Errors: as edge_llm_model_open. */
EDGE_LLM_API edge_llm_status edge_llm_model_open_memory(
    const void *data, size_t size, const edge_llm_model_options *options, edge_llm_model **model);

/* Closes a handle. Contexts of the model stay usable: its memory is freed when the last of them is closed, too. Calls under way on other
 * threads end as usual. Errors: EDGE_LLM_INVALID_HANDLE, also for a handle that is closed already. */
EDGE_LLM_API edge_llm_status edge_llm_model_close(edge_llm_model *model);

typedef struct edge_llm_model_info {
    uint32_t struct_size;      /* set by the caller */
    int32_t vocab_size;        /* tokens in the vocabulary */
    int32_t context_length;    /* tokens of context that it was made for */
    int32_t embedding_length;  /* numbers in a hidden state or embedding */
    int32_t block_count;       /* layers */
    int32_t head_count;        /* query heads */
    int32_t head_count_kv;     /* heads of keys and values */
    int32_t bos_token;         /* begin of text; -1 if there is none, here and below */
    int32_t eos_token;         /* end of text */
    int32_t eot_token;         /* end of turn */
    int32_t pad_token;         /* padding */
    int32_t unk_token;         /* unknown text */
    int32_t add_bos;           /* 1: a prompt begins with bos_token */
    int32_t add_eos;           /* 1: a text ends with eos_token */
    int32_t has_tokenizer;     /* 0: the file has none, or one that is not supported: only tokens can be used */
    int32_t has_chat_template; /* 1: the file brings one */
    int32_t file_count;        /* files that it is split into */
    int32_t gpu_layers;        /* layers that a context of default options gives to devices without adapters, the output matrix counted as one */
    int64_t file_bytes;        /* size of all files */
    int64_t parameter_count;   /* values in all tensors */
    char architecture[64];     /* zero-terminated, cut if longer, here and below */
    char name[128];            /* general.name, or empty */
} edge_llm_model_info;

/* What there is to know about a model. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_model_get_info(edge_llm_model *model, edge_llm_model_info *info);

/* The number of metadata keys in the file. Errors: EDGE_LLM_INVALID_HANDLE. */
EDGE_LLM_API edge_llm_status edge_llm_model_metadata_count(edge_llm_model *model, size_t *count);

/* A key by its place in the file, from 0. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT, EDGE_LLM_BUFFER_TOO_SMALL. */
EDGE_LLM_API edge_llm_status edge_llm_model_metadata_key(edge_llm_model *model, size_t index, char *buffer, size_t capacity, size_t *count);

/* The value of a key as text: strings in full, numbers in decimal, bools as true and false, arrays as their type and count ("string[32000]").
 * Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT (no such key), EDGE_LLM_BUFFER_TOO_SMALL. */
EDGE_LLM_API edge_llm_status edge_llm_model_metadata(
    edge_llm_model *model, const char *key, size_t key_length, char *buffer, size_t capacity, size_t *count);

/* ----------------------------------------------------------------- tokenizer ----------------------------------------------------------------- */

/* Flags of edge_llm_tokenize. */
#define EDGE_LLM_TOKENIZE_ADD_SPECIAL (1u << 0)   /* add BOS and EOS where the model asks for them */
#define EDGE_LLM_TOKENIZE_PARSE_SPECIAL (1u << 1) /* read the spelling of control tokens in the text as those tokens, not as text */
#define EDGE_LLM_TOKENIZE_PROMPT (1u << 2)        /* add no EOS: the text is to be continued */

/* Flags of edge_llm_detokenize and edge_llm_token_text. */
#define EDGE_LLM_DETOKENIZE_SPECIAL (1u << 0) /* write control tokens, too */

/* The tokens of a text. Bytes that are not UTF-8 become byte tokens or U+FFFD, as the model's kind of tokenizer does.
 * Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT (256 MiB of text are too many; an unknown flag), EDGE_LLM_UNSUPPORTED (the model
 * has no tokenizer that is supported), EDGE_LLM_INVALID_FILE (a damaged one), EDGE_LLM_BUFFER_TOO_SMALL. */
EDGE_LLM_API edge_llm_status edge_llm_tokenize(
    edge_llm_model *model, const char *text, size_t length, uint32_t flags, int32_t *tokens, size_t capacity, size_t *count);

/* The text of a whole sequence: UTF-8, with U+FFFD for bytes that are not. Errors: as edge_llm_tokenize; EDGE_LLM_INVALID_ARGUMENT: a token
 * that is not in the vocabulary. */
EDGE_LLM_API edge_llm_status edge_llm_detokenize(
    edge_llm_model *model, const int32_t *tokens, size_t token_count, uint32_t flags, char *buffer, size_t capacity, size_t *count);

/* The bytes that one token stands for: often not whole characters, so not always UTF-8. Errors: as edge_llm_detokenize. */
EDGE_LLM_API edge_llm_status edge_llm_token_text(
    edge_llm_model *model, int32_t token, uint32_t flags, char *buffer, size_t capacity, size_t *count);

typedef struct edge_llm_token_info {
    uint32_t struct_size; /* set by the caller */
    int32_t type;         /* as tokenizer.ggml.token_type: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte */
    float score;          /* merging order; 0 if the file has none */
    int32_t is_end;       /* 1: generation stops after it */
} edge_llm_token_info;

/* What the vocabulary says about a token. Errors: as edge_llm_detokenize. */
EDGE_LLM_API edge_llm_status edge_llm_token_get_info(edge_llm_model *model, int32_t token, edge_llm_token_info *info);

/* A turn of a conversation. */
typedef struct edge_llm_chat_message {
    const char *role;    /* "system", "user", "assistant", "tool", or what else the template knows; not used if there is json */
    size_t role_length;
    const char *content; /* the text */
    size_t content_length;
    const char *json;    /* NULL, or the whole message as a JSON object, as in a chat request: tool calls, parts, names */
    size_t json_length;
} edge_llm_chat_message;

typedef struct edge_llm_chat_options {
    uint32_t struct_size;
    int32_t add_generation_prompt; /* 1 (default): end with the beginning of the assistant's turn */
    const char *chat_template;     /* a Jinja template; NULL (default): the model's own */
    size_t chat_template_length;
    const char *template_name;     /* of several templates in the file this one; NULL (default): the default one */
    size_t template_name_length;
    const char *tools;             /* a JSON array of function descriptions; NULL (default): none */
    size_t tools_length;
    const char *variables;         /* a JSON object with more variables for the template; NULL (default): none */
    size_t variables_length;
    int64_t date;                  /* seconds since 1970 that the template may write as a date; 0 (default): the present */
} edge_llm_chat_options;

/* Sets the defaults. Errors: EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_chat_options_default(edge_llm_chat_options *options, size_t struct_size);

/* The prompt of a conversation as tokens. Control tokens come from the template only: a message that spells one stays text.
 * Errors: as edge_llm_tokenize; EDGE_LLM_UNSUPPORTED also: the model has no template and none is given, or it uses what is not supported;
 * EDGE_LLM_INVALID_ARGUMENT also: no messages, one without a role, an empty template, a template that refuses the messages, JSON that is
 * none, names that are not UTF-8. */
EDGE_LLM_API edge_llm_status edge_llm_chat_tokenize(edge_llm_model *model, const edge_llm_chat_message *messages, size_t message_count,
    const edge_llm_chat_options *options, int32_t *tokens, size_t capacity, size_t *count);

/* The same as text, to look at: tokenized again it is not safe against messages that spell control tokens. Errors: the same. */
EDGE_LLM_API edge_llm_status edge_llm_chat_render(edge_llm_model *model, const edge_llm_chat_message *messages, size_t message_count,
    const edge_llm_chat_options *options, char *buffer, size_t capacity, size_t *count);

/* ------------------------------------------------------------------ context ------------------------------------------------------------------ */

typedef struct edge_llm_context_options {
    uint32_t struct_size;
    int32_t context_size;    /* tokens that a sequence may hold; 0: the model's own; -1 (default): that, but 4096 at most */
    int32_t batch_size;      /* tokens that one forward pass may take. Default 512 */
    int32_t logits_rows;     /* rows of logits that one call may ask for; 0 (default): max_sequences */
    int32_t threads;         /* 0 (default): one a physical core, within affinity mask and cgroup quota */
    int32_t cache_type_k;    /* edge_llm_cache_type of the keys. Default EDGE_LLM_CACHE_F16 */
    int32_t cache_type_v;    /* and of the values */
    int32_t max_sequences;   /* sequences of full length that the cache has room for; there may be more, shorter ones. Default 1 */
    uint64_t seed;           /* for sampling options without a seed. Default EDGE_LLM_RANDOM_SEED */
    const char *prompt_cache;     /* a folder that keeps texts for later processes; it is made if need be. NULL (default): none */
    size_t prompt_cache_length;   /* may be EDGE_LLM_ZERO_TERMINATED */
    int64_t prompt_cache_bytes;   /* that its files may take; 0 (default): 4 GiB */
    int32_t no_prefix_sharing;    /* 1: a text does not go on from what the cache holds of another one with the same beginning. Default 0 */
    int32_t lookup;               /* 1: drafts tokens of an answer from what stood in its text before: the answer is the same, and comes sooner
                                     where it copies. Default 0 */
    int32_t draft_tokens;         /* tokens that may be drafted for one pass; 0 (default): 8 where there is lookup or a draft model */
    uint32_t reserved;            /* 0 */
    edge_llm_model *draft_model;  /* a smaller model with the same tokens, which drafts; NULL (default): none. Its handle may be closed before the
                                     context's */
} edge_llm_context_options;

/* Sets the defaults. Errors: EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_context_options_default(edge_llm_context_options *options, size_t struct_size);

typedef struct edge_llm_memory_plan {
    uint32_t struct_size; /* set by the caller */
    uint32_t reserved;    /* 0 */
    int64_t weights;      /* the files: mapped, the system may drop and read them again, unless read or copied */
    int64_t kv_cache;     /* when full; it grows up to this */
    int64_t activations;  /* working memory, taken with the context */
    int64_t total;
} edge_llm_memory_plan;

/* The bytes that a context of these options takes; allocates nothing. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_model_plan(edge_llm_model *model, const edge_llm_context_options *options, edge_llm_memory_plan *plan);

/* Makes a context. *context is NULL unless the status is EDGE_LLM_OK; close it with edge_llm_context_close. What cannot fit this machine's
 * memory (or the container's limit) fails here. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT, EDGE_LLM_OUT_OF_MEMORY. */
EDGE_LLM_API edge_llm_status edge_llm_context_create(edge_llm_model *model, const edge_llm_context_options *options, edge_llm_context **context);

/* Closes a handle at once, never waiting: a call under way on another thread (or below, in a callback) is cancelled and returns
 * EDGE_LLM_CANCELLED, and the memory is freed when it has left. Errors: EDGE_LLM_INVALID_HANDLE, also for a handle that is closed already. */
EDGE_LLM_API edge_llm_status edge_llm_context_close(edge_llm_context *context);

/* Cancels the call that is under way in the context, or the generation begun with edge_llm_context_start: it ends with EDGE_LLM_CANCELLED, at
 * the latest after the layer being computed. If there is none, nothing happens. Errors: EDGE_LLM_INVALID_HANDLE. */
EDGE_LLM_API edge_llm_status edge_llm_context_cancel(edge_llm_context *context);

/* Sets a moment for this and all later calls of the context: those that compute end with EDGE_LLM_DEADLINE_EXCEEDED after it. The number is
 * milliseconds from now; 0 has passed already; negative: no deadline. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY. */
EDGE_LLM_API edge_llm_status edge_llm_context_set_deadline(edge_llm_context *context, int64_t milliseconds);

/* The options in force, defaults filled in. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_context_get_options(edge_llm_context *context, edge_llm_context_options *options);

typedef struct edge_llm_context_counters {
    uint32_t struct_size;        /* set by the caller */
    int32_t finish;              /* edge_llm_finish of the last generation; it and the next six are about that one */
    uint64_t seed;               /* of its draws */
    int64_t prompt_tokens;       /* tokens of its prompt */
    int64_t reused_tokens;       /* of these, tokens that were in the cache already */
    int64_t generated_tokens;
    int64_t prompt_nanoseconds;  /* until its first token was chosen */
    int64_t generation_nanoseconds; /* spent on the tokens after the first */
    int64_t evaluated_tokens;    /* tokens run through the model since the context was made */
    int64_t evaluation_nanoseconds; /* spent on that */
    int64_t kv_bytes;            /* of cache, allocated so far */
    int64_t activation_bytes;    /* of working memory */
    /* From version 1.1 on, of the last generation: as in edge_llm_request_statistics. */
    int64_t restored_tokens;
    int64_t forced_tokens;
    int64_t drafted_tokens;
    int64_t accepted_tokens;
    int64_t shifted_tokens;
} edge_llm_context_counters;

/* Counts, times and memory. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT, EDGE_LLM_BUSY. */
EDGE_LLM_API edge_llm_status edge_llm_context_get_counters(edge_llm_context *context, edge_llm_context_counters *counters);

/* Runs tokens through the model, as the next ones of a sequence, in batches of batch_size; then row 0 of the logits is that after the last of
 * them. A prompt and a single token are the same to it. After an error (but EDGE_LLM_CANCELLED and EDGE_LLM_DEADLINE_EXCEEDED, which leave
 * whole batches in place: see edge_llm_sequence_tokens) the sequence is as before. Ends a generation that edge_llm_context_start began; so
 * do all functions below that change a sequence.
 * Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT (no tokens, a token or a sequence out of range),
 * EDGE_LLM_CONTEXT_FULL, EDGE_LLM_CANCELLED, EDGE_LLM_DEADLINE_EXCEEDED, EDGE_LLM_NON_FINITE, EDGE_LLM_INVALID_FILE (changed its size). */
EDGE_LLM_API edge_llm_status edge_llm_context_eval(edge_llm_context *context, int32_t sequence, const int32_t *tokens, size_t token_count);

/* Runs tokens of several sequences in one forward pass: sequences[i] says whose next token tokens[i] is (NULL: all are 0's), want_logits[i]
 * (1 or 0) whether it gets a row of logits, rows in the order of the tokens (NULL: the last one only). At most batch_size tokens and
 * logits_rows rows. After any error no sequence has changed. Errors: as edge_llm_context_eval. */
EDGE_LLM_API edge_llm_status edge_llm_context_eval_batch(
    edge_llm_context *context, const int32_t *tokens, const int32_t *sequences, const uint8_t *want_logits, size_t token_count);

/* A row of logits of the last edge_llm_context_eval or edge_llm_context_eval_batch, in place: one float a token of the vocabulary, valid until
 * the next call that computes, or the context's end. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_context_logits(edge_llm_context *context, size_t row, const float **logits, size_t *count);

/* The same as a copy. Errors: the same, and EDGE_LLM_BUFFER_TOO_SMALL. */
EDGE_LLM_API edge_llm_status edge_llm_context_copy_logits(edge_llm_context *context, size_t row, float *buffer, size_t capacity, size_t *count);

/* A vector for a text, of the model's last hidden states: their mean, the first or the last, as the file's pooling_type says, through further
 * matrices if it has any; their mean where it does not say. With normalize not 0, of length 1. Sequences stay as they are; rows of logits do
 * not. Needs room in the cache for the tokens. Errors: as edge_llm_context_eval, and EDGE_LLM_BUFFER_TOO_SMALL. */
EDGE_LLM_API edge_llm_status edge_llm_context_embed(edge_llm_context *context, const int32_t *tokens, size_t token_count, int32_t normalize,
    float *buffer, size_t capacity, size_t *count);

/* How well a document answers a query, by a model that ranks (pooling_type 4): one score, or one for each of the model's labels. Texts are
 * UTF-8; a length may be EDGE_LLM_ZERO_TERMINATED. Sequences stay as they are; rows of logits do not. Errors: as edge_llm_context_embed;
 * EDGE_LLM_INVALID_ARGUMENT also: the model does not rank. */
EDGE_LLM_API edge_llm_status edge_llm_context_rank(edge_llm_context *context, const char *query, size_t query_length, const char *document,
    size_t document_length, float *buffer, size_t capacity, size_t *count);

/* ---------------------------------------------------------------- adapters ------------------------------------------------------------------- */

/* Loads a LoRA adapter, a GGUF file as llama.cpp's convert_lora_to_gguf makes it, for a model, to be applied to any number of its texts.
 * *adapter is NULL unless the status is EDGE_LLM_OK; close it with edge_llm_adapter_close. From version 1.1 on, as is all of this section.
 * Errors: EDGE_LLM_INVALID_FILE (damaged, or no adapter), EDGE_LLM_INVALID_ARGUMENT (for another model), EDGE_LLM_UNSUPPORTED,
 * EDGE_LLM_OUT_OF_MEMORY, EDGE_LLM_INVALID_HANDLE. */
EDGE_LLM_API edge_llm_status edge_llm_adapter_load(
    edge_llm_model *model, const char *path, size_t path_length, edge_llm_adapter **adapter);

/* Closes a handle. Its memory is freed at once, or when the forward pass that uses it has ended. Sequences that have the adapter cannot go on:
 * to run them is EDGE_LLM_INVALID_ARGUMENT. Errors: EDGE_LLM_INVALID_HANDLE, also for a handle that is closed already. */
EDGE_LLM_API edge_llm_status edge_llm_adapter_close(edge_llm_adapter *adapter);

typedef struct edge_llm_adapter_info {
    uint32_t struct_size; /* set by the caller */
    int32_t rank;         /* the largest of its matrices */
    int32_t tensor_count; /* tensors of the model that it adds to */
    float alpha;          /* adapter.lora.alpha: what it adds has the factor alpha / rank; 0: the factor is 1 */
    int64_t file_bytes;
} edge_llm_adapter_info;

/* Describes an adapter. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_adapter_get_info(edge_llm_adapter *adapter, edge_llm_adapter_info *info);

/* The value of a key of its file as text, as with edge_llm_model_metadata: "adapter.lora.task_name" and "adapter.lora.prompt_prefix" tell what
 * it was made for, if they are there. Errors: the same. */
EDGE_LLM_API edge_llm_status edge_llm_adapter_metadata(
    edge_llm_adapter *adapter, const char *key, size_t key_length, char *buffer, size_t capacity, size_t *count);

/* The adapters of the context's sequences that name none, once they are empty, and of texts to embed or rank. A count of 0: none. Any number of
 * sequences with different adapters may be in one batch. The array is not needed after the call.
 * Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT (of another model, named twice, a scale that is not finite),
 * EDGE_LLM_UNSUPPORTED (it changes weights that are on a device: an adapter loaded before the context is made keeps these off it). */
EDGE_LLM_API edge_llm_status edge_llm_context_set_adapters(edge_llm_context *context, const edge_llm_adapter_scale *adapters, size_t adapter_count);

/* The adapters of one sequence; a null pointer (and 0): those of the context. The sequence must be empty, unless it was computed with just these:
 * keys and values that were computed with other adapters cannot be gone on with. edge_llm_sequence_copy copies them, too;
 * edge_llm_sequence_remove forgets them. A saved state can be loaded into a sequence with the same adapters only.
 * Errors: as edge_llm_context_set_adapters; EDGE_LLM_INVALID_ARGUMENT also: it holds tokens that were computed with others. */
EDGE_LLM_API edge_llm_status edge_llm_sequence_set_adapters(
    edge_llm_context *context, int32_t sequence, const edge_llm_adapter_scale *adapters, size_t adapter_count);

/* ---------------------------------------------------------------- generation ----------------------------------------------------------------- */

typedef struct edge_llm_logit_bias {
    int32_t token;
    float bias; /* added to its logit; negative infinity bans it */
} edge_llm_logit_bias;

/* How the next token is chosen: logit bias, then the stages of `samplers`, then a draw. */
typedef struct edge_llm_sampling_options {
    uint32_t struct_size;
    float temperature;       /* higher is more random; 0 or less takes the likeliest token. Default 0.8 */
    int32_t top_k;           /* among the k likeliest; 0 or less: all. Default 40 */
    float top_p;             /* among the fewest likeliest that sum to p; 1: all. Default 0.95 */
    float min_p;             /* tokens at least p times as likely as the likeliest; 0: all. Default 0.05 */
    float repeat_penalty;    /* divides positive logits and multiplies negative ones of recent tokens; 1: off. Default 1 */
    int32_t repeat_last_n;   /* how many tokens back the penalties look; 0: none, -1: all. Default 64 */
    float presence_penalty;  /* subtracted once for a recent token. Default 0 */
    float frequency_penalty; /* subtracted for each time that it occurred. Default 0 */
    uint32_t reserved;       /* 0 */
    uint64_t seed;           /* the same seed gives the same text. Default EDGE_LLM_RANDOM_SEED: the context's, or a new one */
    const edge_llm_logit_bias *logit_bias;
    size_t logit_bias_count;
    /* From version 1.1 on. A 0 is the default. */
    float dynatemp_range;        /* the temperature follows the entropy in this range around it. Default 0: off */
    float dynatemp_exponent;     /* power of the entropy for that. Default 1 */
    float top_n_sigma;           /* logits within n standard deviations of the highest; below 0: all. Default -1 */
    float typical_p;             /* tokens of usual surprise that sum to p; 1: all. Default 1 */
    float xtc_probability;       /* how likely top choices are excluded. Default 0: off */
    float xtc_threshold;         /* what makes a top choice; above 0.5: off. Default 0.1 */
    float dry_multiplier;        /* penalty on going on with a repetition. Default 0: off */
    float dry_base;              /* how it grows with each token. Default 1.75 */
    int32_t dry_allowed_length;  /* the shortest repetition it is for. Default 2 */
    int32_t dry_penalty_last_n;  /* how many tokens back it looks; -1: all. Default -1 */
    int32_t mirostat;            /* 1 or 2: Mirostat instead of the stages. Default 0: off */
    float mirostat_tau;          /* the surprise that it aims at, in bits. Default 5 */
    float mirostat_eta;          /* how fast it corrects itself. Default 0.1 */
    uint32_t reserved2;          /* 0 */
    const edge_llm_text *dry_breakers; /* texts that end a repetition. Default: newline, colon, double quote, asterisk; one empty text: none */
    size_t dry_breaker_count;
    const char *samplers;        /* stages in their order, names separated by semicolons. Default, also NULL: "penalties;dry;top_n_sigma;top_k;
                                  * typ_p;top_p;min_p;xtc;temperature" */
    size_t samplers_length;      /* may be EDGE_LLM_ZERO_TERMINATED */
} edge_llm_sampling_options;

/* Sets the defaults. Errors: EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_sampling_options_default(edge_llm_sampling_options *options, size_t struct_size);

/* Chooses a token from a row of logits, as the next one of a sequence (whose tokens penalties look at, and whose length the random draw
 * depends on). Does not run it: edge_llm_context_eval does.
 * Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_context_sample(
    edge_llm_context *context, size_t row, int32_t sequence, const edge_llm_sampling_options *options, int32_t *token);

/* How likely a token was. */
typedef struct edge_llm_token_logprob {
    int32_t token;
    float logprob; /* natural logarithm of its probability */
} edge_llm_token_logprob;

/* A step of a generation. */
typedef struct edge_llm_piece {
    uint32_t struct_size; /* set by the caller, or by the library for callbacks */
    int32_t token;        /* -1 if the generation ended without another one */
    int32_t finish;       /* edge_llm_finish: why this is the last step, or EDGE_LLM_FINISH_NONE */
    uint32_t id;          /* of the generation. For edge_llm_context_next set by the caller: the one to read, or 0: the one there is */
    const char *text;     /* what is complete now: whole characters, zero-terminated, never null; valid until the next call on the context,
                             or the callback's return */
    size_t text_length;
    /* From version 1.1 on: how likely the token was, if the options ask for it, as long valid as the text. top_count is 0 where nothing was drawn: in a
     * last step without a token, and for a token that ends reasoning at its budget. */
    float logprob;         /* of the model's logits */
    float sampled_logprob; /* among the tokens that were left by grammar, logit bias and all stages */
    const edge_llm_token_logprob *top; /* the likeliest tokens of the model's logits, from the likeliest down */
    size_t top_count;
    const edge_llm_token_logprob *sampled_top; /* of the tokens that were left; fewer where fewer were left */
    size_t sampled_top_count;
} edge_llm_piece;

/* Takes a step of a generation; anything but 0 ends it with EDGE_LLM_CANCELLED. */
typedef int32_t (*edge_llm_piece_callback)(void *user, const edge_llm_piece *piece);

/* Is told, after each batch of a prompt, how many of how many tokens are done; anything but 0 ends the generation. */
typedef int32_t (*edge_llm_prefill_callback)(void *user, size_t done, size_t total);

/* Is told that requests which were submitted together have something to read. */
typedef void (*edge_llm_ready_callback)(void *user);

/* How a grammar is written. */
typedef enum edge_llm_grammar_kind {
    EDGE_LLM_GRAMMAR_NONE = 0,
    EDGE_LLM_GRAMMAR_GBNF = 1,       /* llama.cpp's notation; the rule to begin with is root */
    EDGE_LLM_GRAMMAR_REGEX = 2,      /* a regular expression that the whole text matches */
    EDGE_LLM_GRAMMAR_JSON_SCHEMA = 3 /* JSON that a JSON Schema accepts; {}: any JSON */
} edge_llm_grammar_kind;

/* How JSON is written; may be added up. Default: white space as the model likes, at most 20 characters in a row, and properties in the order of the
 * schema. */
typedef enum edge_llm_grammar_flags {
    EDGE_LLM_GRAMMAR_COMPACT = 1,   /* no white space */
    EDGE_LLM_GRAMMAR_SPACED = 2,    /* one space behind each comma and colon, and no other; goes before COMPACT */
    EDGE_LLM_GRAMMAR_ANY_ORDER = 4, /* properties in any order, in objects of at most 10 named ones */
} edge_llm_grammar_flags;

typedef struct edge_llm_generate_options {
    uint32_t struct_size;
    int32_t max_tokens;     /* -1 (default): until the context is full */
    int32_t ignore_eos;     /* 1: never choose a token that ends the text. Default 0 */
    int32_t render_special; /* 1: write control tokens as text, too. Default 0 */
    int32_t sequence;       /* where to generate. Default 0 */
    uint32_t id;            /* a number of the caller's, for edge_llm_piece.id to tell this generation from another one. Default 0 */
    int64_t deadline;       /* milliseconds from now; -1 (default): the context's, if any */
    const edge_llm_sampling_options *sampling; /* NULL (default): the defaults */
    const edge_llm_text *stop;                 /* texts that end the generation and are not part of it */
    size_t stop_count;
    edge_llm_prefill_callback prefill;         /* or NULL (default) */
    void *prefill_user;
    /* From version 1.1 on: what the text must look like. It is complete where the finish reason is EDGE_LLM_FINISH_EOS. */
    const char *grammar;
    size_t grammar_length;  /* may be EDGE_LLM_ZERO_TERMINATED */
    int32_t grammar_kind;   /* an edge_llm_grammar_kind. Default EDGE_LLM_GRAMMAR_NONE */
    uint32_t grammar_flags; /* edge_llm_grammar_flags together. Default 0 */
    const char *salt;       /* only texts of equal salt share what the cache holds of a common beginning; NULL (default): that of the sequence */
    size_t salt_length;     /* may be EDGE_LLM_ZERO_TERMINATED */
    int32_t priority;       /* requests of a higher one come first; of equal ones, the earlier. Default 0 */
    uint32_t choice;        /* number of the answer among several to one prompt: each number draws other tokens with the same seed. Default 0 */
    int32_t draft_tokens;   /* tokens that may be drafted for one pass, if the context drafts. 0 (default): as many as it does; -1: none */
    int32_t context_shift;  /* 1: a text that fills the context loses the older half of what is not kept, in whole blocks of 64 tokens. What is left
                               is computed again, as the text of a new request would be, and the answer goes on. Default 0: it ends */
    int32_t keep;           /* tokens of the beginning to keep then at least, made up to whole blocks; -1: the prompt. Default 0 */
    int32_t logprobs;       /* tells how likely each token was, and as many of the likeliest tokens. Default 0: does not */
    const edge_llm_adapter_scale *adapters; /* for the text; NULL (and 0, default): those of the sequence */
    size_t adapter_count;
    edge_llm_ready_callback ready; /* of requests only; NULL (default): none. See edge_llm_request_submit */
    void *ready_user;
} edge_llm_generate_options;

/* Sets the defaults. Errors: EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_generate_options_default(edge_llm_generate_options *options, size_t struct_size);

/* Generates what follows a prompt and gives it to the callback, a step a token; the last step, and only it, has a finish reason. The prompt is
 * all tokens of the text so far: what the sequence holds of it already is not computed again, and what differs is dropped. A null pointer
 * (and 0) goes on from what the sequence holds; a prompt that is there and has no tokens is EDGE_LLM_INVALID_ARGUMENT. The options are not
 * needed after the call.
 * Errors: EDGE_LLM_CANCELLED, EDGE_LLM_DEADLINE_EXCEEDED (both after the last step was given to the callback, unless that asked to stop),
 * EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT, EDGE_LLM_CONTEXT_FULL (the prompt does not fit), EDGE_LLM_NON_FINITE,
 * EDGE_LLM_UNSUPPORTED (no tokenizer), EDGE_LLM_INVALID_FILE, EDGE_LLM_GRAMMAR_ERROR (with line or path); EDGE_LLM_INVALID_ARGUMENT also: fewer
 * tokens at most than the grammar's shortest text has. */
EDGE_LLM_API edge_llm_status edge_llm_context_generate(edge_llm_context *context, const int32_t *prompt, size_t prompt_count,
    const edge_llm_generate_options *options, edge_llm_piece_callback callback, void *user);

/* Begins a generation whose steps edge_llm_context_next gives; computes nothing. One that was begun before is dropped.
 * Errors: as edge_llm_context_generate, but for those of computing. */
EDGE_LLM_API edge_llm_status edge_llm_context_start(
    edge_llm_context *context, const int32_t *prompt, size_t prompt_count, const edge_llm_generate_options *options);

/* Whether a model calls tools. */
typedef enum edge_llm_tool_choice {
    EDGE_LLM_TOOL_CHOICE_AUTO = 0,    /* it may */
    EDGE_LLM_TOOL_CHOICE_NONE = 1,    /* it does not; the prompt has no tools */
    EDGE_LLM_TOOL_CHOICE_REQUIRED = 2 /* it must, and writes nothing else */
} edge_llm_tool_choice;

/* What the answer of a chat may hold besides text. From version 1.1 on, as is all of chats. */
typedef struct edge_llm_answer_options {
    uint32_t struct_size;
    int32_t tool_choice;       /* an edge_llm_tool_choice. Default EDGE_LLM_TOOL_CHOICE_AUTO */
    const char *tool_name;     /* the one tool that it must call, once; NULL (default): it chooses */
    size_t tool_name_length;   /* may be EDGE_LLM_ZERO_TERMINATED */
    int32_t single_tool_call;  /* 1: one call an answer at most. Default 0 */
    int32_t reasoning_budget;  /* tokens that it may write to itself before it answers; -1 (default): as many as it likes */
} edge_llm_answer_options;

/* Sets the defaults. Errors: EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_answer_options_default(edge_llm_answer_options *options, size_t struct_size);

/* Begins the answer to a conversation. Its steps are edge_llm_context_next's, and have the text as the model wrote it; edge_llm_context_next_part
 * tells content, reasoning and calls of tools apart. Once a call has begun, it is one of the tools of the chat options, with arguments of its
 * schema. Errors: as edge_llm_chat_tokenize and edge_llm_context_start; EDGE_LLM_INVALID_ARGUMENT also: tools that are none, a name that none of
 * them has; EDGE_LLM_GRAMMAR_ERROR also: a tool's schema, with the tool's name and the path. */
EDGE_LLM_API edge_llm_status edge_llm_context_start_chat(edge_llm_context *context, const edge_llm_chat_message *messages, size_t message_count,
    const edge_llm_chat_options *chat, const edge_llm_answer_options *answer, const edge_llm_generate_options *options);

/* What a piece of an answer is. */
typedef enum edge_llm_part_kind {
    EDGE_LLM_PART_NONE = 0,
    EDGE_LLM_PART_CONTENT = 1,     /* text for the user */
    EDGE_LLM_PART_REASONING = 2,   /* text that the model wrote to itself */
    EDGE_LLM_PART_CALL_BEGIN = 3,  /* a call, with id and name */
    EDGE_LLM_PART_ARGUMENTS = 4,   /* more of its arguments: all of them together are a JSON object */
    EDGE_LLM_PART_CALL_END = 5,    /* its arguments are complete */
    EDGE_LLM_PART_CALL_BROKEN = 6  /* it broke off; the text is the call as the model wrote it */
} edge_llm_part_kind;

typedef struct edge_llm_part {
    uint32_t struct_size; /* set by the caller */
    int32_t kind;         /* edge_llm_part_kind */
    int32_t index;        /* of the call in the answer, from 0; -1 outside of calls */
    uint32_t reserved;    /* 0 */
    const char *text;     /* zero-terminated, never null, as are id and name; valid until the next call on the context */
    size_t text_length;
    const char *id;       /* of a call that begins */
    size_t id_length;
    const char *name;     /* of its tool */
    size_t name_length;
} edge_llm_part;

/* The next part that the steps so far have completed; EDGE_LLM_PART_NONE if there is none: then edge_llm_context_next goes on. Errors:
 * EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT (no generation that edge_llm_context_start_chat began). */
EDGE_LLM_API edge_llm_status edge_llm_context_next_part(edge_llm_context *context, edge_llm_part *part);

/* The next step: computes it. After the step with a finish reason, the generation is over; if that reason is a cancellation or the deadline, the
 * step is given and the status is EDGE_LLM_CANCELLED or EDGE_LLM_DEADLINE_EXCEEDED. piece->id must be 0 or that of the generation: so nobody
 * reads the steps of another one that has begun meanwhile. Errors: as edge_llm_context_generate; EDGE_LLM_INVALID_ARGUMENT also: there is no
 * generation, or it has another id. */
EDGE_LLM_API edge_llm_status edge_llm_context_next(edge_llm_context *context, edge_llm_piece *piece);

/* ----------------------------------------------------------------- requests ------------------------------------------------------------------ */

/* Begins an answer to a prompt, or several (`choices`, at most EDGE_LLM_MAX_CHOICES: the prompt is computed once; they have one seed and the
 * numbers from options->choice on), and computes nothing. requests[0] to requests[choices - 1] are NULL unless the status is EDGE_LLM_OK; close each
 * with edge_llm_request_close. All requests of a context share its forward passes, also with the generation that edge_llm_context_generate or
 * edge_llm_context_start began, and each gets the tokens that it would get alone. Passes are driven by edge_llm_context_step, by the thread of
 * edge_llm_context_start_thread, or by whoever waits for an answer. From version 1.1 on, as is all of this section.
 *
 * A request has a sequence of its own: options->sequence is 0. options->deadline is that of the request; those of the context do not
 * count, nor does edge_llm_context_cancel.
 * options->ready is told, on the thread that computes, after each pass that has made something for one of these requests. It may call the
 * functions of requests but for edge_llm_request_wait. It is not called before this function has written the handles, and no more after all of the
 * requests are closed; so is options->prefill.
 * Errors: as edge_llm_context_start, but for EDGE_LLM_BUSY. */
EDGE_LLM_API edge_llm_status edge_llm_request_submit(edge_llm_context *context, const int32_t *prompt, size_t prompt_count,
    const edge_llm_generate_options *options, size_t choices, edge_llm_request **requests);

/* The same for the answer to a conversation. Errors: as edge_llm_context_start_chat, but for EDGE_LLM_BUSY. */
EDGE_LLM_API edge_llm_status edge_llm_request_submit_chat(edge_llm_context *context, const edge_llm_chat_message *messages, size_t message_count,
    const edge_llm_chat_options *chat, const edge_llm_answer_options *answer, const edge_llm_generate_options *options, size_t choices,
    edge_llm_request **requests);

/* The next step, if it is there; computes nothing. Its text is valid until the next call of this function or edge_llm_request_wait with this request, and
 * piece->id is that of the options. After the step with a finish reason, the request is over; if that reason is a cancellation or the
 * deadline, the step is given and the status is EDGE_LLM_CANCELLED or EDGE_LLM_DEADLINE_EXCEEDED. Errors: EDGE_LLM_NOT_READY,
 * EDGE_LLM_CANCELLED, EDGE_LLM_DEADLINE_EXCEEDED, EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY (another thread reads the request),
 * EDGE_LLM_INVALID_ARGUMENT (it is over); and what ended it: EDGE_LLM_CONTEXT_FULL, EDGE_LLM_OUT_OF_MEMORY, EDGE_LLM_NON_FINITE,
 * EDGE_LLM_GRAMMAR_ERROR. */
EDGE_LLM_API edge_llm_status edge_llm_request_next(edge_llm_request *request, edge_llm_piece *piece);

/* The same, but waits for the step: for as long as another thread computes, else it drives passes itself. Errors: the same, but for
 * EDGE_LLM_NOT_READY; EDGE_LLM_BUSY and EDGE_LLM_INVALID_FILE as edge_llm_context_step: the request goes on. */
EDGE_LLM_API edge_llm_status edge_llm_request_wait(edge_llm_request *request, edge_llm_piece *piece);

/* The next part that the steps of a chat's answer so far have completed; EDGE_LLM_PART_NONE if there is none. Errors: EDGE_LLM_INVALID_HANDLE,
 * EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT (edge_llm_request_submit began it). */
EDGE_LLM_API edge_llm_status edge_llm_request_next_part(edge_llm_request *request, edge_llm_part *part);

typedef struct edge_llm_request_statistics {
    uint32_t struct_size;      /* set by the caller */
    int32_t finish;            /* edge_llm_finish of the last step that was read */
    uint64_t seed;             /* of its draws */
    int64_t prompt_tokens;     /* tokens of its prompt */
    int64_t reused_tokens;     /* of these, tokens that were in the cache already */
    int64_t restored_tokens;   /* of these, tokens that were read from the prompt cache */
    int64_t generated_tokens;
    int64_t forced_tokens;     /* of these, tokens that the grammar left no choice about */
    int64_t evaluated_tokens;  /* run through the model */
    int64_t drafted_tokens;    /* drafted ahead of the answer */
    int64_t accepted_tokens;   /* of these, tokens that were chosen indeed */
    int64_t shifted_tokens;    /* left out of the text because it filled the context */
    int64_t preemptions;       /* how often it gave its part of the cache to another request, and was computed again */
    int64_t prompt_nanoseconds;     /* from its first pass until its first token was chosen */
    int64_t generation_nanoseconds; /* of the passes for the tokens after the first */
} edge_llm_request_statistics;

/* Counts and times of a request so far. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_request_get_statistics(edge_llm_request *request, edge_llm_request_statistics *statistics);

/* Ends a request: after the steps that are made already, its reader gets one with EDGE_LLM_FINISH_CANCELLED, without waiting for the pass under way;
 * that ends at the latest after the layer being computed, unless other requests need it. Nothing happens to one that is over. Errors:
 * EDGE_LLM_INVALID_HANDLE. */
EDGE_LLM_API edge_llm_status edge_llm_request_cancel(edge_llm_request *request);

/* Closes a handle; a request that goes on is cancelled. Waits for nothing but a callback of the request on another thread, and within a callback
 * not even for that. Its room in the cache is free after the pass under way. A request keeps the memory of its context, whose handle may be
 * closed before: that cancels the request. Errors: EDGE_LLM_INVALID_HANDLE, also for a handle that is closed already. */
EDGE_LLM_API edge_llm_status edge_llm_request_close(edge_llm_request *request);

/* Drives one step: a forward pass for all requests that fit into it. *remaining is how many need more steps; with 0 nothing was to be done.
 * edge_llm_context_cancel and the context's deadline do not end it. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT,
 * EDGE_LLM_INVALID_FILE (changed its size). */
EDGE_LLM_API edge_llm_status edge_llm_context_step(edge_llm_context *context, size_t *remaining);

/* Starts a thread that drives the steps of all requests, now and later, until the context and its requests are closed; a second call does nothing.
 * While it computes, other calls that compute give EDGE_LLM_BUSY, but for generations, which it computes as well. Errors:
 * EDGE_LLM_INVALID_HANDLE. */
EDGE_LLM_API edge_llm_status edge_llm_context_start_thread(edge_llm_context *context);

/* ----------------------------------------------------------------- sequences ----------------------------------------------------------------- */

/* The tokens that a sequence holds. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT, EDGE_LLM_BUFFER_TOO_SMALL. */
EDGE_LLM_API edge_llm_status edge_llm_sequence_tokens(
    edge_llm_context *context, int32_t sequence, int32_t *tokens, size_t capacity, size_t *count);

/* Makes sequence `to` hold what `from` holds; what they have in common is kept once until one of them goes on.
 * Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT, EDGE_LLM_OUT_OF_MEMORY. */
EDGE_LLM_API edge_llm_status edge_llm_sequence_copy(edge_llm_context *context, int32_t from, int32_t to);

/* Empties a sequence and gives its room in the cache back. Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT. */
EDGE_LLM_API edge_llm_status edge_llm_sequence_remove(edge_llm_context *context, int32_t sequence);

/* Makes a sequence forget its tokens from `length` on. Errors: the same. */
EDGE_LLM_API edge_llm_status edge_llm_sequence_trim(edge_llm_context *context, int32_t sequence, size_t length);

/* Writes what a sequence holds, tokens, keys and values, to a buffer, from which edge_llm_state_load goes on later or elsewhere without
 * computing it again, with the same bits. *count is its size in bytes.
 * Errors: EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY, EDGE_LLM_INVALID_ARGUMENT, EDGE_LLM_BUFFER_TOO_SMALL. */
EDGE_LLM_API edge_llm_status edge_llm_state_save(edge_llm_context *context, int32_t sequence, void *buffer, size_t capacity, size_t *count);

/* Replaces what a sequence holds by a saved one, of a context with the same model, adapters and cache types. It is checked; after an error the sequence
 * is empty. Errors: EDGE_LLM_INVALID_FILE (damaged), EDGE_LLM_INVALID_ARGUMENT (of another model, adapter or cache type, or of a device
 * that is not exact), EDGE_LLM_UNSUPPORTED (of another arithmetic version), EDGE_LLM_CONTEXT_FULL, EDGE_LLM_OUT_OF_MEMORY, EDGE_LLM_INVALID_HANDLE, EDGE_LLM_BUSY. */
EDGE_LLM_API edge_llm_status edge_llm_state_load(edge_llm_context *context, int32_t sequence, const void *data, size_t size);

/* The same to a file. It is written beside its name and renamed when it is complete, so that what had the name stays until then. Errors: as
 * edge_llm_state_save; EDGE_LLM_INVALID_FILE: it cannot be written, or the name is that of a pipe or a device. */
EDGE_LLM_API edge_llm_status edge_llm_state_save_file(edge_llm_context *context, int32_t sequence, const char *path, size_t path_length);

/* The same from a file. Errors: as edge_llm_state_load; EDGE_LLM_INVALID_FILE also: it cannot be read, or is a pipe or a device. */
EDGE_LLM_API edge_llm_status edge_llm_state_load_file(edge_llm_context *context, int32_t sequence, const char *path, size_t path_length);

#ifdef __cplusplus
}
#endif
#endif
