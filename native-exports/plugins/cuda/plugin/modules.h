// The compiled kernels: PTX in this library, given to the driver when a format is needed.
#pragma once
#include "../kernels/args.h"
#include "memory.h"
#include <memory>

struct Kernel
{
    cuda::Function function = nullptr;
    const char* name = "";
};

// Which form of its input a format's products read.
enum class Form { Floats, By256, By32 };
struct Format
{
    int type;              // ggml's number
    const char* name;
    int length, bytes;     // of a block
    Form form;
    int rowsStep;          // of a launch, so that its first row begins at a multiple of 16 bytes
    const char* ptx70, *ptx80;
    const char* one, *four, *many; // kernels: 1 row of activations a block, 4, 64 (none for floats)

    int unit_bytes() const { return 256 / length * bytes; } // of 256 weights
};
const Format* format_of(unsigned type); // null: not one of ours

class ModuleOwner
{
public:
    ModuleOwner(const Device& device, const char* name, const char* ptx70, const char* ptx80);
    ~ModuleOwner() { if (module_) driver.cuModuleUnload(module_); }
    ModuleOwner(const ModuleOwner&) = delete;
    // sharedBytes: of dynamic shared memory that it may take.
    Kernel find(const char* name, int sharedBytes) const;

private:
    cuda::Module module_ = nullptr;
};

struct FormatModule
{
    ModuleOwner module;
    Kernel one, four, many;
    FormatModule(const Device& device, const Format& format);
};

struct CommonModule
{
    ModuleOwner module;
    Kernel norm, activate, rope, add, scale_bias, softcap, gather, store, attention_1, attention_4, attention_combine, probe, route, group, expert_bias, mix;
    explicit CommonModule(const Device& device);
};

const int ManyShared = (128 + 64) * 272; // dynamic shared memory of a product with many rows: two parts of a tile of weights, a tile of activations

struct Grid { int x = 1, y = 1, z = 1; };
template <typename A> void launch(const Kernel& kernel, const StreamOwner& stream, Grid grid, int threads, int shared, A arguments)
{
    void* parameters[] = {&arguments};
    cuda::Result result = driver.cuLaunchKernel(kernel.function, grid.x, grid.y, grid.z, threads, 1, 1, shared, stream.stream, parameters, nullptr);
    if (result != 0) check(result, text("launch of %s", kernel.name).c_str());
}
