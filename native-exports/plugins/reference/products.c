/* Products of rows with matrices of the five types. */
#include "products.h"

#include "canonical.h"

/* A row of the input: its floats, or its values as int8. */
typedef struct {
    const float *x;
    const int8_t *q;
    const float *scales;
    const int32_t *sums;
} packed_row;

INLINE float dot_f32(const uint8_t *w, int n, const packed_row *a)
{
    float lanes[16] = {0}, weights[16];
    int i = 0;
    for (; i + 16 <= n; i += 16)
    {
        memcpy(weights, w + 4 * (int64_t)i, sizeof weights);
        for (int l = 0; l < 16; l++) lanes[l] = fmaf(weights[l], a->x[i + l], lanes[l]);
    }
    memcpy(weights, w + 4 * (int64_t)i, 4 * (size_t)(n - i));
    for (int l = 0; l < n - i; l++) lanes[l] = fmaf(weights[l], a->x[i + l], lanes[l]);
    return tree16(lanes);
}

INLINE float dot_f16(const uint8_t *w, int n, const packed_row *a)
{
    float lanes[16] = {0};
    int i = 0;
    for (; i + 16 <= n; i += 16, w += 32)
        for (int l = 0; l < 16; l++) lanes[l] = fmaf(half_to_float(load16(w + 2 * l)), a->x[i + l], lanes[l]);
    for (int l = 0; l < n - i; l++) lanes[l] = fmaf(half_to_float(load16(w + 2 * l)), a->x[i + l], lanes[l]);
    return tree16(lanes);
}

INLINE float dot_q8_0(const uint8_t *w, int n, const packed_row *a)
{
    float sum = 0;
    const int8_t *q = a->q;
    const float *scale = a->scales;
    for (int left = n / 32; left > 0; left -= 8)
    {
        float p[8] = {0};
        for (int b = 0; b < left && b < 8; b++, w += 34, q += 32)
        {
            const int8_t *weights = (const int8_t *)w + 2;
            int32_t products = 0;
            for (int i = 0; i < 32; i++) products += weights[i] * q[i];
            p[b] = (float)products * half_to_float(load16(w)) * *scale++;
        }
        sum = add_group(sum, p);
    }
    return sum;
}

