/* What a stage gives, by definition. */
#ifndef DEFINITION_H
#define DEFINITION_H

#include "models.h"

/* A text run through a model from position 0: all that a stage may be asked for. */
typedef struct {
    const test_model *m;
    float *streams[MOST_LAYERS + 1];        /* the residual stream before each layer and behind the last: [TOKENS][hidden] */
    float *keys[MOST_LAYERS], *values[MOST_LAYERS]; /* as the cache has them: [TOKENS][kv_heads][dim] */
    float *normed, *logits;                 /* [TOKENS][hidden], [TOKENS][vocabulary] */
} defined_text;

/* The first `shared` rows come from the first text, the rest from another one. */
defined_text *define_text(const test_model *m, int text, int shared, int tokens);
void defined_free(defined_text *t);

/* A mixer without its products: from [q | k | v] at a position to what the output matrix reads. Keys and values are kept in the text. */
void defined_mixer(defined_text *t, int layer, int position, const float *qkv, float *out);

/* A network: y = network(h). */
void defined_network(const test_model *m, int layer, const float *h, float *y);

#endif
