// F16: engine/Kernels/Formats/F16.cs.
#include "floats.h"

GEMV_FLOATS(f16, u16)
