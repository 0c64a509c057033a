// The engine's definitions of products with quantized weights, one scalar function each (docs/canonical-arithmetic.md).
#pragma once
#include "model.h"

float defined_product(uint32_t type, const uint8_t* row, int width, const float* x);
