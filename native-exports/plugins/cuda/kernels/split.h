// Products scale * q of integer weights as signed bytes, for the matrix units.
#pragma once
#include "gemv.h"

// Eight bytes of a low and a high part: products scale * q of four values, each split into 128 * high + low, so that the matrix units add up a
// whole super-block and no scale is applied outside.
struct Split { u32 low, high; };

// q: four unsigned bytes; every product at most 4095.
DEVICE Split split(u32 q, u32 scale)
{
    u32 even = (q & 0x00ff00ff) * scale, odd = (q >> 8 & 0x00ff00ff) * scale; // two 16-bit products each
    return {(even & 0x007f007f) | (odd & 0x007f007f) << 8, (even >> 7 & 0x001f001f) | (odd >> 7 & 0x001f001f) << 8};
}

// The same of (q - zero) * scale, which is at most 4096, for a signed scale. With 8192 added no 16 bits are below zero:
// (q - zero) * scale + 8192 = q * (scale + 128) + (8192 - zero * scale) - 128 * q. The high part gives back 8192 / 128 = 64.
DEVICE Split split_signed(u32 q, int scale, int zero)
{
    u32 even = q & 0x00ff00ff, odd = q >> 8 & 0x00ff00ff, both = (u32)(8192 - zero * scale) * 0x00010001;
    even = even * (u32)(scale + 128) + both - (even << 7);
    odd = odd * (u32)(scale + 128) + both - (odd << 7);
    u32 high = (even >> 7 & 0x007f007f) | (odd >> 7 & 0x007f007f) << 8;
    return {(even & 0x007f007f) | (odd & 0x007f007f) << 8, ((high | 0x80808080) - 0x40404040) ^ 0x80808080};
}
