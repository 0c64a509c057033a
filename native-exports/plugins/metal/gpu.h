/* A GPU that shares the host's memory: what Metal is used for. gpu.m is the real one; tests/emulated.cpp runs the same kernels on the processor. */
#ifndef GPU_H
#define GPU_H

#include <stdbool.h>
#include <stdint.h>

#include "parameters.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gpu gpu;                     /* a queue of work on a device, and the memory that it may use */

int gpu_count(void);
void gpu_describe(int device, char *name, uint64_t name_bytes, uint64_t *total, uint64_t *free);

/* NULL, and a text: the device or the kernels are of no use. */
gpu *gpu_open(int device, char *text, uint64_t text_bytes);
void gpu_close(gpu *g);

/* Lets kernels use memory: the pages that it lies in. False: no memory for that. Forget it before it is freed. */
bool gpu_use(gpu *g, const void *memory, uint64_t bytes);
void gpu_forget(gpu *g, const void *memory);

/* Adds a kernel to the work: x * y threads. Buffers are addresses in memory that may be used, or NULL. Kernels run one after another. */
enum { MOST_BUFFERS = 10, PARAMETERS_AT = 8 };
void gpu_run(gpu *g, enum kernel_number kernel, const void *const *buffers, int count, const struct parameters *p, uint32_t x, uint32_t y);

/* Starts what was added. */
void gpu_start(gpu *g);

/* Starts it and waits. False, and a text: the device failed. */
bool gpu_wait(gpu *g, char *text, uint64_t text_bytes);

#ifdef __cplusplus
}
#endif
#endif
