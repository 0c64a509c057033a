/* What the kernels are told besides their buffers: the same text is C and Metal's language. Counts are in values, sizes of the cache in bytes. */
#ifndef PARAMETERS_H
#define PARAMETERS_H

enum kernel_number {
    NORM, QUANTIZE, PRODUCT_F32, PRODUCT_F16, PRODUCT_Q8_0, PRODUCT_Q4_K, PRODUCT_Q6_K, ROPE, STORE, ATTEND, ACTIVATE, ADD, GATHER, SOFT_CAP, PROBE, KERNELS
};

/* One for all kernels: each reads what concerns it. */
struct parameters {
    int n;                                  /* values in a row of the input */
    int m;                                  /* of the output: rows of the matrix */
    int x_stride, y_stride;                 /* from one row to the next */
    int heads, kv_heads, key_dim, value_dim;
    int kind;                               /* of a norm, an activation; the block of a quantization */
    int has_weight, has_bias, has_other;
    int halves, offset, dimensions;         /* of a rotation */
    int window, type;
    int key_type, value_type;
    float epsilon, scale, softcap;
    unsigned long row_bytes, block_bytes, key_bytes, value_bytes;
};

#endif
