#include "formats.h"
#include <cstring>

static const Format formats[] = {
    {0, Kernel::f32, Input::Floats, 1, 4, -1},
    {1, Kernel::f16, Input::Floats, 1, 2, -1},
    {2, Kernel::q4_0, Input::Narrow, 32, 18, 0},
    {8, Kernel::q8_0, Input::Narrow, 32, 34, 0},
    {10, Kernel::q2_k, Input::Wide, 256, 84, -1},
    {11, Kernel::q3_k, Input::Wide, 256, 110, 108},
    {12, Kernel::q4_k, Input::Wide, 256, 144, -1},
    {13, Kernel::q5_k, Input::Wide, 256, 176, -1},
    {14, Kernel::q6_k, Input::Wide, 256, 210, 208},
};

const Format* format_of(uint32_t type)
{
    for (const Format& f : formats)
        if (f.type == type) return &f;
    return nullptr;
}

uint64_t file_row_bytes(const Format& format, int64_t width) { return (uint64_t)width / format.block * format.bytes; }

// A row of blocks of 32 is filled up with zeros to whole groups of 256.
static uint32_t padded_blocks(const Format& format, uint32_t width)
{
    return format.input == Input::Narrow ? (width + 255) / 256 * 8 : width / format.block;
}

uint32_t row_words(const Format& format, uint32_t width)
{
    uint32_t blocks = padded_blocks(format, width);
    if (format.half < 0) return (uint32_t)(((uint64_t)blocks * format.bytes + 3) / 4);
    return blocks * ((format.bytes - 2) / 4) + (blocks + 1) / 2;
}

void pack_row(const Matrix& matrix, const uint8_t* from, uint8_t* to)
{
    const Format& f = *matrix.format;
    uint32_t blocks = matrix.width / f.block;
    memset(to, 0, 4ull * matrix.row_words);
    if (f.half < 0)
    {
        memcpy(to, from, (size_t)blocks * f.bytes);
        return;
    }
    uint32_t rest = f.bytes - 2;
    uint8_t* halves = to + (size_t)padded_blocks(f, matrix.width) * rest;
    for (uint32_t b = 0; b < blocks; b++, from += f.bytes, to += rest, halves += 2)
    {
        memcpy(to, from, f.half);
        memcpy(to + f.half, from + f.half + 2, rest - f.half);
        memcpy(halves, from + f.half, 2);
    }
}
