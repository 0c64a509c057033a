/* A stage: what it was made of, its cache, its working memory. */
#ifndef STAGE_H
#define STAGE_H

#include "attention.h"
#include "model.h"

/* A row's place in its sequence. */
typedef struct {
    const edge_llm_offload_run *run;        /* NULL: not looked up yet */
    int32_t position;
} row_place;

/* Working memory of a batch. */
typedef struct {
    float *x, *h, *branch, *result;         /* [rows][hidden]: the residual stream; normed; what the mixer and the network give */
    float *qkv, *mixed;                     /* [rows][q | k | v], [rows][heads * value_dim] */
    float *gate, *up;                       /* [rows][width of the network] */
    float *logits, *shared;                 /* [rows][experts], [rows][hidden]: the router's; what the shared expert gives */
    float *choice, *weights, *one;          /* of one row: what choosing needs; its experts' weights; what one of them gives */
    int32_t *chosen;
    float *block;                           /* one head's values */
    void *packed;                           /* of a product */
    row_place *places;
    edge_llm_offload_rope_table *ropes;
} workspace;

/* Whole pages, so that a device which shares the memory can use them where they are. */
enum { PAGE = 16384 };
typedef struct {
    uint8_t *taken;
    uint8_t *pages;
    uint64_t bytes;
} page_memory;

/* Zeros, which take memory once they are used; freed by their taken. False: there are none. */
bool pages_take(page_memory *m, uint64_t bytes);

enum { NO_LAYERS = -1 };

struct edge_llm_offload_stage {
    const edge_llm_offload_host *host;
    int32_t device;
    model m;
    page_memory *caches;                    /* of each group: its blocks */
    int32_t *windows;                       /* of each group: the longest of its layers', 0: all positions are seen, or NO_LAYERS */
    workspace w;
    page_memory memory;                     /* of the workspace */
    uint64_t weight_bytes, cache_bytes, work_bytes;
    uint64_t calls, all_calls, forwards, rows; /* calls: of forward */
    bool lost;
    _Atomic bool busy;                      /* a call is under way */
};
typedef struct edge_llm_offload_stage stage;

/* Bytes of working memory for what the layers from the first one on, and the output, need. */
uint64_t workspace_bytes(const model *m, int first);

/* What can be taken of a description. */
status stage_plan(const edge_llm_offload_stage_desc *desc, bool exact, edge_llm_offload_plan *given, error *e);

status stage_create(const edge_llm_offload_host *host, int32_t device, const edge_llm_offload_stage_desc *desc, stage **made, error *e);
void stage_destroy(stage *s);

/* A cache block, checked; a copy of one. */
status stage_find_block(const stage *s, uint32_t group, int32_t block, uint64_t bytes, uint8_t **found, error *e);
status stage_copy_block(const stage *s, uint32_t group, int32_t from, int32_t to, error *e);

/* Where the keys and values of a layer lie. */
cache cache_of(const stage *s, const edge_llm_offload_attention *a);

/* Checks a batch and finds each row's place. b is of this version. */
status batch_check(stage *s, const edge_llm_offload_batch *b, error *e);

/* Runs layer i on the rows of the stream; after the last one's mixer they are the batch's output rows. */
status layer_run(stage *s, const edge_llm_offload_batch *b, int i, int *rows, error *e);

/* A layer's network: from what it reads to result. */
status network_run(stage *s, const edge_llm_offload_batch *b, const layer *l, const float *in, int rows, error *e);

/* y = norm(x), where there is one, for rows of hidden values; returns where the result is: x or y. */
float *norm_rows(const model *m, const edge_llm_offload_norm *norm, float *x, float *y, int rows);

/* Leaves only the batch's output rows. */
void keep_rows(float *x, int64_t width, const edge_llm_offload_batch *b);

/* Runs a checked batch. */
status stage_forward(stage *s, const edge_llm_offload_batch *b, error *e);

/* A product; the status is NON_FINITE where the input is. */
status product(stage *s, const edge_llm_offload_linear *linear, const float *x, int64_t width, int rows, float *y, int64_t stride, error *e);

#endif
