// One kernel source, two machines. Compiled as CUDA (no toolkit needed: -nocudainc -nocudalib) the functions of gpu_ptx.h are PTX
// instructions; compiled as C++, those of gpu_cpu.h run on the CPU, one fiber a GPU thread (tests/emulate.cpp). Kernels use nothing else.
#pragma once

typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef short s16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct alignas(16) u128 { u32 x, y, z, w; }; // one 16-byte load or store

#ifdef __CUDA__
#include "gpu_ptx.h"
#else
#include "gpu_cpu.h"
#endif

DEVICE float shuffle_xor(float v, int mask) { return from_bits((u32)shuffle_xor((int)bits(v), mask)); }
DEVICE float shuffle(float v, int lane) { return from_bits((u32)shuffle((int)bits(v), lane)); }

// Half to single, exact, subnormals included; infinities and NaNs become finite numbers from 65536 up, as on the CPU.
DEVICE float half_to_float(u32 half) { return from_bits(bits(from_bits((half & 0x7fff) << 13) * 0x1p112f) | (half & 0x8000) << 16); }
// Single to half, to nearest even, saturating.
DEVICE u16 float_to_half(float a) { return to_half_finite(larger(smaller(a, 65504.0f), -65504.0f)); }
