/* The weight formats: what a block is. */
#ifndef FORMATS_H
#define FORMATS_H

#include <stdint.h>

enum { F32 = 0, F16 = 1, Q4_0 = 2, Q8_0 = 8, Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13, Q6_K = 14, MXFP4 = 39 };

typedef struct {
    uint32_t type;
    int values, bytes;                      /* of a block */
    int d_at, dmin_at;                      /* where its scale lies, and that of its minimums; -1: it has none in half precision */
    float d, dmin;                          /* what random blocks have there, so that weights are up to about 1 */
} format;

const format *format_of(uint32_t type);

/* A row of weights with a row of activations, by definition. */
float defined_product(uint32_t type, const uint8_t *row, const float *x, int n);

#endif
