// The part of NVIDIA's driver interface that the plug-in needs, opened at run time: no toolkit, no headers of theirs.
#pragma once
#include <cstddef>

namespace cuda
{
typedef int Result; // 0: done
typedef struct Context_* Context;
typedef struct Module_* Module;
typedef struct Function_* Function;
typedef struct Stream_* Stream;
typedef struct Event_* Event;
typedef struct Graph_* Graph;
typedef struct Executable_* Executable;
typedef unsigned long long Pointer;

enum { OutOfMemory = 2 };
enum { MultiprocessorCount = 16, Integrated = 18, ComputeMajor = 75, ComputeMinor = 76, MaxSharedPerBlockOptin = 97 }; // device attributes
enum { MaxDynamicShared = 8 };                                                                       // function attribute
enum { JitErrorLog = 5, JitErrorLogBytes = 6 };                                                      // options of a module
enum { NonBlocking = 1, ThreadLocal = 1 };                                                           // of a stream; of its capture

#define CUDA_FUNCTIONS(F) \
    F(cuInit, (unsigned flags)) \
    F(cuDriverGetVersion, (int* version)) \
    F(cuGetErrorString, (Result error, const char** text)) \
    F(cuDeviceGetCount, (int* count)) \
    F(cuDeviceGet, (int* device, int ordinal)) \
    F(cuDeviceGetName, (char* name, int bytes, int device)) \
    F(cuDeviceTotalMem_v2, (size_t* bytes, int device)) \
    F(cuDeviceGetAttribute, (int* value, int attribute, int device)) \
    F(cuDevicePrimaryCtxRetain, (Context* context, int device)) \
    F(cuDevicePrimaryCtxRelease_v2, (int device)) \
    F(cuCtxPushCurrent_v2, (Context context)) \
    F(cuCtxPopCurrent_v2, (Context* context)) \
    F(cuMemGetInfo_v2, (size_t* free, size_t* total)) \
    F(cuMemAlloc_v2, (Pointer* pointer, size_t bytes)) \
    F(cuMemFree_v2, (Pointer pointer)) \
    F(cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags)) \
    F(cuMemFreeHost, (void* pointer)) \
    F(cuMemcpyHtoDAsync_v2, (Pointer to, const void* from, size_t bytes, Stream stream)) \
    F(cuMemcpyDtoHAsync_v2, (void* to, Pointer from, size_t bytes, Stream stream)) \
    F(cuMemcpyDtoDAsync_v2, (Pointer to, Pointer from, size_t bytes, Stream stream)) \
    F(cuMemsetD8Async, (Pointer to, unsigned char value, size_t bytes, Stream stream)) \
    F(cuModuleLoadDataEx, (Module* module, const void* image, unsigned options, int* names, void** values)) \
    F(cuModuleUnload, (Module module)) \
    F(cuModuleGetFunction, (Function* function, Module module, const char* name)) \
    F(cuFuncSetAttribute, (Function function, int attribute, int value)) \
    F(cuLaunchKernel, (Function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, \
        unsigned sharedBytes, Stream stream, void** parameters, void** extra)) \
    F(cuStreamCreate, (Stream* stream, unsigned flags)) \
    F(cuStreamDestroy_v2, (Stream stream)) \
    F(cuStreamSynchronize, (Stream stream)) \
    F(cuEventCreate, (Event* event, unsigned flags)) \
    F(cuEventDestroy_v2, (Event event)) \
    F(cuEventRecord, (Event event, Stream stream)) \
    F(cuEventSynchronize, (Event event)) \
    F(cuEventElapsedTime, (float* milliseconds, Event begin, Event end))

// May be missing: then kernels are launched one by one.
#define CUDA_GRAPH_FUNCTIONS(F) \
    F(cuStreamBeginCapture_v2, (Stream stream, int mode)) \
    F(cuStreamEndCapture, (Stream stream, Graph* graph)) \
    F(cuGraphInstantiateWithFlags, (Executable* executable, Graph graph, unsigned long long flags)) \
    F(cuGraphLaunch, (Executable executable, Stream stream)) \
    F(cuGraphExecDestroy, (Executable executable)) \
    F(cuGraphDestroy, (Graph graph))

struct Driver
{
#define DECLARE(name, parameters) Result (*name) parameters = nullptr;
    CUDA_FUNCTIONS(DECLARE)
    CUDA_GRAPH_FUNCTIONS(DECLARE)
#undef DECLARE
    bool graphs = false;

    // Null, or what is missing: the library or a function of it.
    const char* open(const char* path);
};
}
