// F32: engine/Kernels/Formats/F32.cs.
#include "floats.h"

GEMV_FLOATS(f32, float)
