// What a batch brings, and what goes back.
#include "forward.h"
#include <algorithm>
#include <numeric>

Forward::Forward(edge_llm_offload_stage& stage, const edge_llm_offload_batch* batch) : stage_(stage), c_(*stage.contents),
    b_(read_struct<edge_llm_offload_batch>(batch, "batch"))
{
    take(b_.flags <= EDGE_LLM_OFFLOAD_WANT_HIDDEN, "batch: flags %u", b_.flags);
    width_ = c_.output.format && !(b_.flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN) ? c_.desc.vocabulary : c_.desc.hidden;
    check_batch();
    positions_.resize(b_.rows);
    if (!c_.groups.empty()) check_runs();
    collect_tables();
}

void Forward::check_batch()
{
    expect(b_.rows > 0 && b_.rows <= c_.desc.max_rows, "batch: %d rows, expected 1 to %d", b_.rows, c_.desc.max_rows);
    expect(b_.output_count >= 0 && b_.output_count <= std::min(b_.rows, c_.desc.max_output_rows),
        "batch: %d rows are asked for of %d, expected %d at most", b_.output_count, b_.rows, c_.desc.max_output_rows);
    expect(b_.hidden != nullptr && b_.hidden_stride >= c_.desc.hidden, "batch: hidden is null, or hidden_stride %d is under %d", b_.hidden_stride,
        c_.desc.hidden);
    expect(b_.output_count == 0 || (b_.out != nullptr && b_.output_rows != nullptr && b_.out_stride >= width_),
        "batch: out or output_rows is null, or out_stride %d is under %d", b_.out_stride, width_);
    for (int i = 0; i < b_.output_count; i++)
        expect(b_.output_rows[i] >= (i ? b_.output_rows[i - 1] + 1 : 0) && b_.output_rows[i] < b_.rows,
            "batch: output_rows[%d] is %d, expected ascending rows under %d", i, b_.output_rows[i], b_.rows);
    float* at = area(Ropes);
    for (size_t i = 0; i < c_.ropeWidth.size(); i++)
    {
        int width = c_.ropeWidth[i];
        cos_.push_back(at);
        sin_.push_back(at + (size_t)c_.desc.max_rows * width);
        at += 2 * (size_t)c_.desc.max_rows * width;
        if (width == 0) continue; // no layer uses it
        expect((int)i < b_.rope_count, "batch: %d tables of angles, expected %zu", b_.rope_count, c_.ropeWidth.size());
        auto t = read_struct<edge_llm_offload_rope_table>(element(b_.ropes, (int)i), "table of angles");
        expect(t.width >= width && t.stride >= t.width && t.cos && t.sin, "batch: table of angles %zu has rows of %d with stride %d, expected %d", i,
            t.width, t.stride, width);
    }
}

// Every row is in one run, and its blocks are blocks.
void Forward::check_runs()
{
    std::fill(positions_.begin(), positions_.end(), -1);
    expect(b_.run_count >= 0 && (b_.run_count == 0 || b_.runs), "batch: %d runs", b_.run_count);
    for (int i = 0; i < b_.run_count; i++)
    {
        const auto& r = b_.runs[i];
        expect(r.row >= 0 && r.rows > 0 && r.rows <= b_.rows - r.row && r.position >= 0 && r.position < 0x7fffff00 - r.rows,
            "batch: run %d has rows %d, %d from position %d on", i, r.row, r.rows, r.position);
        take(r.reserved == 0, "batch: run %d has a field of a later version", i);
        for (int j = 0; j < r.rows; j++)
        {
            expect(positions_[r.row + j] < 0, "batch: row %d is in two runs", r.row + j);
            positions_[r.row + j] = r.position + j;
        }
        expect(r.tables != nullptr, "batch: run %d has no tables", i);
        for (size_t g = 0; g < c_.groups.size(); g++)
        {
            if (c_.windows[g] < 0) continue; // no layer uses it
            int first = c_.windows[g] ? std::max(0, r.position + 1 - c_.windows[g]) / 64 : 0, last = (r.position + r.rows - 1) / 64;
            const int* table = r.tables[g];
            expect(table != nullptr, "batch: run %d has no table for group %zu", i, g);
            expect(last - first < c_.groups[g].blocks, "batch: run %d looks at %d blocks of group %zu, which has %d", i, last - first + 1, g,
                c_.groups[g].blocks);
            for (int b = first; b <= last; b++)
                expect(table[b] >= 0 && table[b] < c_.groups[g].blocks, "batch: run %d, group %zu: block %d has number %d, expected 0 to %d", i, g, b,
                    table[b], c_.groups[g].blocks - 1);
        }
    }
    for (int i = 0; i < b_.rows; i++) expect(positions_[i] >= 0, "batch: row %d is in no run", i);
}

