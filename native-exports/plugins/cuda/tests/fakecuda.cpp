// A libcuda.so.1 for machines without a GPU: its device memory is the host's between guard pages, its kernels are the same source run by the
// emulator. Work is done when somebody waits for it, as late as a GPU may. Faults on demand, by FAKE_CUDA and, while it
// runs, fake_cuda_set:
//   devices=0, driver=10020, cc=61; oom=3: the third allocation fails; module=2; launch=5, copy=4: refused, and the context is broken from then
//   on; kernel=5: the fifth kernel breaks it when it runs; capture=1: no stream can be captured;
//   wrong=gemm_q4_k: a bit of its results is wrong (gemv_*, gemm_*, probe, attention_combine and route).
#include "../plugin/driver.h"
#include "kernels.h"
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <vector>

using namespace cuda;
struct KernelEntry { const char* name; void (*call)(const void*); size_t bytes; };
template <auto F> struct Caller;
template <typename A, void (*F)(A)> struct Caller<F>
{
    static void call(const void* p) { F(*(const A*)p); }
    static const size_t Bytes = sizeof(A);
};
#define K(name) {#name, Caller<name>::call, Caller<name>::Bytes}
#define G(name) K(gemv_##name##_1), K(gemv_##name##_4)
#define Q(name) G(name), K(gemm_##name)
static const KernelEntry kernels[] = {K(norm), K(activate), K(rope), K(add), K(scale_bias), K(softcap), K(gather), K(store), K(attention_1), K(attention_4),
    K(attention_combine), K(probe), K(route), K(group), K(expert_bias), K(mix), G(f16), G(f32), Q(mxfp4), Q(q2_k), Q(q3_k), Q(q4_0), Q(q4_k), Q(q5_k), Q(q6_k), Q(q8_0)};

typedef std::function<Result()> Work;
struct cuda::Function_ { const KernelEntry* kernel; int maxShared; };
struct cuda::Graph_ { std::vector<Work> work; };
struct cuda::Executable_ { std::vector<Work> work; };
struct cuda::Stream_ { std::vector<Work> queue; Graph_* capturing = nullptr; };
struct cuda::Event_ { std::chrono::steady_clock::time_point at; };
struct cuda::Module_ { std::string text; std::map<std::string, Function_> functions; };

enum { InvalidValue = 1, NoDevice = 100, InvalidContext = 201, InvalidPtx = 218, NotFound = 500, IllegalAddress = 700, LaunchFailed = 719, NotSupported = 801 };
static const size_t Page = 4096, Total = 1ull << 30;
static std::recursive_mutex mutex;
static const std::string always = getenv("FAKE_CUDA") ? getenv("FAKE_CUDA") : "";
static std::string settings = always;
static std::map<std::string, int> counts; // of what faults count
static std::map<Pointer, size_t> memory;
static std::vector<Stream_*> streams;
static size_t used;
static int retained, pinned, objects;
static Result broken;                     // what every call gives from now on
static thread_local int depth;            // of the stack of contexts

static_assert(offsetof(GemvArgs, y) == offsetof(ProbeArgs, out) && offsetof(GemvArgs, y) == offsetof(CombineArgs, out)
    && offsetof(GemvArgs, y) == offsetof(RouteArgs, weights));

static int setting(const char* name, int otherwise)
{
    size_t at = settings.find(std::string(name) + "=");
    return at == settings.npos ? otherwise : atoi(settings.c_str() + at + strlen(name) + 1);
}
static bool fault(const char* name) { return ++counts[name] == setting(name, -1); }
static bool inside(Pointer p, size_t bytes)
{
    auto it = memory.upper_bound(p);
    return it != memory.begin() && (--it, p + bytes <= it->first + it->second);
}
#define ENTER std::lock_guard<std::recursive_mutex> lock(mutex); if (depth == 0) return InvalidContext; if (broken) return broken

static void add(Stream_* s, Work work)
{
    if (s->capturing) s->capturing->work.push_back(std::move(work));
    else s->queue.push_back(std::move(work));
}
static Result finish(Stream_* s)
{
    std::vector<Work> work;
    work.swap(s->queue);
    for (auto& w : work) if (!broken) broken = w();
    return broken;
}
static Result finish_all()
{
    for (Stream_* s : streams) finish(s);
    return broken;
}
static void release(std::map<Pointer, size_t>::iterator it)
{
    size_t whole = (it->second + 255) / 256 * 256, pages = (whole + Page - 1) / Page * Page;
    munmap((u8*)it->first + whole - pages - Page, pages + 2 * Page);
    used -= whole;
    memory.erase(it);
}

