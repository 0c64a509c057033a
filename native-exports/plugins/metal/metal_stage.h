/* A stage on a GPU. Description, checks, cache and workspace are the reference plug-in's; the GPU works in the same memory. */
#ifndef METAL_STAGE_H
#define METAL_STAGE_H

#include "../reference/stage.h"
#include "gpu.h"

enum { MOST_GROUPS = 16, MOST_ROPES = 8 };

typedef struct {
    stage *base;
    gpu *gpu;
    page_memory memory;                     /* of inputs, as large as a batch has needed it */
    bool lost;
    uint64_t forwards, rows, launches;
} metal_stage;

/* What a batch brings besides hidden states, and its results. */
typedef struct {
    int32_t *positions, *all, *wanted, *flag;
    int32_t *starts, *tables[MOST_GROUPS];  /* of each row: where its table begins; tables one behind another */
    float *cosines[MOST_ROPES], *sines[MOST_ROPES];
    float *x, *h;                           /* rows that are wanted */
    float *block;                           /* a head's values of each row */
    float *logits;
} batch_inputs;

/* Brings a checked batch to the GPU's memory. False: there is not enough. */
bool inputs_make(metal_stage *s, const edge_llm_offload_batch *b, batch_inputs *in);

/* Runs a checked batch. */
status metal_forward(metal_stage *s, const edge_llm_offload_batch *b, const batch_inputs *in, error *e);

/* Whether a device computes as the processor does: fused, not fused, divisions, roots, the exponential. */
bool metal_probe(gpu *g, char *text, uint64_t text_bytes);

#endif
