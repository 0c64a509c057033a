/* The self-test of a device: does it compute what the processor does? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reference/canonical.h"
#include "metal_stage.h"

enum { TRIED = 65536, RESULTS = 8 };
static const char *const names[RESULTS] = {"a sum", "a product", "a product and a sum", "a fused multiply-add", "a division", "a root", "a rounding", "the exponential"};

static uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Of moderate size, now and then very small or a whole number. */
static float random_operand(uint64_t *state, int i)
{
    uint32_t bits = random_bits(state), exponent = i % 16 == 0 ? 1 + bits % 60 : 100 + random_bits(state) % 40;
    return i % 7 == 0 ? (float)(int32_t)(bits % 4096) / 2 : from_bits((bits & 0x807fffff) | exponent << 23);
}

static void expect(const float *x, float *y)
{
    float product = x[0] * x[1];
    y[0] = x[0] + x[1];
    y[1] = product;
    y[2] = product + x[2];
    y[3] = fmaf(x[0], x[1], x[2]);
    y[4] = x[0] / x[1];
    y[5] = sqrtf(fabsf(x[0]));
    y[6] = rintf(x[2]);
    y[7] = exp_of(x[2]);
}

static bool compare(const float *x, const float *found, char *text, uint64_t text_bytes)
{
    for (int i = 0; i < TRIED; i++)
    {
        float expected[RESULTS];
        expect(x + 3 * i, expected);
        for (int j = 0; j < RESULTS; j++)
            if (bits_of(found[RESULTS * i + j]) != bits_of(expected[j]) && !(found[RESULTS * i + j] != found[RESULTS * i + j] && expected[j] != expected[j]))
            {
                snprintf(text, text_bytes, "%s of %a, %a, %a is %a: expected %a", names[j], (double)x[3 * i], (double)x[3 * i + 1], (double)x[3 * i + 2],
                    (double)found[RESULTS * i + j], (double)expected[j]);
                return false;
            }
    }
    return true;
}

bool metal_probe(gpu *g, char *text, uint64_t text_bytes)
{
    page_memory memory = {0};
    struct parameters with = {0};
    uint64_t state = 1;
    bool passed = false;
    if (!pages_take(&memory, TRIED * (3 + RESULTS) * sizeof(float)) || !gpu_use(g, memory.pages, memory.bytes)) snprintf(text, text_bytes, "no memory for the self-test");
    else
    {
        float *x = (float *)(void *)memory.pages, *y = x + 3 * TRIED;
        for (int i = 0; i < 3 * TRIED; i++) x[i] = random_operand(&state, i);
        gpu_run(g, PROBE, (const void *const[]){x, y}, 2, &with, TRIED, 1);
        passed = gpu_wait(g, text, text_bytes) && compare(x, y, text, text_bytes);
        gpu_forget(g, memory.pages);
    }
    free(memory.taken);
    return passed;
}
