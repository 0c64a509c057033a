// Launches: norms and activations in the forms that the next product reads, and products.
#include "forward.h"

static const int ManyRows = 16; // from here on the matrix units' product

Forms Forward::forms(Needs needs, int width) const
{
    return {needs.floats ? area(Plain) : nullptr, width, needs.by256 ? c_.work[By256].as<u8>() : nullptr, area(Scales256),
        needs.by32 ? c_.work[By32].as<u8>() : nullptr};
}

// norm(x), or x itself where there is no norm. No product has 0 rows: then nothing is launched.
void Forward::normed(const NormWeights& n, const float* x, int width, Needs needs, u32* flag)
{
    if (rows_ == 0) return;
    if (n.kind == 0) return prepared(x, nullptr, Identity, width, needs, flag);
    NormArgs a = {x, n.weight, n.bias, forms(needs, width), flag, width, width, 0, n.kind == EDGE_LLM_OFFLOAD_NORM_LAYER, n.epsilon};
    start(c_.kernels.norm, {rows_}, 256, 4 * width, a);
}

void Forward::prepared(const float* x, const float* up, int function, int width, Needs needs, u32* flag)
{
    activated(x, up, function, width, width, rows_, forms(needs, width), flag);
}

void Forward::activated(const float* x, const float* up, int function, int width, int stride, int rows, Forms to, u32* flag)
{
    if (rows == 0) return;
    int units = units_of(width);
    ActivateArgs a = {x, up, to, flag, function, width, rows, units, stride};
    start(c_.kernels.activate, {(int)(((int64_t)rows * units + 3) / 4)}, 128, 0, a);
}

void Forward::head_norm(const NormWeights& n, float* x, int stride, int dim, int heads)
{
    if (n.kind == 0 || rows_ == 0) return;
    int width = n.each ? dim : dim * heads;
    NormArgs a = {x, n.weight, n.bias, {x, stride, nullptr, nullptr, nullptr}, nullptr, width, stride, n.step, n.kind == EDGE_LLM_OFFLOAD_NORM_LAYER,
        n.epsilon};
    start(c_.kernels.norm, {rows_, n.each ? heads : 1}, width > 256 ? 256 : 64, 4 * width, a);
}

// y = (input * matrix) * scale + bias; the input stands in the form that the matrix reads.
void Forward::product(const Matrix& m, float* y, int stride)
{
    multiply(m, y, stride);
    finish(m, y, stride);
}

// Several of them, whose results stand one behind the other; all: their product as one, where there is such.
void Forward::products(const Matrix& all, std::initializer_list<const Matrix*> parts, float* y, int stride)
{
    if (all.format) multiply(all, y, stride);
    for (const Matrix* m : parts)
    {
        if (!all.format) multiply(*m, y, stride);
        finish(*m, y, stride);
        y += m->rows;
    }
}

void Forward::finish(const Matrix& m, float* y, int stride)
{
    if (rows_ > 0 && (m.bias || m.scale != 1)) start(c_.kernels.scale_bias, {rows_}, 256, 0, ScaleArgs{y, m.bias, m.scale, m.rows, stride});
}

void Forward::multiply(const Matrix& m, float* y, int stride)
{
    if (rows_ == 0) return;
    const FormatModule& f = *m.module;
    if (m.format->form == Form::Floats)
    {
        int at = rows_ == 1 ? 1 : 4;
        FloatGemvArgs a = {m.data, area(Plain), y, m.rows, m.k, rows_, stride};
        start(at == 1 ? f.one : f.four, {(m.rows + 7) / 8, (rows_ + at - 1) / at}, 128, 0, a);
    }
    else
    {
        int units = units_of(m.k), at = rows_ == 1 || m.four.warps == 0 ? 1 : 4;
        const ProductShape& shape = at == 1 ? m.one : m.four;
        const u8* x = c_.work[m.format->form == Form::By256 ? By256 : By32].as<u8>();
        GemvArgs a = {m.data, x, area(Scales256), y, m.rows, units, rows_, stride, shape.rowsPerBlock, (u32)((0x80000000ull + units - 1) / units)};
        if (f.many.function && rows_ >= ManyRows) start(f.many, {(m.rows + 63) / 64, (rows_ + 63) / 64}, 128, ManyShared, a);
        else start(at == 1 ? f.one : f.four, {(m.rows + shape.rowsPerBlock - 1) / shape.rowsPerBlock, (rows_ + at - 1) / at}, 32 * shape.warps,
            shape.shared, a);
    }
}
