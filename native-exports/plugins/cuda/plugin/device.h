// The devices of this machine, and what a thread does with one.
#pragma once
#include "driver.h"
#include "failure.h"
#include <cfenv>
#include <set>

struct Device
{
    int ordinal, handle, major, minor, sharedBytes, processors, integrated;
    std::string name;
    enum { Untested, Exact, Inexact } state = Untested;
    std::string note;     // why it is not exact
    std::set<int> proven; // formats whose products gave the definition's bits on it

    bool usable() const { return major >= 7; }
};

// The driver, once devices() has found some.
extern cuda::Driver driver;
// Empty where there is no driver, or one that is too old; driver_text says what was found.
int device_count();
extern std::string driver_text;
// One of them. INVALID_ARGUMENT if there is none of that number.
Device& device_at(int ordinal);
// Runs the self-test the first time.
void test(Device& device);

// DEVICE_LOST, or OUT_OF_MEMORY, with the driver's own words.
void check(cuda::Result result, const char* what);

// Floats as the definitions mean them, whatever the host has set: to nearest, subnormals kept.
class PlainArithmetic
{
public:
    PlainArithmetic() { std::fegetenv(&before_); std::fesetenv(FE_DFL_ENV); }
    ~PlainArithmetic() { std::fesetenv(&before_); }
    PlainArithmetic(const PlainArithmetic&) = delete;

private:
    std::fenv_t before_;
};

// A device's primary context, kept alive.
class Retained
{
public:
    explicit Retained(const Device& device) : handle_(device.handle) { check(driver.cuDevicePrimaryCtxRetain(&context, handle_), "cuDevicePrimaryCtxRetain"); }
    ~Retained() { driver.cuDevicePrimaryCtxRelease_v2(handle_); }
    Retained(const Retained&) = delete;

    cuda::Context context;

private:
    int handle_;
};

// A context as this thread's, until the scope ends: the caller's own comes back then.
class Current
{
public:
    explicit Current(const Retained& of) { check(driver.cuCtxPushCurrent_v2(of.context), "cuCtxPushCurrent"); }
    ~Current() { cuda::Context popped; driver.cuCtxPopCurrent_v2(&popped); }
    Current(const Current&) = delete;
};
