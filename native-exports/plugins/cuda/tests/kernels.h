// All kernels as C++, for the emulator.
#pragma once
#include "emulate.h"

#include "../kernels/common.cu"
#include "../kernels/f16.cu"
#include "../kernels/f32.cu"
#include "../kernels/mxfp4.cu"
#include "../kernels/q2_k.cu"
#include "../kernels/q3_k.cu"
#include "../kernels/q4_0.cu"
#include "../kernels/q4_k.cu"
#include "../kernels/q5_k.cu"
#include "../kernels/q6_k.cu"
#include "../kernels/q8_0.cu"
