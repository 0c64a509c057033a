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

/* What rows are multiplied with: t.ne[1] rows of t.ne[0] values. */
typedef struct {
    edge_llm_offload_tensor t;
    const float *bias;
    float scale;                            /* 0: 1 */
} matrix;

matrix matrix_of(const model *m, const edge_llm_offload_linear *linear);

/* One expert's, with that many rows. */
matrix matrix_of_expert(const model *m, const edge_llm_offload_expert_matrices *all, int32_t expert, int64_t rows);

/* y = (x * weight) * scale + bias, for each row. False: the input has to be quantized, and holds a NaN or an infinity. */
bool multiply(const matrix *w, input_rows x, float *y, int64_t stride, void *work);

#endif
