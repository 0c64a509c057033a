/* The weight formats by definition: a block is decoded to integers, one value after another. */
#include "formats.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "values.h"

static const format formats[] = {
    {F32, 1, 4, -1, -1, 0, 0},
    {F16, 1, 2, -1, -1, 0, 0},
    {Q4_0, 32, 18, 0, -1, 1 / 8.0f, 0},
    {Q8_0, 32, 34, 0, -1, 1 / 128.0f, 0},
    {MXFP4, 32, 17, -1, -1, 0, 0},
    {Q2_K, 256, 84, 80, 82, 1 / 12.0f, 1 / 8.0f},
    {Q3_K, 256, 110, 108, -1, 1 / 64.0f, 0},
    {Q4_K, 256, 144, 0, 2, 1 / 500.0f, 1 / 70.0f},
    {Q5_K, 256, 176, 0, 2, 1 / 1000.0f, 1 / 70.0f},
    {Q6_K, 256, 210, 208, -1, 1 / 4000.0f, 0},
};

const format *format_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].type == type) return &formats[i];
    return NULL;
}

static float half_at(const uint8_t *p)
{
    return defined_half((uint16_t)(p[0] + 256 * p[1]));
}

/* A weight is d * scale * value - dmin * minimum. */
typedef struct {
    int value, scale, minimum;
} weight;

/* Scales and minimums of Q4_K and Q5_K are 6 bits each, in 12 bytes. */
static void read_scale(const uint8_t *packed, int j, weight *w)
{
    w->scale = j < 4 ? packed[j] % 64 : packed[j + 4] % 16 + packed[j - 4] / 64 * 16;
    w->minimum = j < 4 ? packed[j + 4] % 64 : packed[j + 4] / 16 + packed[j] / 64 * 16;
}

static int bit(const uint8_t *bytes, int i, int n)
{
    return bytes[i] >> n & 1;
}

static weight weight_at(uint32_t type, const uint8_t *block, int i)
{
    static const int fractions[] = {0, 1, 2, 3, 4, 6, 8, 12};
    weight w = {0, 1, 0};
    int nibbles = i / 64 * 32 + i % 32, shift = i % 64 / 32 * 4, pairs = i / 128 * 32 + i % 32, pair_shift = i % 128 / 32 * 2, j = i / 16;
    switch (type)
    {
        case Q4_0: w.value = (block[2 + i % 16] >> (i / 16 * 4)) % 16 - 8; break;
        case Q8_0: w.value = (int8_t)block[2 + i]; break;
        case MXFP4:
            w.value = (block[1 + i % 16] >> (i / 16 * 4)) % 16;
            w.value = w.value < 8 ? fractions[w.value] : -fractions[w.value - 8];
            break;
        case Q2_K:
            w = (weight){(block[16 + pairs] >> pair_shift) % 4, block[j] % 16, block[j] / 16};
            break;
        case Q3_K:
            w.value = (block[32 + pairs] >> pair_shift) % 4 + 4 * bit(block, i % 32, i / 32) - 4;
            w.scale = (block[96 + j % 8] >> (j / 8 * 4)) % 16 + (block[104 + j % 4] >> (j / 4 * 2)) % 4 * 16 - 32;
            break;
        case Q4_K:
            read_scale(block + 4, i / 32, &w);
            w.value = (block[16 + nibbles] >> shift) % 16;
            break;
        case Q5_K:
            read_scale(block + 4, i / 32, &w);
            w.value = (block[48 + nibbles] >> shift) % 16 + 16 * bit(block + 16, i % 32, i / 32);
            break;
        default: /* Q6_K */
            w.value = (block[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4)) % 16 + (block[128 + pairs] >> pair_shift) % 4 * 16 - 32;
            w.scale = (int8_t)block[192 + j];
    }
    return w;
}

/* A block of activations as int8; its scale is returned. */
static float quantize(const float *x, int n, int *q)
{
    float largest = 0;
    for (int i = 0; i < n; i++) largest = fmaxf(largest, fabsf(x[i]));
    for (int i = 0; i < n; i++)
    {
        float value = largest < 0x1p-100f ? 0 : rintf(x[i] * (127 / largest));
        q[i] = (int)fminf(fmaxf(value, -127), 127);
    }
    return largest < 0x1p-100f ? 0 : largest / 127;
}

static float product_of_32(uint32_t type, const uint8_t *block, const float *x)
{
    int q[32], products = 0;
    float dx = quantize(x, 32, q);
    for (int i = 0; i < 32; i++) products += weight_at(type, block, i).value * q[i];
    float p = (float)products * (type == MXFP4 ? ldexpf(1, block[0] - 128) : half_at(block));
    return p * dx;
}

static float product_of_256(const format *f, const uint8_t *block, const float *x, float sum)
{
    int q[256], products = 0, minimums = 0;
    float dx = quantize(x, 256, q);
    for (int i = 0; i < 256; i++)
    {
        weight w = weight_at(f->type, block, i);
        products += w.scale * w.value * q[i];
        minimums += w.minimum * q[i];
    }
    float scaled = (float)products * half_at(block + f->d_at);
    if (f->dmin_at >= 0) scaled = fmaf(-(float)minimums, half_at(block + f->dmin_at), scaled);
    return fmaf(scaled, dx, sum);
}

/* Eight blocks of 32 are a group; the missing ones of the last count as 0. */
static float product_of_group(const format *f, const uint8_t *row, const float *x, int n)
{
    float p[8] = {0};
    for (int b = 0; b < 8 && 32 * b < n; b++) p[b] = product_of_32(f->type, row + b * f->bytes, x + 32 * b);
    float left = (p[0] + p[1]) + (p[2] + p[3]), right = (p[4] + p[5]) + (p[6] + p[7]);
    return left + right;
}

static float product_of_floats(uint32_t type, const uint8_t *row, const float *x, int n)
{
    float lanes[16] = {0}, ones[16];
    for (int i = 0; i < n; i++)
    {
        float value;
        if (type == F16) value = half_at(row + 2 * i);
        else memcpy(&value, row + 4 * i, 4);
        lanes[i % 16] = fmaf(value, x[i], lanes[i % 16]);
    }
    for (int i = 0; i < 16; i++) ones[i] = 1;
    return defined_dot(lanes, ones, 16); /* adds the lanes up */
}

float defined_product(uint32_t type, const uint8_t *row, const float *x, int n)
{
    const format *f = format_of(type);
    float sum = 0;
    if (f->values == 1) return product_of_floats(type, row, x, n);
    for (int i = 0; i < n; i += 256)
    {
        const uint8_t *blocks = row + i / f->values * f->bytes;
        sum = f->values == 32 ? sum + product_of_group(f, blocks, x + i, n - i) : product_of_256(f, blocks, x + i, sum);
    }
    return sum;
}
