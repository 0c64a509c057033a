// Whether a device computes as the CPU does: the operations that exactness rests on, on 65,536 operands each, bit for bit. The host's side is the
// kernels' own source, compiled for the CPU.
#include "../kernels/math.h"
#include "proof.h"
#include <mutex>
#include <vector>

static const char* const Names[ProbeOperations] = {"addition", "multiplication", "fused multiply-add", "division", "square root", "rounding", "exp",
    "half to float", "float to half", "integer to float", "products of bytes", "products of 16-bit numbers", "shifts of two words", "permutation of bytes"};
static const int Count = 1 << 16;

static u32 mixed(u32 x)
{
    x = (x ^ x >> 16) * 0x85ebca6b;
    x = (x ^ x >> 13) * 0xc2b2ae35;
    return x ^ x >> 16;
}
// Any bits in one operand of two, numbers of ordinary size in the others; z near -x * y in one of four, where only one rounding is right.
static void operands(std::vector<float>& a, std::vector<float>& b, std::vector<float>& c)
{
    for (int i = 0; i < Count; i++)
    {
        u32 r = mixed(3 * i), s = mixed(3 * i + 1), t = mixed(3 * i + 2);
        auto ordinary = [](u32 v) { return from_bits((v & 0x807fffff) | (120 + (v >> 24) % 12) << 23); };
        a[i] = i % 2 ? from_bits(r) : ordinary(r);
        b[i] = i % 4 / 2 ? from_bits(s) : ordinary(s);
        c[i] = i % 8 < 4 ? from_bits(t) : a[i] * b[i] * -1.0f;
    }
}

static void expected(float x, float y, float z, u32* r)
{
    u32 u = bits(x), v = bits(y);
    u32 all[ProbeOperations] = {
        bits(x + y), bits(x * y), bits(fma(x, y, z)), bits(divide(x, y)), bits(square_root(from_bits(u & 0x7fffffff))), bits(round_even(x)),
        bits(exp_canonical(x)), bits(half_to_float(u & 0xffff)), float_to_half(x), bits((float)(int)u),
        (u32)dot4(u, v, 7), (u32)dot2_low(u, v, 7), funnel(u, v, (int)(u & 31)), pick_bytes(u, v, bits(z) & 0x7777),
    };
    for (int k = 0; k < ProbeOperations; k++) r[k] = all[k];
}
static bool nan(u32 v) { return (v & 0x7fffffff) > 0x7f800000; }

static std::string probe(const Device& device)
{
    PlainArithmetic plain;
    Retained retained(device);
    Current current(retained);
    StreamOwner stream;
    CommonModule common(device);
    std::vector<float> a(Count), b(Count), c(Count);
    std::vector<u32> got((size_t)Count * ProbeOperations);
    operands(a, b, c);
    DeviceMemory in(3ull * Count * 4, "the self-test"), out(got.size() * 4, "the self-test");
    for (int i = 0; i < 3; i++)
        check(driver.cuMemcpyHtoDAsync_v2(in.pointer + 4ull * Count * i, (i == 0 ? a : i == 1 ? b : c).data(), 4ull * Count, stream.stream), "cuMemcpyHtoD");
    launch(common.probe, stream, {64}, 256, 0, ProbeArgs{in.as<float>(), in.as<float>(Count), in.as<float>(2 * Count), out.as<u32>(), Count});
    check(driver.cuMemcpyDtoHAsync_v2(got.data(), out.pointer, got.size() * 4, stream.stream), "cuMemcpyDtoH");
    stream.wait();
    std::string note;
    for (int i = 0; i < Count && note.empty(); i++)
    {
        u32 want[ProbeOperations];
        expected(a[i], b[i], c[i], want);
        for (int k = 0; k < ProbeOperations && note.empty(); k++)
        {
            u32 found = got[(size_t)k * Count + i];
            if (found != want[k] && !(k < 7 && nan(found) && nan(want[k])))
                note = text("self-test: %s of %08x and %08x gives %08x, not %08x", Names[k], bits(a[i]), bits(b[i]), found, want[k]);
        }
    }
    if (note.empty() && !attention_is_right(stream, common)) note = "self-test: attention does not give the CPU's bits";
    if (note.empty() && !experts_are_right(stream, common)) note = "self-test: the choice of experts or their sum does not give the CPU's bits";
    return note;
}

void test(Device& device)
{
    static std::mutex mutex;
    std::lock_guard<std::mutex> lock(mutex);
    if (device.state != Device::Untested) return;
    std::string note = probe(device); // an error leaves it untested
    device.note = note;
    device.state = note.empty() ? Device::Exact : Device::Inexact;
}
