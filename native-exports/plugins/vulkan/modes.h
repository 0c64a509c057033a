// Shaders may ask for a treatment of floats that a driver has by choice only: some flush subnormal numbers unless they are asked not to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

enum FloatModes : uint32_t { KeepSubnormals = 1, KeepSpecial = 2, RoundToEven = 4 };

// The code of a shader, asking for these as well.
std::vector<uint32_t> with_modes(const uint32_t* code, size_t words, uint32_t modes);