INLINE float dot_q4_k(const uint8_t *w, int n, const packed_row *a)
{
    float sum = 0;
    const int8_t *q = a->q;
    const int32_t *sums = a->sums;
    for (int s = 0; s < n / 256; s++, w += 144, q += 256, sums += 8)
    {
        const uint8_t *packed = w + 4;
        int32_t products = 0, minimums = 0;
        for (int j = 0; j < 8; j++)
        {
            int scale = j < 4 ? packed[j] & 63 : (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
            int minimum = j < 4 ? packed[j + 4] & 63 : packed[j + 4] >> 4 | packed[j] >> 6 << 4;
            const uint8_t *nibbles = w + 16 + j / 2 * 32;
            int32_t block = 0;
            if (j % 2 == 0) for (int i = 0; i < 32; i++) block += (nibbles[i] & 15) * q[32 * j + i];
            else for (int i = 0; i < 32; i++) block += (nibbles[i] >> 4) * q[32 * j + i];
            products += scale * block;
            minimums += minimum * sums[j];
        }
        float f = fmaf(-(float)minimums, half_to_float(load16(w + 2)), (float)products * half_to_float(load16(w)));
        sum = fmaf(f, a->scales[s], sum);
    }
    return sum;
}

INLINE float dot_q6_k(const uint8_t *w, int n, const packed_row *a)
{
    float sum = 0;
    const int8_t *q = a->q;
    for (int s = 0; s < n / 256; s++, w += 210, q += 256)
    {
        int32_t products = 0;
        for (int b = 0; b < 16; b++) /* of 16 values: 8 in each half of 128, two a row of 32 */
        {
            int half = b / 8, j = b % 8 / 2, first = b % 2 * 16;
            const uint8_t *low = w + 64 * half + j % 2 * 32 + first, *high = w + 128 + 32 * half + first;
            int32_t block = 0;
            for (int i = 0; i < 16; i++)
                block += ((low[i] >> (j / 2 * 4) & 15) + (high[i] >> (2 * j) & 3) * 16 - 32) * q[16 * b + i];
            products += (int8_t)w[192 + b] * block;
        }
        sum = fmaf((float)products * half_to_float(load16(w + 208)), a->scales[s], sum);
    }
    return sum;
}

/* Rows of the matrix outside, so that each is read once. */
#define FOR_ALL(dot) \
    for (int64_t r = 0; r < t->ne[1]; r++) \
        for (int row = 0; row < rows; row++) \
            y[row * stride + r] = dot((const uint8_t *)t->data + (uint64_t)r * t->row_bytes, (int)t->ne[0], &x[row])

INLINE void products_body(const edge_llm_offload_tensor *t, const packed_row *x, int rows, float *y, int64_t stride)
{
    switch (t->type)
    {
        case TYPE_F32: FOR_ALL(dot_f32); break;
        case TYPE_F16: FOR_ALL(dot_f16); break;
        case TYPE_Q8_0: FOR_ALL(dot_q8_0); break;
        case TYPE_Q4_K: FOR_ALL(dot_q4_k); break;
        default: FOR_ALL(dot_q6_k); break;
    }
}

WITH_FMA static void products_fma(const edge_llm_offload_tensor *t, const packed_row *x, int rows, float *y, int64_t stride)
{
    products_body(t, x, rows, y, stride);
}

static void products_any(const edge_llm_offload_tensor *t, const packed_row *x, int rows, float *y, int64_t stride)
{
    products_body(t, x, rows, y, stride);
}

/* Each row: a packed_row, n int8, and a scale and a sum for each 32. */
static uint64_t row_bytes(uint64_t n)
{
    return sizeof(packed_row) + round_up(n, 32) + round_up(n, 32) / 32 * (sizeof(float) + sizeof(int32_t));
}

uint64_t product_bytes(uint64_t rows, uint64_t n)
{
    return times(rows, row_bytes(n));
}

matrix matrix_of(const model *m, const edge_llm_offload_linear *linear)
{
    return (matrix){m->tensors[linear->weight - 1].t, vector_of(m, linear->bias), linear->scale};
}

matrix matrix_of_expert(const model *m, const edge_llm_offload_expert_matrices *all, int32_t expert, int64_t rows)
{
    matrix w = {m->tensors[all->weight - 1].t, vector_of(m, all->bias), 0};
    int64_t first = expert * w.t.ne[1] + all->first_row;
    w.t.data = (const uint8_t *)w.t.data + (uint64_t)first * w.t.row_bytes;
    w.t.ne[1] = rows;
    if (w.bias) w.bias += first;
    return w;
}

bool multiply(const matrix *w, input_rows x, float *y, int64_t stride, void *work)
{
    const edge_llm_offload_tensor *t = &w->t;
    int n = (int)t->ne[0], block = block_values(t->type);
    bool finite = true;
    packed_row *packed = work;
    uint8_t *memory = (uint8_t *)(packed + x.rows);
    uint64_t blocks = round_up((uint64_t)n, 32) / 32;
    for (int row = 0; row < x.rows; row++)
    {
        float *scales = (float *)memory;
        int32_t *sums = (int32_t *)(scales + blocks);
        int8_t *q = (int8_t *)(sums + blocks);
        packed[row] = (packed_row){x.x + row * x.stride, q, scales, sums};
        if (block > 1) finite &= quantize_row(packed[row].x, n, block, q, scales, sums);
        memory = (uint8_t *)q + round_up((uint64_t)n, 32);
    }
    if (!finite) return false;
    if (HAS_FMA()) products_fma(t, packed, x.rows, y, stride);
    else products_any(t, packed, x.rows, y, stride);
    for (int row = 0; row < x.rows; row++)
        for (int64_t i = 0; i < t->ne[1]; i++)
        {
            float *value = &y[row * stride + i];
            if (w->scale != 0 && w->scale != 1) *value *= w->scale;
            if (w->bias) *value += w->bias[i];
        }
    return true;
}
