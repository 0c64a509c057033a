/* Edge.Llm: the interface of offload plug-ins, version 1.
 *
 * A plug-in is a shared library that runs a range of a model's layers on a device. The host keeps everything that knows of sequences:
 * scheduling, sampling, and which cache block holds what. A plug-in sees rows of hidden states, positions and block numbers.
 *
 * Loading.    The library exports one function, edge_llm_offload_plugin_v1 (at the end), which fills in a table. It does no work before.
 * Structs.    Each begins with struct_size, set by the side that fills it in, unless it is part of another one. Later versions add fields
 *             at the end only, and 0 always means "not used". So a reader that finds a struct longer than it knows must find zeros in the rest,
 *             or refuse (UNSUPPORTED); one that finds it shorter takes the rest as zeros. A plug-in of today thus runs every later model that
 *             uses nothing new, and refuses the others. Who fills in a struct clears all its bytes first: padding may become a field.
 *             In an array of them, struct_size is also the distance from one to the next, and the same for all. Functions of a table are offers:
 *             a reader leaves those alone that it does not know. Where one side fills in a struct of the other, as *error and *info, the one
 *             that has the memory sets struct_size; the other keeps within it.
 * Kinds.      A number that a plug-in does not know (of a mixer, a norm, a type, a flag) is one more thing that it refuses.
 * Status.     Every function returns a status and, unless it is OK, fills in *error, which is never NULL. None ends the process or throws.
 * Memory.     What the host passes is valid during the call, unless it says more. Device memory is the plug-in's. It writes to host memory
 *             only where it is given a pointer for that.
 * Threads.    Any thread may call. One stage does one thing at a time; calls on different stages may be concurrent. Functions of the host are
 *             called on the calling thread, during the call. After destroy no thread of the stage is left.
 * State.      The thread's state (a current GPU context, the floating-point environment, signal masks) is as before when a function returns.
 * Fork.       A plug-in is not called in the child of a fork.
 * Arithmetic. A stage that is exact gives the bits that docs/canonical-arithmetic.md defines, whatever shares its batch.
 */
#ifndef EDGE_LLM_OFFLOAD_H
#define EDGE_LLM_OFFLOAD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EDGE_LLM_OFFLOAD_ENTRY "edge_llm_offload_plugin_v1" /* the major version is in the name */
#define EDGE_LLM_OFFLOAD_ABI_MINOR 0
#define EDGE_LLM_OFFLOAD_ARITHMETIC 1 /* the version of canonical-arithmetic.md that this header was written for */
#define EDGE_LLM_OFFLOAD_BLOCK 64     /* positions in a cache block */

typedef int32_t edge_llm_offload_status; /* the numbers of edge_llm_status */
enum {
    EDGE_LLM_OFFLOAD_OK = 0,
    EDGE_LLM_OFFLOAD_UNSUPPORTED = 2,      /* a kind, type or field that this plug-in does not do */
    EDGE_LLM_OFFLOAD_OUT_OF_MEMORY = 3,    /* of the device, or of the host */
    EDGE_LLM_OFFLOAD_CANCELLED = 5,        /* host->cancelled said so */
    EDGE_LLM_OFFLOAD_INVALID_ARGUMENT = 7, /* the host broke a rule of this header */
    EDGE_LLM_OFFLOAD_DEVICE_LOST = 9,      /* the stage is of no use from now on: every call but destroy gives this again */
    EDGE_LLM_OFFLOAD_NON_FINITE = 10       /* a NaN or an infinity in keys or values */
};
typedef struct edge_llm_offload_error {
    uint32_t struct_size;
    int32_t native_code;                   /* the device's own, or 0 */
    char text[504];                        /* UTF-8, zero-terminated: what was expected, what was found */
} edge_llm_offload_error;

/* ---------------------------------------------------------- a model as data ---------------------------------------------------------- */

/* A weight as it lies in the file. References to tensors elsewhere are index + 1; 0 means that there is none. */
typedef struct edge_llm_offload_tensor {
    uint32_t struct_size;
    uint32_t type;                         /* ggml's number: F32 0, F16 1, Q8_0 8, Q4_K 12, Q6_K 14 ... */
    int64_t ne[4];                         /* ne[0] innermost */
    const void *data;                      /* ne[1] * ne[2] * ne[3] rows one after another; valid during create and forward */
    uint64_t row_bytes;
    const char *name;                      /* the file's, for messages */
} edge_llm_offload_tensor;

