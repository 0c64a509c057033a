/* How a row's experts are chosen. */
#ifndef ROUTER_H
#define ROUTER_H

#include <stdint.h>

#include "edge_llm_offload.h"

/* Floats of working memory for a choice. */
uint64_t choice_floats(const edge_llm_offload_experts *x);

/* The experts of a row of logits, ascending, and their weights; bias may be NULL. */
void choose(const edge_llm_offload_experts *x, const float *bias, const float *logits, float *work, int32_t *chosen, float *weights);

#endif
