#version 450
#extension GL_GOOGLE_include_directive : require
#include "floats.glsl"
float weight(uint w, uint i) { return uintBitsToFloat(c.w.at[w + i]); }