/* y = (x * weight) * scale + bias. weight is [M, K]: ne[0] = K. scale 0: 1. */
typedef struct edge_llm_offload_linear {
    uint32_t weight, bias;
    float scale;
    uint32_t reserved;
} edge_llm_offload_linear;

/* kind 0: no norm, x passes as it is. Weights and biases are F32; 0: none. */
enum { EDGE_LLM_OFFLOAD_NORM_RMS = 1, EDGE_LLM_OFFLOAD_NORM_LAYER = 2 };
typedef struct edge_llm_offload_norm {
    uint32_t kind, weight, bias;
    float epsilon;
} edge_llm_offload_norm;

/* Which values of a head turn: offset .. offset + dimensions. halves 1: value i and i + dimensions / 2 are a pair; 0: 2i and 2i + 1. */
typedef struct edge_llm_offload_rope {
    uint32_t table;                        /* 1 + number of the batch's table; 0: nothing turns */
    uint32_t halves;
    int32_t dimensions, offset;
} edge_llm_offload_rope;

/* Mixers: what stands between tokens. mixer_kind says which struct mixer points to; 0: the layer has none. */
enum { EDGE_LLM_OFFLOAD_ATTENTION = 1 };
typedef struct edge_llm_offload_attention {
    uint32_t struct_size, flags;           /* flags: none yet */
    int32_t heads, kv_heads;               /* heads / kv_heads queries share a head of keys and values */
    int32_t key_dim, value_dim;
    float scale;                           /* on the scores */
    float softcap;                         /* c * tanh(score / c) takes a score's place; 0: none */
    int32_t window;                        /* positions that a token sees, itself included; 0: all before it */
    uint32_t group, slot;                  /* where keys and values go: the cache group, and the layer's number in it */
    edge_llm_offload_linear q, k, v, output;
    edge_llm_offload_norm q_norm, k_norm;  /* before the rotation; of each head, or of all at once where the weight is as long as they are */
    edge_llm_offload_rope rope;            /* of queries and keys */
    uint32_t sinks;                        /* F32 [heads]: a score that joins the maximum and the sum last, and not the output; 0: none */
    uint32_t reserved;
} edge_llm_offload_attention;

/* Feed-forward networks: what treats each token alone. */
enum { EDGE_LLM_OFFLOAD_GATED = 1, EDGE_LLM_OFFLOAD_PLAIN = 2, /* down(act(gate(h)) * up(h)); down(act(up(h))) */
    EDGE_LLM_OFFLOAD_EXPERTS = 3 };                               /* a mixture: see its struct */
enum { EDGE_LLM_OFFLOAD_SILU = 1, EDGE_LLM_OFFLOAD_GELU = 2 /* the form with tanh */, EDGE_LLM_OFFLOAD_RELU = 3, EDGE_LLM_OFFLOAD_RELU_SQUARED = 4,
    /* x = min(gate, 7), x / (1 + exp(x * -1.702)) in act(gate)'s place, and up, kept within -7 .. 7, plus 1 in up's */
    EDGE_LLM_OFFLOAD_SWIGLU_OAI = 5 };
typedef struct edge_llm_offload_feed_forward {
    uint32_t struct_size, activation;
    edge_llm_offload_linear gate, up, down; /* plain: gate is not used */
} edge_llm_offload_feed_forward;

/* A mixture of experts: a router chooses some networks for each row, and their weighed sum is the result. Of a row h of the normed input:
 *
 * logits   router(h): count of them.
 * p        what gating makes of the logits. SOFTMAX: m is the largest one, p[e] = exp(logits[e] - m), then each is divided by their sum, which is
 *          added up one by one, ascending (no lanes). SIGMOID: p[e] = 1 / (1 + exp(-logits[e])). SOFTMAX_OF_CHOSEN: p is the logits.
 * v        p[e] + choice_bias[e], or p[e] where there is no bias.
 * groups   Only with groups_used < groups: count / groups consecutive experts are a group. It is worth its largest v plus its second largest, or its
 *          only one. The groups_used worthiest remain, of equally worthy ones the first; in the others each v becomes -infinity.
 * chosen   used times: the expert with the largest v, of equals that with the lowest number; its v is -infinity from then on. A NaN is never the
 *          largest; if all are NaN, expert 0 is taken.
 * weights  p of the chosen ones. All that follows goes through them by ascending number. SOFTMAX_OF_CHOSEN: the softmax of them, as above.
 *          NORMALIZE: each is divided by their sum, added up one by one, or by 2^-14 where the sum is less. Then each is multiplied by weight_scale.
 * y        0 at first; for each chosen expert y[i] = fma(expert(h)[i], weight, y[i]).
 * shared   With a shared network: y[i] = y[i] + shared(h)[i], or y[i] + shared(h)[i] * g with g = 1 / (1 + exp(-shared_gate(h))), not fused.
 * Last, each y[i] is multiplied by output_scale. exp is the engine's own; see docs/canonical-arithmetic.md. */
