// Weights on their way to the device, and matrices of them.
#include "proof.h"
#include "stage.h"
#include <algorithm>

// The rows of tensors, one behind the other; they become whole units. Through pinned memory, half by half: one is filled while the other one is on
// its way.
std::vector<Kept> edge_llm_offload_stage::Contents::upload(const Spec& spec, const std::vector<uint32_t>& references)
{
    std::vector<Kept> made;
    size_t bytes = 0;
    for (uint32_t r : references)
    {
        made.push_back({nullptr, bytes});
        bytes += spec.tensor_bytes(r);
    }
    const char* name = spec.tensor(references[0]).name;
    auto memory = std::make_shared<DeviceMemory>(bytes, name ? name : "a tensor");
    struct Settled { cuda::Stream stream; ~Settled() { driver.cuStreamSynchronize(stream); } }; // no copy outlives its memory
    for (size_t i = 0; i < references.size(); i++)
    {
        const auto& t = spec.tensor(references[i]);
        const Format* f = format_of(t.type);
        size_t rows = (size_t)(t.ne[1] * t.ne[2] * t.ne[3]), from = (size_t)t.ne[0] / f->length * f->bytes;
        size_t to = f->form == Form::Floats ? from : (size_t)units_of((int)t.ne[0]) * f->unit_bytes();
        size_t rowsAtOnce = std::max<size_t>(1, std::min<size_t>(rows, (4 << 20) / to));
        PinnedMemory halves(2 * rowsAtOnce * to);
        EventOwner free[2];
        Settled settled{stream.stream};
        int half = 0;
        for (size_t row = 0; row < rows; row += rowsAtOnce, half ^= 1)
        {
            size_t n = std::min(rowsAtOnce, rows - row);
            u8* place = halves.as<u8>(half * rowsAtOnce * to);
            if (row >= 2 * rowsAtOnce) check(driver.cuEventSynchronize(free[half].event), "cuEventSynchronize");
            if (from == to) memcpy(place, (const u8*)t.data + row * from, n * from);
            else for (size_t j = 0; j < n; j++)
            {
                memcpy(place + j * to, (const u8*)t.data + (row + j) * from, from);
                memset(place + j * to + from, 0, to - from);
            }
            check(driver.cuMemcpyHtoDAsync_v2(memory->pointer + made[i].offset + row * to, place, n * to, stream.stream), "cuMemcpyHtoD");
            free[half].record(stream);
        }
        stream.wait();
        made[i].memory = memory;
    }
    return made;
}

void edge_llm_offload_stage::Contents::place(const Spec& spec, const std::vector<uint32_t>& references)
{
    std::vector<const edge_llm_offload_tensor*> tensors;
    for (uint32_t r : references) tensors.push_back(&spec.tensor(r));
    std::vector<Kept> places = kept_weights(spec.device, spec.desc.model, tensors, [&] { return upload(spec, references); });
    for (size_t i = 0; i < places.size(); i++)
    {
        if (i == 0 || places[i].memory != places[i - 1].memory) weightBytes += places[i].memory->bytes;
        weights[references[i]] = places[i];
    }
}

// Where a product of all can be one: of the same type, and with no room between.
void edge_llm_offload_stage::Contents::place_together(const Spec& spec, const std::vector<uint32_t>& references)
{
    const auto& first = spec.tensor(references[0]);
    for (size_t i = 0; i < references.size(); i++)
    {
        const auto& t = spec.tensor(references[i]);
        const Format* f = format_of(t.type);
        u64 rowBytes = f->form == Form::Floats ? t.row_bytes : (u64)units_of((int)t.ne[0]) * f->unit_bytes();
        bool twice = std::find(references.begin(), references.begin() + i, references[i]) != references.begin() + i;
        if (t.type != first.type || t.ne[0] != first.ne[0] || rowBytes * t.ne[1] % 512 != 0 || twice || weights.count(references[i])) return;
    }
    place(spec, references);
}

Matrix edge_llm_offload_stage::Contents::joined(const Spec& spec, const std::vector<const Matrix*>& parts)
{
    Matrix all = *parts[0];
    all.rows = 0;
    for (const Matrix* m : parts)
    {
        if (m->format != all.format || m->k != all.k || m->data != all.data + all.rows * all.row_bytes()) return {};
        all.rows += m->rows;
    }
    if (all.format->form != Form::Floats)
    {
        all.one = product_shape(spec.device, *all.format, units_of(all.k), all.rows, 1);
        all.four = product_shape(spec.device, *all.format, units_of(all.k), all.rows, 4);
    }
    all.bias = nullptr;
    all.scale = 1;
    return all;
}

const float* edge_llm_offload_stage::Contents::values(const Spec& spec, uint32_t reference)
{
    if (reference == 0) return nullptr;
    if (!weights.count(reference)) place(spec, {reference});
    const Kept& kept = weights[reference];
    return (const float*)(kept.memory->as<u8>() + kept.offset);
}

Matrix edge_llm_offload_stage::Contents::matrix_of(const Spec& spec, uint32_t reference, int rows, int rowsAtOnce)
{
    const auto& t = spec.tensor(reference);
    Matrix m;
    m.format = format_of(t.type);
    auto& module = formats[m.format->type];
    if (!module)
    {
        module = std::make_unique<FormatModule>(spec.device, *m.format);
        prove(spec.device, *m.format, *module, stream, kernels);
    }
    m.module = module.get();
    m.data = (const u8*)values(spec, reference);
    m.rows = rows;
    m.k = (int)t.ne[0];
    if (m.format->form != Form::Floats)
    {
        m.one = product_shape(spec.device, *m.format, units_of(m.k), rowsAtOnce, 1);
        m.four = product_shape(spec.device, *m.format, units_of(m.k), rowsAtOnce, 4);
    }
    return m;
}

Matrix edge_llm_offload_stage::Contents::matrix(const Spec& spec, const edge_llm_offload_linear& l)
{
    int rows = (int)spec.tensor(l.weight).ne[1];
    Matrix m = matrix_of(spec, l.weight, rows, rows);
    m.bias = values(spec, l.bias);
    m.scale = l.scale == 0 ? 1 : l.scale;
    return m;
}

// Of all experts; a launch has those of one row at least.
Matrix edge_llm_offload_stage::Contents::matrices(const Spec& spec, const edge_llm_offload_expert_matrices& w, int rows, int used)
{
    if (w.weight == 0) return {};
    const auto& t = spec.tensor(w.weight);
    Matrix m = matrix_of(spec, w.weight, rows, rows * used);
    m.data += w.first_row * m.row_bytes();
    m.matrixBytes = t.ne[1] * m.row_bytes();
    m.bias = w.bias ? values(spec, w.bias) + w.first_row : nullptr;
    m.biasStep = (int)t.ne[1];
    return m;
}
