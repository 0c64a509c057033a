// Norms, products and operations on single values, recorded.
#include "pass.h"
#include <algorithm>

void Pass::norm(const edge_llm_offload_norm& n, Rows x, Rows y, uint32_t count, uint32_t width, uint32_t heads)
{
    struct { uint64_t x, w, b, y; uint32_t xStride, yStride, width, weightStep, centered, hasWeight, hasBias; float epsilon; } k{};
    k = {x.place.address, 0, 0, y.place.address, x.stride, y.stride, width, 0, n.kind == EDGE_LLM_OFFLOAD_NORM_LAYER, n.weight != 0, n.bias != 0, n.epsilon};
    if (n.weight)
    {
        const Matrix& w = s.matrix(n.weight);
        k.w = w.place.address;
        if ((uint64_t)w.rows * w.width > width) k.weightStep = width;
    }
    if (n.bias) k.b = s.matrix(n.bias).place.address;
    commands.dispatch(Kernel::norm, k, heads, count, 1);
}

// Of each head, or of all at once where the weight is one row as long as they are.
void Pass::head_norm(const edge_llm_offload_norm& n, Rows x, uint32_t heads, uint32_t dim)
{
    if (!n.kind) return;
    bool whole = n.weight && s.matrix(n.weight).rows == 1 && s.matrix(n.weight).width == heads * dim;
    if (whole) norm(n, x, x, rows, heads * dim);
    else norm(n, x, x, rows, dim, heads);
}

void Pass::begin_input(Rows x, uint32_t width, uint32_t count, uint32_t function, const Rows* up)
{
    input = x;
    input_up = up ? *up : x;
    input_width = width;
    input_rows = count;
    activation = function;
    paired = up;
    packed[0] = packed[1] = packed[2] = false;
}

void Pass::product(const edge_llm_offload_linear& l, Rows y, bool beside, bool add, float residual)
{
    const Matrix& m = s.matrix(l.weight);
    Input form = m.format->input;
    if (form == Input::Floats && activation) activate();
    uint64_t x = input.place.address;
    uint32_t stride = input.stride, groups = (input_width + 255) / 256;
    if (form != Input::Floats)
    {
        x = form == Input::Wide ? work.wide.address : work.narrow.address;
        stride = groups * 80;
        if (!packed[(int)form])
        {
            struct { uint64_t x, up, y, flag; uint32_t xStride, width, groups, wide, mark, activation, paired; } k{
                input.place.address, input_up.place.address, x, work.flag.address, input.stride, input_width, groups, form == Input::Wide, mark, activation, paired};
            commands.dispatch(Kernel::quantize, k, groups, input_rows, 1);
            packed[(int)form] = true;
            beside = false;
        }
    }
    struct
    {
        uint64_t w, x, y, bias;
        uint32_t rows, blocks, rowWords, tokens, xStride, yStride, rowsPerGroup, tokensPerGroup, hasBias, accumulate;
        float scale, residual;
    } k{m.place.address, x, y.place.address, l.bias ? s.matrix(l.bias).place.address : 0, m.rows, groups, m.row_words, input_rows, stride, y.stride, 4, 8, l.bias != 0, add,
        l.scale == 0 ? 1 : l.scale, residual};
    if (form == Input::Floats) k.blocks = input_width;
    else
    {
        k.rowsPerGroup = std::min(std::max(128 / groups, 1u), 64u);
        k.tokensPerGroup = std::min(8u, 1024 / (k.rowsPerGroup * groups));
    }
    k.tokensPerGroup = std::min(k.tokensPerGroup, input_rows);
    uint32_t workgroups = (m.rows + k.rowsPerGroup - 1) / k.rowsPerGroup, across = std::min(workgroups, 32768u);
    commands.dispatch(m.format->kernel, k, across, (workgroups + across - 1) / across, (input_rows + k.tokensPerGroup - 1) / k.tokensPerGroup, !beside);
}

// What a quantized product does as it packs its input.
void Pass::activate()
{
    struct { uint64_t y, x, rows; uint32_t yStride, xStride, width, operation, activation, paired; float p; } k{
        input.place.address, input_up.place.address, 0, input.stride, input_up.stride, input_width, Activate, activation, paired, 0};
    commands.dispatch(Kernel::elementwise, k, (input_width + 63) / 64, input_rows, 1);
    activation = 0;
    paired = false;
}

void Pass::elementwise(uint32_t operation, Rows y, Rows x, uint32_t count, uint32_t width, float p, uint64_t gather)
{
    struct { uint64_t y, x, rows; uint32_t yStride, xStride, width, operation, activation, paired; float p; } k{
        y.place.address, x.place.address, gather, y.stride, x.stride, width, operation, 0, 0, p};
    commands.dispatch(Kernel::elementwise, k, (width + 63) / 64, count, 1);
}