typedef struct edge_llm_offload_expert_matrices {
    uint32_t weight;                       /* [K, R, count]: expert e has rows first_row .. first_row + M - 1 of matrix e */
    uint32_t bias;                         /* F32 [R, count]: the same rows, added to the products; 0: none */
    int32_t first_row;
    uint32_t reserved;
} edge_llm_offload_expert_matrices;

enum { EDGE_LLM_OFFLOAD_GATING_SOFTMAX = 1, EDGE_LLM_OFFLOAD_GATING_SIGMOID = 2, EDGE_LLM_OFFLOAD_GATING_SOFTMAX_OF_CHOSEN = 3 };
enum { EDGE_LLM_OFFLOAD_NORMALIZE = 1 };   /* flags */
typedef struct edge_llm_offload_experts {
    uint32_t struct_size, flags;
    uint32_t gating, activation;
    int32_t count, used;                   /* experts; those of a row */
    int32_t width;                         /* rows of gate and up, and values of down's input */
    int32_t groups, groups_used;           /* 0: no groups */
    float weight_scale, output_scale;      /* 0: 1 */
    uint32_t choice_bias;                  /* F32 [count]; 0: none */
    edge_llm_offload_linear router;        /* M = count */
    edge_llm_offload_expert_matrices gate, up, down; /* gate.weight 0: the experts are plain */
    edge_llm_offload_linear shared_gate;   /* M = 1; weight 0: none */
    uint32_t shared_kind, reserved;        /* GATED or PLAIN; 0: there is none */
    const void *shared;                    /* a struct of that kind, of any width */
} edge_llm_offload_experts;

/* x += residual_scale * after(mixer(norm(x))), then the same with the network. Parallel: both read the same x, the network through
 * feed_forward_norm, or, where that has kind 0, what the mixer reads. */
enum { EDGE_LLM_OFFLOAD_PRE = 1, EDGE_LLM_OFFLOAD_PARALLEL = 2 };
/* Layer flags: this part is the host's, by host->host_part. HOST_MIXER: of the mixer, all between the products of q, k and v and that of the
 * output; the cache of the layer is the host's then, and no group of the stage has it. */
enum { EDGE_LLM_OFFLOAD_HOST_MIXER = 1, EDGE_LLM_OFFLOAD_HOST_FEED_FORWARD = 2 };
typedef struct edge_llm_offload_layer {
    uint32_t struct_size, flags;
    uint32_t topology, mixer_kind, feed_forward_kind; /* feed_forward_kind is 0 with HOST_FEED_FORWARD */
    int32_t number;                        /* in the model */
    const void *mixer, *feed_forward;      /* structs of those kinds */
    edge_llm_offload_norm mixer_norm, feed_forward_norm, after_mixer, after_feed_forward;
    float residual_scale;                  /* 0: 1 */
    uint32_t reserved;
} edge_llm_offload_layer;

/* Layers whose keys and values have one shape and one window share blocks. A block: EDGE_LLM_OFFLOAD_BLOCK positions of all layers of the
 * group in this stage, as bytes [layer][keys, values][head][64][row]. A row is one head's values of one position, in its type, padded with
 * zeros to a multiple of 32. The host numbers the blocks; where they lie is the plug-in's affair. All are zeros at first. */
typedef struct edge_llm_offload_cache_group {
    uint32_t struct_size, key_type, value_type; /* ggml types */
    int32_t layers, heads, key_dim, value_dim;
    int32_t blocks;                        /* their numbers are 0 .. blocks - 1 */
    uint64_t block_bytes;                  /* what follows from the above */
} edge_llm_offload_cache_group;

