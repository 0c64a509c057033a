/* Products of rows with matrices. */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "model.h"

/* Rows of floats, stride apart. */
typedef struct {
    const float *x;
    int64_t stride;
    int rows;
} input_rows;

/* Bytes of working memory for a product of rows of n values. */
uint64_t product_bytes(uint64_t rows, uint64_t n);

/* y = (x * weight) * scale + bias, for each row. False: the input has to be quantized, and holds a NaN or an infinity. */
bool multiply(const model *m, const edge_llm_offload_linear *linear, input_rows x, float *y, int64_t stride, void *work);

#endif
