// The types of weights: how a row lies in the file, how it lies on the device, and what it is multiplied with.
#pragma once
#include "device.h"

enum class Input { Floats, Wide, Narrow }; // activations as they are, as Q8_K, as Q8_32

struct Format
{
    uint32_t type; // ggml's number
    Kernel kernel;
    Input input;
    uint32_t block, bytes; // values and bytes of a block
    int32_t half;          // byte of the block's scale, a half that goes to the end of the row so that the rest is words; -1: it stays
};
const Format* format_of(uint32_t type); // nullptr: not done here

// A tensor on the device: rows of row_words words.
struct Matrix
{
    const Format* format = nullptr;
    uint32_t rows = 0, width = 0, row_words = 0;
    Place place;
    uint64_t bytes() const { return 4ull * rows * row_words; }
    uint32_t groups() const { return (width + 255) / 256; }
};
uint64_t file_row_bytes(const Format& format, int64_t width);
uint32_t row_words(const Format& format, uint32_t width);
void pack_row(const Matrix& matrix, const uint8_t* from, uint8_t* to);