/* A stage: consecutive layers, and behind them, if output.weight is not 0, the last norm and the output matrix. It may have no layers. */
enum { EDGE_LLM_OFFLOAD_EXACT = 1 };       /* create fails rather than make a stage that is not exact */
typedef struct edge_llm_offload_stage_desc {
    uint32_t struct_size, flags;
    const char *architecture;              /* for messages: nothing may depend on it */
    int32_t hidden, vocabulary, layer_count, tensor_count, group_count, rope_count;
    int32_t max_rows, max_output_rows;     /* of a batch */
    const edge_llm_offload_layer *layers;
    const edge_llm_offload_tensor *tensors;
    const edge_llm_offload_cache_group *groups;
    edge_llm_offload_norm final_norm;
    edge_llm_offload_linear output;
    float output_softcap;                  /* c * tanh(logit / c) takes a logit's place; 0: none */
    uint32_t arithmetic;                   /* the host's version */
    uint64_t model;                        /* not 0: in all descriptions with this number, tensors with the same data have the same bytes. A device may keep
                                            * them once for all stages of such descriptions */
} edge_llm_offload_stage_desc;

/* The answer to plan. The host sets struct_size, verdicts and layer_bytes, and clears the rest. */
enum { EDGE_LLM_OFFLOAD_TAKE = 0, EDGE_LLM_OFFLOAD_REFUSE = 1 };
typedef struct edge_llm_offload_plan {
    uint32_t struct_size;
    int32_t first_layer;                   /* layers first_layer .. layer_count - 1 can be taken; layer_count: none */
    uint32_t takes_output;
    uint32_t exact;                        /* what is taken gives the bits of desc->arithmetic */
    uint64_t fixed_bytes;                  /* device memory besides layers and output: the workspace */
    uint64_t output_bytes;                 /* of the output matrix; 0 where the device has it already and the plug-in knows */
    uint8_t *verdicts;                     /* room for tensor_count */
    uint64_t *layer_bytes;                 /* room for layer_count: cache and weights of each, without weights that the plug-in knows to be there */
    char reason[256];                      /* why first_layer is not 0, or why the output is not taken; else empty */
} edge_llm_offload_plan;

/* ------------------------------------------------------------- a batch -------------------------------------------------------------- */

/* Consecutive tokens of one sequence. Runs of one sequence come in the order of their positions. */
typedef struct edge_llm_offload_run {
    int32_t row, rows, position;           /* rows row .. row + rows - 1 stand at position, position + 1 ... */
    int32_t reserved;
    const int32_t *const *tables;          /* for each group: the numbers of the sequence's blocks by position / 64; -1: behind the window */
} edge_llm_offload_run;

/* Cosines and sines of the rows' positions, each pair's at the places of both of its values, the first one's sine negated:
 * x[p] = x[p] * cos[p] + x[q] * sin[p] as one multiplication and one fused multiply-add, for both values of a pair p, q. Places count from
 * the rope's offset: value offset + p of a head turns with cos[p]. */
typedef struct edge_llm_offload_rope_table {
    uint32_t struct_size;
    int32_t width, stride;                 /* values of a row; floats from one row to the next */
    int32_t reserved;
    const float *cos, *sin;
} edge_llm_offload_rope_table;

enum { EDGE_LLM_OFFLOAD_WANT_HIDDEN = 1 }; /* of a stage with the output matrix: out gets what the last norm gives, not logits */
typedef struct edge_llm_offload_batch {
    uint32_t struct_size, flags;
    int32_t rows, run_count, rope_count, output_count;
    int32_t hidden_stride, out_stride;     /* floats from one row to the next */
    const float *hidden;                   /* [rows][hidden] */
    float *out;                            /* [output_count][hidden], or [output_count][vocabulary] with the output matrix */
    const int32_t *output_rows;            /* which rows, ascending */
    const edge_llm_offload_run *runs;      /* every row is in one; none of a stage without layers, for which run_count is 0 */
    const edge_llm_offload_rope_table *ropes;
    void *context;                         /* handed on to host->cancelled and host->host_part */
} edge_llm_offload_batch;

/* ------------------------------------------------------------- the host ------------------------------------------------------------- */

