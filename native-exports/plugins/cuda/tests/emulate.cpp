#include "emulate.h"
#include "../kernels/gpu.h"
#include "ready.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#ifdef ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulate
{
thread_local Order order = Ascending;
thread_local unsigned seed = 1;

namespace
{
constexpr size_t StackBytes = 64 * 1024;

enum State { Runnable, AtBlockBarrier, AtWarpBarrier, Ended };

struct Copy { void* to; const void* from; int bytes; };

struct Fiber
{
    Place place{};
    State state = Runnable;
    void* stackPointer = nullptr;
    void* asanStack = nullptr;
    u8* stack = nullptr;
    std::vector<Copy> open;              // copies not committed yet
    std::vector<std::vector<Copy>> groups; // the oldest first
    int exchanges = 0;
};

struct Warp { u128 slots[3][32]; };      // three: what two exchanges in a row gave stays readable until all have come to a third

struct Block
{
    const char* name;
    const std::function<void()>* kernel;
    std::vector<Fiber> fibers;
    std::vector<Warp> warps;
    std::vector<void*> poisoned;
    std::vector<u128> dynamicShared;
    std::mt19937 random;
    Fiber* running = nullptr;
    void* schedulerStack = nullptr;
    const void* schedulerBottom = nullptr;
    size_t schedulerBytes = 0;
#if !defined(__x86_64__)
    ucontext_t scheduler;
    std::vector<ucontext_t> contexts;
#endif
};
thread_local Block* block;

[[noreturn]] void fail(const char* what)
{
    fprintf(stderr, "emulate: kernel %s, block (%d, %d, %d): %s\n", block->name, block->running ? block->running->place.block : -1,
        block->running ? block->running->place.blockY : -1, block->running ? block->running->place.blockZ : -1, what);
    abort();
}

#if defined(__x86_64__)
// Saves the callee-saved registers on this stack, its pointer in *from, and goes on on the other.
extern "C" void emulate_switch(void** from, void* to);
asm(R"(
.text
.globl emulate_switch
emulate_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#endif

void toScheduler(bool forever)
{
    Fiber* self = block->running;
#ifdef ASAN
    __sanitizer_start_switch_fiber(forever ? nullptr : &self->asanStack, block->schedulerBottom, block->schedulerBytes);
#endif
#if defined(__x86_64__)
    emulate_switch(&self->stackPointer, block->schedulerStack);
#else
    swapcontext(&block->contexts[self->place.thread], &block->scheduler);
#endif
#ifdef ASAN
    __sanitizer_finish_switch_fiber(self->asanStack, &block->schedulerBottom, &block->schedulerBytes);
#endif
    (void)forever;
}

void body()
{
#ifdef ASAN
    __sanitizer_finish_switch_fiber(nullptr, &block->schedulerBottom, &block->schedulerBytes);
#endif
    (*block->kernel)();
    Fiber* self = block->running;
    if (!self->open.empty() || !self->groups.empty()) fail("a thread ended with copies that it did not wait for");
    self->state = Ended;
    toScheduler(true);
    abort();
}

void toFiber(Fiber& f)
{
    block->running = &f;
#ifdef ASAN
    void* mine;
    __sanitizer_start_switch_fiber(&mine, f.stack, StackBytes);
#endif
#if defined(__x86_64__)
    emulate_switch(&block->schedulerStack, f.stackPointer);
#else
    swapcontext(&block->scheduler, &block->contexts[f.place.thread]);
#endif
#ifdef ASAN
    __sanitizer_finish_switch_fiber(mine, nullptr, nullptr);
#endif
}

// Kept from launch to launch.
u8* stack_of(int thread)
{
    static thread_local std::vector<std::unique_ptr<u8[]>> stacks;
    while ((int)stacks.size() <= thread) stacks.emplace_back(new u8[StackBytes]);
    return stacks[thread].get();
}

void prepare(Fiber& f)
{
    if (!f.stack) f.stack = stack_of(f.place.thread);
#ifdef ASAN
    __asan_unpoison_memory_region(f.stack, StackBytes); // the fiber before never left its frames
#endif
#if defined(__x86_64__)
    size_t shift = f.place.thread * 576 % 16384; // else all stacks would meet in the same few lines of the cache
    auto top = (void**)(((size_t)f.stack + StackBytes - shift) & ~(size_t)15);
    *--top = nullptr;                    // body's return address: keeps the stack aligned as after a call
    *--top = (void*)body;
    for (int i = 0; i < 6; i++) *--top = nullptr;
    f.stackPointer = top;
#else
    ucontext_t& c = block->contexts[f.place.thread];
    getcontext(&c);
    c.uc_stack.ss_sp = f.stack;
    c.uc_stack.ss_size = StackBytes;
    c.uc_link = nullptr;
    makecontext(&c, body, 0);
#endif
}

void runBlock()
{
    std::vector<Fiber>& fibers = block->fibers;
    int count = (int)fibers.size(), atBarrier = 0, ended = 0;
    std::vector<int> waiting(block->warps.size());
    Ready runnable(count);
    for (;;)
    {
        int i = order == Ascending ? runnable.from(0) : order == Descending ? runnable.last() : runnable.from((int)(block->random() % count));
        int warp = i / 32 * 32;
        if (i < 0) break;
        toFiber(fibers[i]);
        if (fibers[i].state == Runnable) continue;
        runnable.clear(i);
        if (fibers[i].state == AtWarpBarrier && ++waiting[i / 32] == 32)
        {
            waiting[i / 32] = 0;
            for (int j = warp; j < warp + 32; j++) fibers[j].state = Runnable, runnable.set(j);
        }
        if (fibers[i].state == AtBlockBarrier) atBarrier++;
        if (fibers[i].state == Ended) ended++;
        if (atBarrier == count)
        {
            atBarrier = 0;
            for (int j = 0; j < count; j++) fibers[j].state = Runnable, runnable.set(j);
        }
    }
    if (ended < count) fail("deadlock: some threads wait where the others do not come");
}
}

const Place& place() { return block->running->place; }

void shared(void* memory, unsigned long bytes)
{
    if (std::find(block->poisoned.begin(), block->poisoned.end(), memory) != block->poisoned.end()) return;
    block->poisoned.push_back(memory);
    memset(memory, 0xff, bytes);         // NaN as floats, -1 as integers
}

u8* dynamic_shared() { return (u8*)block->dynamicShared.data(); }

void sync_block()
{
    block->running->state = AtBlockBarrier;
    toScheduler(false);
}

u128* exchange(const u128& mine)
{
    Fiber* self = block->running;
    u128* slots = block->warps[self->place.thread / 32].slots[self->exchanges++ % 3];
    slots[self->place.thread % 32] = mine;
    self->state = AtWarpBarrier;
    toScheduler(false);
    return slots;
}

// A copy may be done at once, or only when it is waited for: a kernel must stand both.
void copy_async(void* to, const void* from, int bytes)
{
    if ((size_t)to % bytes != 0 || (size_t)from % bytes != 0) fail("an asynchronous copy is not aligned");
    if (order == Descending || (order == Shuffled && block->random() % 2 == 0)) memcpy(to, from, bytes);
    else block->running->open.push_back({to, from, bytes});
}

void copy_commit()
{
    block->running->groups.push_back(std::move(block->running->open));
    block->running->open.clear();
}

void copy_wait(int newest)
{
    auto& groups = block->running->groups;
    for (; (int)groups.size() > newest; groups.erase(groups.begin()))
        for (const Copy& c : groups.front()) memcpy(c.to, c.from, c.bytes);
}

void launch(const char* name, Size grid, int threads, int dynamicSharedBytes, const std::function<void()>& kernel)
{
    Block b;
    b.name = name;
    b.kernel = &kernel;
    b.fibers.resize(threads);
    b.warps.resize((threads + 31) / 32);
    b.random.seed(seed);
#if !defined(__x86_64__)
    b.contexts.resize(threads);
#endif
    Block* outer = block;
    block = &b;
    if (threads % 32 != 0) fail("the number of threads is no multiple of 32");
    for (int z = 0; z < grid.z; z++)
        for (int y = 0; y < grid.y; y++)
            for (int x = 0; x < grid.x; x++)
            {
                b.poisoned.clear();
                b.dynamicShared.assign((dynamicSharedBytes + 15) / 16, u128{~0u, ~0u, ~0u, ~0u});
                for (int t = 0; t < threads; t++)
                {
                    Fiber& f = b.fibers[t];
                    f.place = {t, threads, x, y, z, grid.x};
                    f.state = Runnable;
                    f.exchanges = 0;
                    prepare(f);
                }
                runBlock();
            }
    block = outer;
}
}
