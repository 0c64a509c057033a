// Memory that is given back: the device's and, pinned, the host's. A context is current where these are made and end.
#pragma once
#include "device.h"
#include <utility>

// What cuMemAlloc takes for a number of bytes, as plan counts it.
inline size_t rounded(size_t bytes) { return (bytes + 511) / 512 * 512; }

class DeviceMemory
{
public:
    DeviceMemory() = default;
    DeviceMemory(size_t bytes, const char* what) : bytes(rounded(bytes > 0 ? bytes : 1))
    {
        cuda::Result result = driver.cuMemAlloc_v2(&pointer, this->bytes);
        if (result != 0) pointer = 0;
        check(result, text("%zu bytes of device memory for %s", this->bytes, what).c_str());
    }
    DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
    DeviceMemory& operator=(DeviceMemory&& other) noexcept
    {
        std::swap(pointer, other.pointer);
        std::swap(bytes, other.bytes);
        return *this;
    }
    ~DeviceMemory() { if (pointer) driver.cuMemFree_v2(pointer); }

    template <typename T> T* as(size_t index = 0) const { return (T*)pointer + index; }

    cuda::Pointer pointer = 0;
    size_t bytes = 0;
};

class PinnedMemory
{
public:
    PinnedMemory() = default;
    explicit PinnedMemory(size_t bytes) : bytes(bytes > 0 ? bytes : 1)
    {
        cuda::Result result = driver.cuMemHostAlloc(&pointer, this->bytes, 0);
        if (result != 0) pointer = nullptr;
        check(result, text("%zu bytes of pinned memory", this->bytes).c_str());
    }
    PinnedMemory(PinnedMemory&& other) noexcept { *this = std::move(other); }
    PinnedMemory& operator=(PinnedMemory&& other) noexcept
    {
        std::swap(pointer, other.pointer);
        std::swap(bytes, other.bytes);
        return *this;
    }
    ~PinnedMemory() { if (pointer) driver.cuMemFreeHost(pointer); }

    template <typename T> T* as(size_t index = 0) const { return (T*)pointer + index; }

    void* pointer = nullptr;
    size_t bytes = 0;
};

class StreamOwner
{
public:
    StreamOwner() { check(driver.cuStreamCreate(&stream, cuda::NonBlocking), "cuStreamCreate"); }
    ~StreamOwner() { driver.cuStreamDestroy_v2(stream); }
    StreamOwner(const StreamOwner&) = delete;
    void wait() const { check(driver.cuStreamSynchronize(stream), "cuStreamSynchronize"); }

    cuda::Stream stream;
};

class EventOwner
{
public:
    EventOwner() { check(driver.cuEventCreate(&event, 0), "cuEventCreate"); }
    ~EventOwner() { driver.cuEventDestroy_v2(event); }
    EventOwner(const EventOwner&) = delete;
    void record(const StreamOwner& s) const { check(driver.cuEventRecord(event, s.stream), "cuEventRecord"); }

    cuda::Event event;
};