typedef struct edge_llm_offload_host {
    uint32_t struct_size, abi_minor;
    void *context;
    /* level as edge_llm_log_level: 1 error, 2 warning, 3 information, 4 debug. */
    void (*log)(void *context, int32_t level, const char *text);
    /* Whether nobody needs the batch any more. To be asked at least once a layer, or once for 10 milliseconds of work. */
    int32_t (*cancelled)(void *context, void *batch_context);
    /* For layers with HOST_MIXER or HOST_FEED_FORWARD, part being one of these. Rows are the batch's, or, where rows is output_count, those of
     * output_rows. Mixer: in is [rows][q | k | v] after the products, out [rows][heads * value_dim]: what is multiplied with the output
     * matrix; all rows of the batch. Feed-forward: in is [rows][hidden], the normed input, out the result, [rows][hidden]. */
    edge_llm_offload_status (*host_part)(void *context, void *batch_context, int32_t layer, int32_t part, int32_t rows, const float *in, float *out,
                                         edge_llm_offload_error *error);
} edge_llm_offload_host;

/* ------------------------------------------------------------ the plug-in ----------------------------------------------------------- */

typedef struct edge_llm_offload_stage edge_llm_offload_stage;
enum { EDGE_LLM_OFFLOAD_OTHER = 0, EDGE_LLM_OFFLOAD_DISCRETE_GPU = 1, EDGE_LLM_OFFLOAD_SHARED_MEMORY_GPU = 2, EDGE_LLM_OFFLOAD_PROCESSOR = 3 };
typedef struct edge_llm_offload_device_info {
    uint32_t struct_size, kind;
    char name[128], driver[64];
    uint64_t total_bytes, free_bytes;      /* now; 0: not known */
    uint32_t exact;                        /* 1: a self-test of its operations has shown that stages on it can be exact */
    uint32_t reserved;
    char note[192];                        /* why it is not exact, or not of use; else empty */
} edge_llm_offload_device_info;

typedef struct edge_llm_offload_stage_info {
    uint32_t struct_size, exact;
    uint64_t weight_bytes, cache_bytes, work_bytes;
    uint64_t forwards, rows, launches;     /* since create */
    uint64_t device_nanoseconds, copy_nanoseconds; /* as the device measures; 0: not known */
} edge_llm_offload_stage_info;

typedef struct edge_llm_offload_plugin {
    uint32_t struct_size, abi_minor;
    const char *name, *version;            /* "cuda", "1.0.0"; as long as the library is loaded */
    /* 0 and OK where there is no device or no driver. */
    edge_llm_offload_status (*device_count)(int32_t *count, edge_llm_offload_error *error);
    /* Runs the self-test the first time. */
    edge_llm_offload_status (*device_info)(int32_t device, edge_llm_offload_device_info *info, edge_llm_offload_error *error);
    /* Allocates nothing that stays. Called several times while the host looks for what fits. */
    edge_llm_offload_status (*plan)(int32_t device, const edge_llm_offload_stage_desc *desc, edge_llm_offload_plan *plan, edge_llm_offload_error *error);
    /* Copies what it needs of desc. */
    edge_llm_offload_status (*create)(int32_t device, const edge_llm_offload_stage_desc *desc, edge_llm_offload_stage **stage, edge_llm_offload_error *error);
    /* Returns when out is written and the cache holds the batch's rows. After an error the cache holds what it held before in all other rows. */
    edge_llm_offload_status (*forward)(edge_llm_offload_stage *stage, const edge_llm_offload_batch *batch, edge_llm_offload_error *error);
    /* Cache blocks: copied on write, saved and loaded. bytes is the group's block_bytes. */
    edge_llm_offload_status (*block_copy)(edge_llm_offload_stage *stage, uint32_t group, int32_t from, int32_t to, edge_llm_offload_error *error);
    edge_llm_offload_status (*block_read)(edge_llm_offload_stage *stage, uint32_t group, int32_t block, void *to, uint64_t bytes, edge_llm_offload_error *error);
    edge_llm_offload_status (*block_write)(edge_llm_offload_stage *stage, uint32_t group, int32_t block, const void *from, uint64_t bytes, edge_llm_offload_error *error);
    edge_llm_offload_status (*info)(edge_llm_offload_stage *stage, edge_llm_offload_stage_info *info, edge_llm_offload_error *error);
    void (*destroy)(edge_llm_offload_stage *stage); /* also after DEVICE_LOST; NULL is fine */
} edge_llm_offload_plugin;

/* The one export. The host sets plugin->struct_size to the size that it knows, clears the rest, and keeps *host until the library is unloaded.
 * The plug-in fills in what there is room for and sets struct_size to the size that it filled in. */
typedef edge_llm_offload_status (*edge_llm_offload_plugin_fn)(const edge_llm_offload_host *host, edge_llm_offload_plugin *plugin, edge_llm_offload_error *error);

#ifdef __cplusplus
}
#endif
#endif
