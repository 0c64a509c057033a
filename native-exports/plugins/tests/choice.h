/* Which experts a row has, by definition. */
#ifndef CHOICE_H
#define CHOICE_H

#include "edge_llm_offload.h"

/* The weight of each expert; NaN: it is not chosen. Logits are finite. */
void defined_choice(const edge_llm_offload_experts *x, const float *bias, const float *logits, float *weights);

#endif
