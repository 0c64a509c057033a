// The engine's arithmetic (docs/canonical-arithmetic.md). Every operation goes through a function here: `precise` keeps compilers from
// fusing or rearranging them. Memory is reached by address: words and floats of 32 bits, nothing shorter.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float at[]; };
layout(constant_id = 0) const bool FusedFma = true; // false: the device's fma rounds twice, so it is done in integers

#include "exact.glsl"

float add(float x, float y) { precise float r = x + y; return r; }
float sub(float x, float y) { precise float r = x - y; return r; }
float mul(float x, float y) { precise float r = x * y; return r; }
float fused(float x, float y, float z)
{
    if (!FusedFma) return fma_exact(x, y, z);
    precise float r = fma(x, y, z);
    return r;
}

float exp_(float x)
{
    if (x < -87.33654) return 0.0;
    if (x > 89.0) x = 89.0;
    float n = roundEven(mul(x, 1.44269504));
    float r = fused(n, -0.693359375, x);
    r = fused(n, 2.12194440e-4, r);
    float p = fused(1.9875691500e-4, r, 1.3981999507e-3);
    p = fused(p, r, 8.3334519073e-3);
    p = fused(p, r, 4.1665795894e-2);
    p = fused(p, r, 1.6666665459e-1);
    p = fused(p, r, 5.0000001201e-1);
    p = add(fused(p, mul(r, r), r), 1.0);
    return mul(p, uintBitsToFloat(uint(int(n) + 127) << 23));
}
float softcap_(float x, float c) { return mul(c, sub(1.0, divide(2.0, add(exp_(mul(2.0, divide(x, c))), 1.0)))); }

float half_to_float(uint h) // infinities and NaNs, which no valid file holds, go on as numbers from 65536 up
{
    uint m = h & 0x7fffu, sign = (h & 0x8000u) << 16;
    if (m >= 0x400u) return uintBitsToFloat(sign | (m << 13) + 0x38000000u);
    if (m == 0u) return uintBitsToFloat(sign);
    int e = findMSB(m);
    return uintBitsToFloat(sign | uint(e + 103) << 23 | (m << (23 - e) & 0x7fffffu));
}
uint float_to_half(float f) // to even, at most 65504
{
    uint b = floatBitsToUint(f), sign = b >> 16 & 0x8000u, m = b & 0x7fffffffu;
    if (m >= 0x477ff000u) return sign | 0x7bffu;
    if (m < 0x38800000u) return sign | floatBitsToUint(add(uintBitsToFloat(m), 0.5)) - 0x3f000000u;
    return sign | m - 0x38000000u + 0xfffu + (m >> 13 & 1u) >> 13;
}
bool finite(float f) { return (floatBitsToUint(f) & 0x7f800000u) != 0x7f800000u; }
