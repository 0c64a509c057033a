/* The host's description of a stage, read by the rules of versions: copied, so that it may go, but for the weights, which stay where they are. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>

#include "edge_llm_offload.h"

typedef edge_llm_offload_status status;
typedef edge_llm_offload_error error;

enum { TYPE_F32 = 0, TYPE_F16 = 1, TYPE_Q8_0 = 8, TYPE_Q4_K = 12, TYPE_Q6_K = 14 };
enum { LONGEST = 1 << 24 }; /* of every dimension: products of two, and of a few more, fit 63 bits */

typedef struct {
    edge_llm_offload_tensor t;
    char name[72];
    bool later;                             /* it uses a field that this version does not know */
} tensor;

typedef struct {
    edge_llm_offload_layer l;
    edge_llm_offload_attention a;           /* where l.mixer_kind says so */
    edge_llm_offload_feed_forward f;        /* where l.feed_forward_kind is gated or plain; of experts, the shared one */
    edge_llm_offload_experts x;             /* where l.feed_forward_kind says so */
    bool later;
} layer;

typedef struct {
    edge_llm_offload_stage_desc d;
    tensor *tensors;
    layer *layers;
    edge_llm_offload_cache_group *groups;
} model;

/* Fills in an error and returns the status. */
status fail(error *e, status s, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Copies a struct of any version to one of ours. False: it uses a field that we do not know. */
bool read_struct(void *to, uint32_t ours, const void *from);

/* The same of element i of an array, whose elements are as far apart as the first one says that they are long. */
bool read_element(void *to, uint32_t ours, const void *array, int64_t i);

/* Fills in a struct of the host as far as it has room; its struct_size stays. */
void write_struct(void *to, const void *from, uint32_t ours);

/* Copies a description. What cannot be read at all is an error; layers and tensors of a later version are marked. */
status model_read(model *m, const edge_llm_offload_stage_desc *desc, error *e);
void model_free(model *m);

/* How a layer's network, or that of a mixture's shared expert, is computed: GATED, PLAIN or 0. */
uint32_t dense_kind(const layer *l);

/* Whether this plug-in does mixtures of experts, and SWIGLU_OAI: defined beside its table. */
extern const bool does_mixtures;

/* Whether this plug-in can do a layer, and what stands behind the layers. */
status takes_layer(const model *m, int i, error *e);
status takes_output(const model *m, error *e);

/* Of a tensor's type: values in a block, 0 for types that this plug-in does not have; bytes of a block. */
int block_values(uint32_t type);
int block_bytes(uint32_t type);

/* Bytes of a layer's weights, of its weights and its cache, and of the output's weights. */
uint64_t weight_bytes(const model *m, int i);
uint64_t layer_bytes(const model *m, int i);
uint64_t output_bytes(const model *m);

/* A vector of floats by its reference; NULL for 0. */
const float *vector_of(const model *m, uint32_t reference);

/* Bytes of a cached row, and of one layer in a block. */
uint64_t key_bytes(const edge_llm_offload_cache_group *g);
uint64_t value_bytes(const edge_llm_offload_cache_group *g);
uint64_t slot_bytes(const edge_llm_offload_cache_group *g);

/* a * b, or UINT64_MAX, which no allocation grants; the same of a sum. */
uint64_t times(uint64_t a, uint64_t b);
uint64_t plus(uint64_t a, uint64_t b);
uint64_t round_up(uint64_t n, uint64_t multiple);

#endif