void Forward::collect_tables()
{
    indices_ = positions_;
    outputsAt_ = (int)indices_.size();
    if (b_.output_count > 0) indices_.insert(indices_.end(), b_.output_rows, b_.output_rows + b_.output_count);
    for (size_t g = 0; g < c_.groups.size(); g++)
    {
        tableAt_.push_back((int)indices_.size());
        indices_.resize(indices_.size() + b_.rows);
    }
    for (size_t g = 0; g < c_.groups.size(); g++)
        for (int i = 0; i < b_.run_count && c_.windows[g] >= 0; i++)
        {
            const auto& r = b_.runs[i];
            int first = c_.windows[g] ? std::max(0, r.position + 1 - c_.windows[g]) / 64 : 0, last = (r.position + r.rows - 1) / 64;
            expect(indices_.size() + (last - first) < 1u << 30, "batch: the tables of blocks are too long");
            std::fill_n(indices_.begin() + tableAt_[g] + r.row, r.rows, (int)indices_.size() - first);
            indices_.insert(indices_.end(), r.tables[g] + first, r.tables[g] + last + 1);
        }
}

void Forward::send()
{
    size_t bytes = 4 * indices_.size();
    if (bytes > c_.indexStaging.bytes)
    {
        c_.forget_graphs(); // they know the old place
        c_.indices = DeviceMemory();
        c_.indexStaging = PinnedMemory();
        c_.indexStaging = PinnedMemory(2 * bytes);
        c_.indices = DeviceMemory(2 * bytes, "the tables of blocks");
    }
    auto copy = [&](cuda::Pointer to, const void* from, size_t n) { check(driver.cuMemcpyHtoDAsync_v2(to, from, n, c_.stream.stream), "cuMemcpyHtoD"); };
    memcpy(c_.indexStaging.pointer, indices_.data(), bytes);
    copy(c_.indices.pointer, c_.indexStaging.pointer, bytes);
    float* at = c_.staging.as<float>();
    auto rows = [&](float* to, const float* from, int width, int stride)
    {
        for (int i = 0; i < b_.rows; i++) memcpy(at + (size_t)i * width, from + (size_t)i * stride, 4ull * width);
        copy((cuda::Pointer)to, at, 4ull * b_.rows * width);
        at += (size_t)b_.rows * width;
    };
    rows(area(Hidden), b_.hidden, c_.desc.hidden, b_.hidden_stride);
    for (size_t i = 0; i < c_.ropeWidth.size(); i++)
    {
        if (c_.ropeWidth[i] == 0) continue;
        auto t = read_struct<edge_llm_offload_rope_table>(element(b_.ropes, (int)i), "table of angles");
        rows(cos_[i], t.cos, c_.ropeWidth[i], t.stride);
        rows(sin_[i], t.sin, c_.ropeWidth[i], t.stride);
    }
    check(driver.cuMemsetD8Async(c_.work[Flags].pointer, 0, c_.work[Flags].bytes, c_.stream.stream), "cuMemsetD8");
}

