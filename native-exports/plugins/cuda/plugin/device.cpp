#include "device.h"
#include <memory>
#include <mutex>
#include <vector>

cuda::Driver driver;
std::string driver_text;

static const int OldestDriver = 11000; // CUDA 11.0: the first that takes PTX 7.0

void check(cuda::Result result, const char* what)
{
    if (result == 0) return;
    const char* words = nullptr;
    driver.cuGetErrorString(result, &words);
    throw Failure{result == cuda::OutOfMemory ? EDGE_LLM_OFFLOAD_OUT_OF_MEMORY : EDGE_LLM_OFFLOAD_DEVICE_LOST, result,
        text("%s: %s", what, words ? words : "an error that the driver has no words for")};
}

static std::vector<std::unique_ptr<Device>> find_devices()
{
    std::vector<std::unique_ptr<Device>> found;
#if defined(_WIN32)
    const char* library = "nvcuda.dll";
#else
    const char* library = "libcuda.so.1";
#endif
    if (const char* missing = driver.open(library))
    {
        driver_text = text("no CUDA driver: %s was not found", missing);
        return found;
    }
    int version = 0, count = 0;
    cuda::Result result = driver.cuInit(0);
    if (result == 0) result = driver.cuDriverGetVersion(&version);
    if (result == 0 && version < OldestDriver)
    {
        driver_text = text("the driver is of CUDA %d.%d: expected %d.%d or later", version / 1000, version % 1000 / 10, OldestDriver / 1000,
            OldestDriver % 1000 / 10);
        return found;
    }
    if (result == 0) result = driver.cuDeviceGetCount(&count);
    if (result != 0 || count == 0)
    {
        const char* words = nullptr;
        driver.cuGetErrorString(result, &words);
        driver_text = text("no CUDA device: %s", result != 0 && words ? words : "the driver counts none");
        return found;
    }
    driver_text = text("CUDA %d.%d", version / 1000, version % 1000 / 10);
    for (int i = 0; i < count; i++)
    {
        auto d = std::make_unique<Device>();
        d->ordinal = i;
        char name[128] = "";
        check(driver.cuDeviceGet(&d->handle, i), "cuDeviceGet");
        check(driver.cuDeviceGetName(name, sizeof name, d->handle), "cuDeviceGetName");
        d->name = name;
        auto attribute = [&](int* value, int which) { check(driver.cuDeviceGetAttribute(value, which, d->handle), "cuDeviceGetAttribute"); };
        attribute(&d->major, cuda::ComputeMajor);
        attribute(&d->minor, cuda::ComputeMinor);
        attribute(&d->sharedBytes, cuda::MaxSharedPerBlockOptin);
        attribute(&d->processors, cuda::MultiprocessorCount);
        attribute(&d->integrated, cuda::Integrated);
        if (!d->usable())
        {
            d->state = Device::Inexact;
            d->note = text("compute capability %d.%d: expected 7.0 or later", d->major, d->minor);
        }
        found.push_back(std::move(d));
    }
    return found;
}

static std::vector<std::unique_ptr<Device>>& devices()
{
    static std::vector<std::unique_ptr<Device>> all = find_devices();
    return all;
}

int device_count() { return (int)devices().size(); }

Device& device_at(int ordinal)
{
    expect(ordinal >= 0 && ordinal < device_count(), "device %d: expected 0 to %d", ordinal, device_count() - 1);
    return *devices()[ordinal];
}
