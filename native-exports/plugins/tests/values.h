/* The arithmetic's definition on single values and rows, written from docs/canonical-arithmetic.md for the tests. */
#ifndef VALUES_H
#define VALUES_H

#include <stdint.h>

float defined_half(uint16_t half);
uint16_t defined_to_half(float value);
float defined_exp(float x);
float defined_soft_cap(float x, float c);
float defined_activation(float x, uint32_t kind);
float defined_partner(float y, uint32_t kind); /* what the activation is multiplied with */
float defined_sigmoid(float x);

/* A sum in 16 lanes, element i in lane i % 16, of the products x[i] * y[i], each fused into it. */
float defined_dot(const float *x, const float *y, int n);

void defined_norm(uint32_t kind, const float *x, const float *weight, const float *bias, float epsilon, float *y, int n);

/* What a cache of a type makes of a value. */
float defined_cached(uint32_t type, float value);

#endif
