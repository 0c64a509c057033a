#include "driver.h"
#if defined(_WIN32)
#include <windows.h>
static void* open_library(const char* path) { return (void*)LoadLibraryA(path); }
static void* find(void* library, const char* name) { return (void*)GetProcAddress((HMODULE)library, name); }
#else
#include <dlfcn.h>
static void* open_library(const char* path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static void* find(void* library, const char* name) { return dlsym(library, name); }
#endif

const char* cuda::Driver::open(const char* path)
{
    void* library = open_library(path);
    if (!library) return path;
#define FIND(name, parameters) *(void**)&name = find(library, #name); if (!name) return #name;
    CUDA_FUNCTIONS(FIND)
#undef FIND
    graphs = true;
#define FIND(name, parameters) *(void**)&name = find(library, #name); graphs &= name != nullptr;
    CUDA_GRAPH_FUNCTIONS(FIND)
#undef FIND
    return nullptr;
}