// One row: all its launches as one, for as many blocks as the next power of two. False: launch by launch, please.
bool Forward::run_graph()
{
    if (!c_.useGraphs || b_.rows != 1) return false;
    int blocks = 4, needed = positions_[0] / 64 + 1;
    while (blocks < needed) blocks *= 2;
    for (size_t g = 0; g < c_.groups.size(); g++) if (c_.windows[g] >= 0) blocks = std::min(blocks, c_.groups[g].blocks); // no room for more
    if (blocks < needed) return false; // a window has let some go
    ask();
    GraphKey key = {blocks, b_.output_count, (b_.flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN) != 0};
    auto known = c_.graphs.find(key);
    cuda::Executable graph = known == c_.graphs.end() ? nullptr : known->second;
    if (!graph)
    {
        cuda::Graph captured = nullptr;
        c_.useGraphs = driver.cuStreamBeginCapture_v2(c_.stream.stream, cuda::ThreadLocal) == 0;
        if (!c_.useGraphs) return false;
        blocks_ = blocks;
        capturing_ = true;
        try { enqueue(); }
        catch (const Failure&) { c_.useGraphs = false; }
        capturing_ = false;
        blocks_ = 0;
        c_.useGraphs &= driver.cuStreamEndCapture(c_.stream.stream, &captured) == 0 && captured;
        if (c_.useGraphs) c_.useGraphs = driver.cuGraphInstantiateWithFlags(&graph, captured, 0) == 0;
        if (captured) driver.cuGraphDestroy(captured);
        if (!c_.useGraphs) return false;
        c_.graphs[key] = graph;
    }
    check(driver.cuGraphLaunch(graph, c_.stream.stream), "cuGraphLaunch");
    stage_.launches++;
    return true;
}

void Forward::receive()
{
    size_t bytes = 4ull * b_.output_count * width_, flags = c_.work[Flags].bytes;
    const DeviceMemory& from = c_.work[!c_.output.format ? b_.output_count == b_.rows ? Hidden : HiddenOut : b_.flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN ? Plain : Logits];
    float* result = c_.result.as<float>();
    u32* found = (u32*)(c_.result.as<char>() + c_.result.bytes - flags);
    if (bytes > 0) check(driver.cuMemcpyDtoHAsync_v2(result, from.pointer, bytes, c_.stream.stream), "cuMemcpyDtoH");
    check(driver.cuMemcpyDtoHAsync_v2(found, c_.work[Flags].pointer, flags, c_.stream.stream), "cuMemcpyDtoH");
    c_.downloaded.record(c_.stream);
    c_.stream.wait();
    for (size_t i = 0; i < c_.layers.size(); i++)
    {
        int number = c_.layers[i].spec.layer.number;
        if (found[2 * i + 1]) fail(EDGE_LLM_OFFLOAD_NON_FINITE, "layer %d: a key or value is a NaN or an infinity", number);
        if (found[2 * i]) fail(EDGE_LLM_OFFLOAD_NON_FINITE, "layer %d: an input of a matrix is a NaN or an infinity", number);
    }
    if (found[2 * c_.layers.size()]) fail(EDGE_LLM_OFFLOAD_NON_FINITE, "the input of the output matrix is a NaN or an infinity");
    for (int i = 0; i < b_.output_count; i++) memcpy(b_.out + (size_t)i * b_.out_stride, result + (size_t)i * width_, 4ull * width_);
}

void Forward::ask() const
{
    if (host->cancelled && host->cancelled(host->context, b_.context)) fail(EDGE_LLM_OFFLOAD_CANCELLED, "the batch was cancelled");
}

void Forward::run()
{
    c_.began.record(c_.stream);
    send();
    c_.uploaded.record(c_.stream);
    if (!run_graph()) enqueue();
    c_.computed.record(c_.stream);
    receive();
    auto add = [](double& to, const EventOwner& a, const EventOwner& b) { float ms = 0; if (driver.cuEventElapsedTime(&ms, a.event, b.event) == 0) to += ms; };
    add(stage_.copyMilliseconds, c_.began, c_.uploaded);
    add(stage_.deviceMilliseconds, c_.uploaded, c_.computed);
    add(stage_.copyMilliseconds, c_.computed, c_.downloaded);
    stage_.forwards++;
    stage_.rows += b_.rows;
}

void run_batch(edge_llm_offload_stage& stage, const edge_llm_offload_batch* batch)
{
    Current current(stage.context);
    Forward forward(stage, batch);
    try { forward.run(); }
    catch (...)
    {
        driver.cuStreamSynchronize(stage.contents->stream.stream); // what was begun reads the host's copies
        throw;
    }
}