extern "C"
{
void fake_cuda_set(const char* faults) { settings = always + "," + faults + ","; counts.clear(); }
// Device bytes, pinned pieces, contexts, streams and the like that nobody has given back.
size_t fake_cuda_left(int* pieces, int* contexts, int* others) { *pieces = pinned; *contexts = retained + depth; *others = objects; return used; }
// How many there were since fake_cuda_set.
int fake_cuda_count(const char* what) { return counts[what]; }

Result cuInit(unsigned) { return setting("devices", 1) > 0 ? 0 : NoDevice; }
Result cuDriverGetVersion(int* v) { *v = setting("driver", 12000); return 0; }
Result cuGetErrorString(Result e, const char** t)
{
    *t = e == OutOfMemory ? "out of memory" : e == InvalidValue ? "invalid argument" : e == LaunchFailed ? "unspecified launch failure" : e == NoDevice ? "no CUDA-capable device is detected"
        : e == IllegalAddress ? "an illegal memory access was encountered" : e == InvalidPtx ? "a PTX JIT compilation failed" : e == InvalidContext ? "invalid device context" : "error";
    return 0;
}
Result cuDeviceGetCount(int* n) { *n = setting("devices", 1); return 0; }
Result cuDeviceGet(int* d, int i) { *d = i; return 0; }
Result cuDeviceGetName(char* name, int n, int) { snprintf(name, n, "emulated on the CPU"); return 0; }
Result cuDeviceTotalMem_v2(size_t* b, int) { *b = Total; return 0; }
Result cuDeviceGetAttribute(int* v, int a, int)
{
    int cc = setting("cc", 90);
    *v = a == ComputeMajor ? cc / 10 : a == ComputeMinor ? cc % 10 : a == MultiprocessorCount ? 2 : a == MaxSharedPerBlockOptin ? (cc < 80 ? 65536 : 232448) : 0;
    return 0;
}
Result cuDevicePrimaryCtxRetain(Context* c, int) { std::lock_guard<std::recursive_mutex> lock(mutex); retained++; *c = (Context)1; return 0; }
Result cuDevicePrimaryCtxRelease_v2(int)
{
    std::lock_guard<std::recursive_mutex> lock(mutex);
    if (--retained > 0) return 0;
    while (broken && !memory.empty()) release(memory.begin()); // a broken context's memory goes with it
    broken = 0;
    return 0;
}
Result cuCtxPushCurrent_v2(Context) { depth++; return 0; }
Result cuCtxPopCurrent_v2(Context* c) { if (depth == 0) return InvalidContext; depth--; *c = (Context)1; return 0; }
Result cuMemGetInfo_v2(size_t* f, size_t* t) { ENTER; *f = Total - used; *t = Total; return 0; }

Result cuMemAlloc_v2(Pointer* p, size_t bytes) // ends at a guard page, up to its 256-byte alignment; begins as NaN
{
    ENTER;
    size_t whole = (bytes + 255) / 256 * 256, pages = (whole + Page - 1) / Page * Page;
    if (bytes == 0) return InvalidValue;
    if (fault("oom") || used + whole > Total) return OutOfMemory;
    auto base = (u8*)mmap(nullptr, pages + 2 * Page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(base, Page, PROT_NONE);
    mprotect(base + Page + pages, Page, PROT_NONE);
    memset(base + Page, 0xff, pages < 1 << 20 ? pages : 1 << 20);
    *p = (Pointer)(base + Page + pages - whole);
    memory[*p] = bytes;
    used += whole;
    return 0;
}
Result cuMemFree_v2(Pointer p)
{
    ENTER;
    if (Result r = finish_all()) return r;
    auto it = memory.find(p);
    if (it == memory.end()) return InvalidValue;
    release(it);
    return 0;
}
Result cuMemHostAlloc(void** p, size_t bytes, unsigned)
{
    ENTER;
    if (fault("oom")) return OutOfMemory;
    *p = malloc(bytes);
    memset(*p, 0xff, bytes < 1 << 20 ? bytes : 1 << 20);
    pinned++;
    return 0;
}
Result cuMemFreeHost(void* p) // given back even if the context is broken: it is the host's
{
    std::lock_guard<std::recursive_mutex> lock(mutex);
    finish_all();
    free(p);
    pinned--;
    return broken;
}
static Result copy(void* to, const void* from, size_t n, bool valid, Stream s)
{
    ENTER;
    if (!valid || s->capturing) return InvalidValue;
    if (fault("copy")) return broken = IllegalAddress;
    add(s, [=] { memcpy(to, from, n); return 0; });
    return 0;
}
Result cuMemcpyHtoDAsync_v2(Pointer to, const void* from, size_t n, Stream s) { return copy((void*)to, from, n, inside(to, n), s); }
Result cuMemcpyDtoHAsync_v2(void* to, Pointer from, size_t n, Stream s) { return copy(to, (void*)from, n, inside(from, n), s); }
Result cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t n, Stream s) { return copy((void*)to, (void*)from, n, inside(to, n) && inside(from, n), s); }
Result cuMemsetD8Async(Pointer to, unsigned char v, size_t n, Stream s)
{
    ENTER;
    if (!inside(to, n)) return InvalidValue;
    add(s, [=] { memset((void*)to, v, n); return 0; });
    return 0;
}

Result cuModuleLoadDataEx(Module* m, const void* image, unsigned, int*, void**)
{
    ENTER;
    std::string text((const char*)image);
    size_t target = text.find(".target sm_");
    if (text.find(".version") == text.npos || target == text.npos || fault("module")) return InvalidPtx;
    if (atoi(text.c_str() + target + 11) > setting("cc", 90)) return InvalidPtx;
    *m = new Module_{text, {}};
    objects++;
    return 0;
}
Result cuModuleUnload(Module m) { std::lock_guard<std::recursive_mutex> lock(mutex); finish_all(); delete m; objects--; return broken; }
Result cuModuleGetFunction(Function* f, Module m, const char* name) // what the PTX does not have is not found, though it could be run
{
    ENTER;
    if (m->text.find(".entry " + std::string(name) + "(") == std::string::npos) return NotFound;
    for (const KernelEntry& k : kernels)
        if (strcmp(k.name, name) == 0) { m->functions[name] = {&k, 49152}; *f = &m->functions[name]; return 0; }
    return NotFound;
}
Result cuFuncSetAttribute(Function f, int a, int v)
{
    ENTER;
    if (a != MaxDynamicShared || v > (setting("cc", 90) < 80 ? 65536 : 232448)) return InvalidValue;
    f->maxShared = v;
    return 0;
}
Result cuLaunchKernel(Function f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, Stream s, void** p, void**)
{
    ENTER;
    if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx == 0 || bx > 1024 || by != 1 || bz != 1 || (int)shared > f->maxShared) return InvalidValue;
    if (fault("launch")) return broken = LaunchFailed;
    auto parameters = std::make_shared<std::vector<char>>((const char*)p[0], (const char*)p[0] + f->kernel->bytes);
    const KernelEntry* k = f->kernel;
    add(s, [=]
    {
        if (fault("kernel")) return (Result)LaunchFailed;
        emulate::launch(k->name, {(int)gx, (int)gy, (int)gz}, (int)bx, (int)shared, [&] { k->call(parameters->data()); });
        if (settings.find(std::string("wrong=") + k->name + ",") != settings.npos)
        {
            size_t at = strncmp(k->name, "gemv_f", 6) == 0 ? offsetof(FloatGemvArgs, y) : offsetof(GemvArgs, y); // the others have theirs there
            **(u32**)&(*parameters)[at] ^= 1;
        }
        return 0;
    });
    return 0;
}
Result cuStreamCreate(Stream* s, unsigned) { ENTER; *s = new Stream_(); streams.push_back(*s); objects++; return 0; }
Result cuStreamDestroy_v2(Stream s)
{
    std::lock_guard<std::recursive_mutex> lock(mutex);
    finish(s);
    for (size_t i = 0; i < streams.size(); i++) if (streams[i] == s) streams.erase(streams.begin() + i--);
    delete s;
    objects--;
    return broken;
}
Result cuStreamSynchronize(Stream s) { ENTER; return finish(s); }
Result cuEventCreate(Event* e, unsigned) { ENTER; *e = new Event_(); objects++; return 0; }
Result cuEventDestroy_v2(Event e) { std::lock_guard<std::recursive_mutex> lock(mutex); finish_all(); delete e; objects--; return broken; }
Result cuEventRecord(Event e, Stream s) { ENTER; add(s, [=] { e->at = std::chrono::steady_clock::now(); return 0; }); return 0; }
Result cuEventSynchronize(Event) { ENTER; return finish_all(); }
Result cuEventElapsedTime(float* ms, Event a, Event b) { *ms = std::chrono::duration<float, std::milli>(b->at - a->at).count(); return 0; }
Result cuStreamBeginCapture_v2(Stream s, int)
{
    ENTER;
    if (fault("capture")) return NotSupported;
    s->capturing = new Graph_();
    objects++;
    return 0;
}
Result cuStreamEndCapture(Stream s, Graph* g)
{
    std::lock_guard<std::recursive_mutex> lock(mutex);
    *g = s->capturing;
    s->capturing = nullptr;
    return broken;
}
Result cuGraphInstantiateWithFlags(Executable* e, Graph g, unsigned long long)
{
    ENTER;
    if (fault("instantiate")) return NotSupported;
    *e = new Executable_{g->work};
    objects++;
    return 0;
}
Result cuGraphLaunch(Executable e, Stream s) { ENTER; counts["graphs"]++; for (Work& w : e->work) add(s, w); return 0; }
Result cuGraphExecDestroy(Executable e) { std::lock_guard<std::recursive_mutex> lock(mutex); delete e; objects--; return broken; }
Result cuGraphDestroy(Graph g) { std::lock_guard<std::recursive_mutex> lock(mutex); delete g; objects--; return broken; }
}
