#version 450
#extension GL_GOOGLE_include_directive : require
#include "floats.glsl"
float weight(uint w, uint i) { return half_to_float(c.w.at[w + i / 2u] >> 16u * (i % 2u) & 0xffffu); }
