// A GPU that is the processor: kernels.metal compiled as C++, a thread at a time, backwards every second time. Memory that was not allowed
// is noticed. EMULATED_FAULT: "devices" there are none, "open" it cannot be opened, "wait" work fails, "rounding" a fused multiply-add is not one.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "gpu.h"

#include <metal_stdlib> // the one beside this file
namespace kernels
{
#include "kernels.metal"
}

struct gpu
{
    struct work
    {
        kernel_number number;
        const void *buffers[MOST_BUFFERS];
        parameters p;
        uint32_t x, y;
    };
    std::vector<work> added;
    std::map<uintptr_t, uint64_t> allowed;
    uint64_t runs = 0;
    bool failed = false;
};

static bool fault(const char *what)
{
    const char *asked = getenv("EMULATED_FAULT");
    return asked && strcmp(asked, what) == 0;
}

int gpu_count(void) { return fault("devices") ? 0 : 1; }

void gpu_describe(int, char *name, uint64_t bytes, uint64_t *total, uint64_t *free_bytes)
{
    snprintf(name, bytes, "kernels.metal on the processor");
    *total = *free_bytes = 0;
}

gpu *gpu_open(int, char *text, uint64_t bytes)
{
    if (!fault("open")) return new gpu;
    snprintf(text, bytes, "EMULATED_FAULT asks for it");
    return nullptr;
}

void gpu_close(gpu *g) { delete g; }

bool gpu_use(gpu *g, const void *memory, uint64_t bytes)
{
    g->allowed[(uintptr_t)memory] = bytes;
    return true;
}

void gpu_forget(gpu *g, const void *memory) { g->allowed.erase((uintptr_t)memory); }

static bool is_allowed(const gpu *g, const void *at)
{
    auto next = g->allowed.upper_bound((uintptr_t)at);
    if (!at) return true;
    if (next == g->allowed.begin()) return false;
    --next;
    return (uintptr_t)at < next->first + next->second;
}

void gpu_run(gpu *g, enum kernel_number kernel_, const void *const *buffers, int count, const struct parameters *p, uint32_t x, uint32_t y)
{
    gpu::work w = {kernel_, {}, *p, x, y};
    for (int i = 0; i < count; i++)
    {
        w.buffers[i] = buffers[i];
        if (x && y && !is_allowed(g, buffers[i])) g->failed = true;
    }
    g->added.push_back(w);
}

static void run_one(const gpu::work &w, uint2 at)
{
    using namespace kernels;
    auto f = [&](int i) { return (float *)w.buffers[i]; };
    auto b = [&](int i) { return (uchar *)w.buffers[i]; };
    auto n = [&](int i) { return (int *)w.buffers[i]; };
    auto q = [&](int i) { return (char *)w.buffers[i]; };
    const parameters &p = w.p;
    switch (w.number)
    {
        case NORM: norm(f(0), f(1), f(2), f(3), p, at); break;
        case QUANTIZE: quantize(f(0), q(1), f(2), n(3), n(4), p, at); break;
        case PRODUCT_F32: product_f32(b(0), f(1), f(2), f(3), p, at); break;
        case PRODUCT_F16: product_f16(b(0), f(1), f(2), f(3), p, at); break;
        case PRODUCT_Q8_0: product_q8_0(b(0), q(1), f(2), f(3), f(4), p, at); break;
        case PRODUCT_Q4_K: product_q4_k(b(0), q(1), f(2), f(3), f(4), n(5), p, at); break;
        case PRODUCT_Q6_K: product_q6_k(b(0), q(1), f(2), f(3), f(4), p, at); break;
        case ROPE: rope(f(0), f(1), f(2), p, at); break;
        case STORE: store(f(0), f(1), b(2), n(3), n(4), n(5), n(6), p, at); break;
        case ATTEND: attend(f(0), b(1), n(2), n(3), n(4), n(5), f(6), f(7), p, f(9), at); break;
        case ACTIVATE: activate(f(0), f(1), p, at); break;
        case ADD: add(f(0), f(1), p, at); break;
        case GATHER: gather(f(0), n(1), f(2), p, at); break;
        case SOFT_CAP: cap(f(0), p, at); break;
        default:
            probe(f(0), f(1), p, at);
            if (fault("rounding")) f(1)[8 * at.x + 3] = f(1)[8 * at.x + 2];
    }
}

void gpu_start(gpu *g)
{
    for (const gpu::work &w : g->added)
    {
        uint64_t all = (uint64_t)w.x * w.y;
        bool backwards = g->runs++ % 2;
        for (uint64_t i = 0; i < all; i++)
        {
            uint64_t thread_ = backwards ? all - 1 - i : i;
            run_one(w, {(uint)(thread_ % w.x), (uint)(thread_ / w.x)});
        }
    }
    g->added.clear();
}

bool gpu_wait(gpu *g, char *text, uint64_t bytes)
{
    if (!g->failed) gpu_start(g);
    if (!g->failed && !fault("wait")) return true;
    snprintf(text, bytes, g->failed ? "a kernel was given memory that it may not use" : "EMULATED_FAULT asks for it");
    return false;
}
