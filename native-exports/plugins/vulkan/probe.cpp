#include "probe.h"
#include <cfenv>
#include <cmath>
#include <cstring>
#include <random>

namespace
{
enum Operation { Add, Subtract, Multiply, MultiplyThenAdd, DeviceFma, IntegerFma, Divide, Root, FromInteger, Round, ToInteger, Fused, Count };
const char* const names[Count] = {"x + y", "x - y", "x * y", "x * y, then + z", "fma", "fma in integers", "x / y", "square root", "integer to float",
    "rounding to an integer", "float to integer", "fma as used"};
const uint32_t operands = 1 << 16;

struct Constants { uint64_t a, b, c, r; uint32_t operation, count; };

uint32_t bits(float f) { uint32_t b; memcpy(&b, &f, 4); return b; }
float number(uint32_t b) { float f; memcpy(&f, &b, 4); return f; }

float expected(int operation, float x, float y, float z)
{
    volatile float v = 0;
    switch (operation)
    {
        case Add: v = x + y; break;
        case Subtract: v = x - y; break;
        case Multiply: v = x * y; break;
        case MultiplyThenAdd: v = x * y; v = v + z; break;
        case DeviceFma: case IntegerFma: case Fused: v = fmaf(x, y, z); break;
        case Divide: v = x / y; break;
        case Root: v = sqrtf(fabsf(x)); break;
        case FromInteger: v = (float)(int32_t)bits(x); break;
        case Round: v = nearbyintf(x); break;
        case ToInteger: return number((uint32_t)(int32_t)x);
    }
    return v;
}

// Finite operands of each kind: of any size, near one another's, subnormal, zero.
void fill(int operation, std::mt19937& random, float* a, float* b, float* c)
{
    auto any = [&] { return number((random() & 0x807fffff) | (random() % 255) << 23); };
    auto usual = [&] { return number((random() & 0x807fffff) | (107 + random() % 40) << 23); };
    for (uint32_t i = 0; i < operands; i++)
    {
        bool wide = i % 4 == 0;
        a[i] = wide ? any() : usual();
        b[i] = wide ? any() : usual();
        // Often near -x * y, where a fused result differs from a rounded one in many bits.
        c[i] = i % 2 ? number(bits(-(a[i] * b[i])) ^ (random() & 3)) : wide ? any() : usual();
        if (!std::isfinite(c[i])) c[i] = 1;
        if (i % 32 == 0) a[i] = number(random() & 0x807fffff);
        if (i % 64 == 1) b[i] = 0;
        if (operation == FromInteger) a[i] = number((uint32_t)random());
        if (operation == Round || operation == ToInteger) a[i] = number((random() & 0x807fffff) | (120 + random() % 31) << 23);
    }
}

// Operands of which the device makes something else.
uint32_t differing(Commands& commands, Buffer& in, Buffer& out, int operation)
{
    std::mt19937 random(5 + operation);
    float* a = (float*)in.data;
    float* b = a + operands;
    float* c = b + operands;
    fill(operation, random, a, b, c);
    Constants k{in.address, in.address + 4 * operands, in.address + 8 * operands, out.address, (uint32_t)operation, operands};
    commands.dispatch(Kernel::probe, k, operands / 64, 1, 1);
    commands.run();
    uint32_t wrong = 0;
    const uint32_t* r = (const uint32_t*)out.data;
    for (uint32_t i = 0; i < operands; i++)
    {
        float want = expected(operation, a[i], b[i], c[i]);
        wrong += std::isnan(want) ? !std::isnan(number(r[i])) : r[i] != bits(want);
    }
    return wrong;
}

// The first operation of a form that is not exact; -1: all are.
int inexact(VkPhysicalDevice physical, bool fused)
{
    auto device = std::make_shared<Device>(physical, fused);
    Commands commands(device);
    Buffer in(device, 12 * operands, Memory::Upload), out(device, 4 * operands, Memory::Download);
    for (int operation = 0; operation < Count; operation++)
        if (operation != (fused ? IntegerFma : DeviceFma) && differing(commands, in, out, operation)) return operation;
    return -1;
}

struct Environment // as C starts with: rounding to the nearest, subnormal numbers kept
{
    Environment() { fegetenv(&before); fesetenv(FE_DFL_ENV); }
    ~Environment() { fesetenv(&before); }
    fenv_t before;
};
}

Tested probe(VkPhysicalDevice physical)
{
    Tested result;
    result.note = properties(physical).unfit;
    if (!result.note.empty()) return result;
    Environment environment;
    try
    {
        int found = inexact(physical, true);
        result.fused = found < 0;
        if (found >= 0) found = inexact(physical, false);
        result.exact = found < 0;
        if (found >= 0) result.note = text("not exact: %s", names[found]);
    }
    catch (const Failure& f)
    {
        result.note = "the self-test failed: " + f.text;
    }
    return result;
}
