// Comparing bits, random numbers, and memory as a device aligns it.
#pragma once
#include "../kernels/gpu.h"
#include "../plugin/formats.h"
#include <cstdio>
#include <string>

inline std::mt19937 rng(7);
inline int failures, checks;

inline float normal() { static std::normal_distribution<float> d; return d(rng); }
inline std::vector<float> floats(size_t n, float scale = 1) { std::vector<float> v(n); for (float& f : v) f = normal() * scale; return v; }

inline void check(bool right, const std::string& what)
{
    checks++;
    if (right) return;
    failures++;
    printf("WRONG %s\n", what.c_str());
}
inline void check(const std::string& what, const float* got, const float* want, size_t n)
{
    size_t wrong = 0, first = 0;
    for (size_t i = n; i-- > 0;) if (reference::bits(got[i]) != reference::bits(want[i])) { wrong++; first = i; }
    check(wrong == 0, wrong == 0 ? what : what + ": " + std::to_string(wrong) + " of " + std::to_string(n) + " differ, [" + std::to_string(first) + "] "
        + std::to_string(got[first]) + " for " + std::to_string(want[first]));
}

// Bytes from a multiple of 16 on, and no more than a multiple of 16 of them.
struct Aligned
{
    std::vector<u128> memory;
    explicit Aligned(size_t bytes) : memory((bytes + 15) / 16, u128{~0u, ~0u, ~0u, ~0u}) {}
    Aligned(const void* from, size_t bytes) : Aligned(bytes) { memcpy(memory.data(), from, bytes); }
    u8* data() { return (u8*)memory.data(); }
};
