/* Small random models as data. */
#ifndef MODELS_H
#define MODELS_H

#include <stdbool.h>
#include <stdint.h>

#include "edge_llm_offload.h"

enum { MOST_LAYERS = 3, MOST_TENSORS = 128, TOKENS = 70, BLOCKS = 8, GROUPS = 2 };

/* What a model is like. Zeros: plain. */
typedef struct {
    const char *name;
    uint32_t type, output_type;             /* of the matrices */
    int32_t hidden, heads, kv_heads, key_dim, value_dim, width, vocabulary;
    uint32_t key_type, value_type;
    int32_t window;                         /* of every second layer */
    float softcap, output_softcap, residual_scale, product_scale;
    bool sinks, biases, after_norms, own_norm, plain, halves;
    int head_norms;                         /* 1: of each head, 2: of all heads at once, 3: of each head, without weights */
    uint32_t topology, norm, activation;
    int32_t rope_dimensions, rope_offset;   /* 0: all of a head; -1: none */
    int32_t experts, used, groups, groups_used; /* experts 0: no mixture. Of the layers, the first is dense then */
    uint32_t gating, shared_kind;
    bool normalize, choice_bias, shared_gate, gate_and_up; /* gate_and_up: in one tensor */
    bool twins;                             /* every second expert's logits are those of the one before */
    float router_bias, weight_scale, output_scale;
} shape;

extern const shape shapes[];
extern const int shape_count;

typedef struct {
    shape s;
    int32_t layer_count, tensor_count;
    edge_llm_offload_tensor tensors[MOST_TENSORS];
    edge_llm_offload_layer layers[MOST_LAYERS];
    edge_llm_offload_attention attention[MOST_LAYERS];
    edge_llm_offload_feed_forward networks[MOST_LAYERS]; /* of a mixture: the shared expert */
    edge_llm_offload_experts experts[MOST_LAYERS];
    edge_llm_offload_norm final_norm;
    edge_llm_offload_linear output;
    int32_t rope_width;
    float *cos, *sin;                       /* [TOKENS][rope_width] */
    float *hidden[2];                       /* the inputs of two texts: [TOKENS][hidden] */
} test_model;

test_model *model_make(const shape *s, uint32_t seed);
void model_free(test_model *m);

/* A description of some of its layers, which can be changed. */
typedef struct {
    edge_llm_offload_stage_desc d;
    edge_llm_offload_layer layers[MOST_LAYERS];
    edge_llm_offload_attention attention[MOST_LAYERS];
    edge_llm_offload_feed_forward networks[MOST_LAYERS];
    edge_llm_offload_experts experts[MOST_LAYERS];
    edge_llm_offload_tensor tensors[MOST_TENSORS];
    edge_llm_offload_cache_group groups[GROUPS];
    int group_of[GROUPS];                   /* 0: layers that see all, 1: those with a window */
} description;

void describe(const test_model *m, int first, int count, bool output, description *d);

/* Brings groups in line with the layers' flags. */
void describe_groups(const test_model *m, description *d);

uint64_t padded_bytes(uint32_t type, int32_t values);
float random_float(uint32_t *state); /* -1 to 1 */

#endif
