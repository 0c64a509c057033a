// A batch's way in and out: what the host says is checked, copied in, worked on a few layers at a time, and copied out.
#include "pass.h"
#include <algorithm>
#include <chrono>

Pass::Pass(edge_llm_offload_stage& stage, const edge_llm_offload_host* host, const edge_llm_offload_batch& batch)
    : s(stage), host(host), batch(batch), model(stage.model), commands(stage.commands), work(stage.work), rows((uint32_t)batch.rows)
{
    check_batch();
}

uint32_t Pass::first_block(const Group& group, const edge_llm_offload_run& run) const
{
    return group.window && (uint32_t)run.position + 1 > group.window ? ((uint32_t)run.position + 1 - group.window) / block_positions : 0;
}

void Pass::check_batch()
{
    const Desc& d = model.d;
    require(batch.rows > 0 && batch.rows <= d.max_rows, "batch: rows must be 1 to max_rows");
    if (batch.flags & ~(uint32_t)EDGE_LLM_OFFLOAD_WANT_HIDDEN) refuse("batch: a flag of a later version");
    require(batch.output_count >= 0 && batch.output_count <= d.max_output_rows && batch.output_count <= batch.rows, "batch: output_count must be 0 to max_output_rows");
    bool logits = d.output.weight && !(batch.flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN);
    require(batch.hidden && batch.hidden_stride >= d.hidden, "batch: hidden, or its stride");
    require(batch.output_count == 0 || (batch.out && batch.output_rows && batch.out_stride >= (logits ? d.vocabulary : d.hidden)), "batch: out, its stride or output_rows");
    for (int32_t i = 0; i < batch.output_count; i++)
        require(batch.output_rows[i] < batch.rows && batch.output_rows[i] > (i ? batch.output_rows[i - 1] : -1), "batch: output_rows must ascend and be rows");
    check_runs();
    check_ropes();
}

void Pass::check_runs()
{
    bool needed = false; // nobody asks where rows stand where there is no cache
    for (const Group& g : s.groups) needed |= g.used;
    if (!needed) return;
    require(batch.run_count > 0 && batch.runs, "batch: there are no runs");
    std::vector<bool> placed(rows);
    uint32_t count = 0;
    for (int32_t i = 0; i < batch.run_count; i++)
    {
        const edge_llm_offload_run& run = batch.runs[i];
        if (run.reserved) refuse("a run: a field of a later version");
        require(run.row >= 0 && run.rows > 0 && run.rows <= batch.rows - run.row, "batch: a run's rows are out of range");
        require(run.position >= 0 && run.position <= INT32_MAX - run.rows, "batch: a run's position is out of range");
        for (int32_t r = run.row; r < run.row + run.rows; r++, count++)
        {
            require(!placed[r], "batch: a row is in two runs");
            placed[r] = true;
        }
        for (size_t g = 0; g < s.groups.size(); g++)
        {
            if (!s.groups[g].used) continue;
            require(run.tables && run.tables[g], "batch: a run has no table of blocks");
            for (int32_t b = (int32_t)first_block(s.groups[g], run); b <= (run.position + run.rows - 1) / (int32_t)block_positions; b++)
                require(run.tables[g][b] >= 0 && run.tables[g][b] < model.groups[g].blocks, "batch: a block's number is out of range");
        }
    }
    require(count == rows, "batch: a row is in no run");
}

void Pass::check_ropes()
{
    const Desc& d = model.d;
    table_widths.assign(d.rope_count, 0);
    for (const Layer& l : model.layers)
        if (l.l.mixer_kind && !l.host_mixer() && l.a.rope.table)
        {
            uint32_t& width = table_widths[l.a.rope.table - 1];
            width = std::max<uint32_t>(width, l.a.rope.dimensions);
        }
    tables.resize(d.rope_count);
    for (int32_t i = 0; i < d.rope_count; i++)
    {
        if (!table_widths[i]) continue;
        require(i < batch.rope_count, "batch: a table of cosines is missing");
        if (!read_element(tables[i], batch.ropes, i)) refuse("rope table: a field of a later version");
        require(tables[i].cos && tables[i].sin && tables[i].width >= (int32_t)table_widths[i] && tables[i].stride >= tables[i].width, "batch: a table of cosines is too narrow");
    }
}

// The input: hidden states, tables of cosines and sines, places, output rows.
uint64_t Pass::lay_out_input()
{
    uint64_t bytes = 4ull * rows * model.d.hidden;
    rope_at.resize(table_widths.size());
    for (size_t i = 0; i < table_widths.size(); i++)
    {
        rope_at[i] = bytes;
        bytes += 8ull * rows * table_widths[i];
    }
    places_at.resize(s.groups.size());
    lowest.assign(s.groups.size(), UINT32_MAX);
    highest.assign(s.groups.size(), 0);
    for (size_t g = 0; g < s.groups.size(); g++)
    {
        if (!s.groups[g].used) continue;
        places_at[g] = bytes;
        bytes += 8ull * rows;
        for (int32_t i = 0; i < batch.run_count; i++)
        {
            const edge_llm_offload_run& run = batch.runs[i];
            uint32_t first = first_block(s.groups[g], run), last = (uint32_t)(run.position + run.rows - 1) / block_positions;
            bytes += 8ull * (last - first + 1);
            lowest[g] = std::min(lowest[g], first);
            highest[g] = std::max(highest[g], last);
        }
    }
    gather_at = bytes;
    return bytes + 4ull * batch.output_count;
}

void Pass::fill_places(uint32_t g, uint32_t* words)
{
    uint32_t entry = 2 * rows;
    for (int32_t i = 0; i < batch.run_count; i++)
    {
        const edge_llm_offload_run& run = batch.runs[i];
        uint32_t first = first_block(s.groups[g], run), last = (uint32_t)(run.position + run.rows - 1) / block_positions;
        for (int32_t r = 0; r < run.rows; r++)
        {
            words[2 * (run.row + r)] = (uint32_t)(run.position + r);
            words[2 * (run.row + r) + 1] = entry - 2 * first; // where block 0 would be: the shaders' sums wrap as this one does
        }
        for (uint32_t b = first; b <= last; b++, entry += 2)
        {
            uint64_t address = s.groups[g].block(run.tables[g][b]).address;
            words[entry] = (uint32_t)address;
            words[entry + 1] = (uint32_t)(address >> 32);
        }
    }
}

void Pass::fill_input()
{
    uint8_t* to = s.upload.data;
    for (uint32_t r = 0; r < rows; r++) memcpy(to + 4ull * r * model.d.hidden, batch.hidden + (size_t)r * batch.hidden_stride, 4ull * model.d.hidden);
    for (size_t i = 0; i < table_widths.size(); i++)
        for (uint32_t r = 0; r < rows && table_widths[i]; r++)
        {
            uint64_t width = 4ull * table_widths[i];
            memcpy(to + rope_at[i] + r * width, tables[i].cos + (size_t)r * tables[i].stride, width);
            memcpy(to + rope_at[i] + (rows + r) * width, tables[i].sin + (size_t)r * tables[i].stride, width);
        }
    for (uint32_t g = 0; g < s.groups.size(); g++)
        if (s.groups[g].used) fill_places(g, (uint32_t*)(to + places_at[g]));
    if (batch.output_count) memcpy(to + gather_at, batch.output_rows, 4ull * batch.output_count);
}

void Pass::ask_cancelled()
{
    if (host && host->cancelled && host->cancelled(host->context, batch.context)) throw Failure{EDGE_LLM_OFFLOAD_CANCELLED, 0, "cancelled"};
}

void Pass::run()
{
    commands.forget();
    uint64_t bytes = lay_out_input();
    ask_cancelled();
    s.grow(s.upload, bytes, Memory::Upload);
    s.grow(s.input, bytes, Memory::Device);
    fill_input();
    commands.copy(place(s.upload), place(s.input), bytes);
    commands.copy(place(s.input), work.x, 4ull * rows * model.d.hidden);
    commands.zero(work.flag, 4);
    size_t done = 0, count = model.layers.size();
    while (done < count)
    {
        // As many layers as take 10 milliseconds, between which the host is asked.
        size_t together = (size_t)std::min(std::max(0.01 / (s.layer_seconds * rows), 1.0), (double)(count - done));
        auto began = std::chrono::steady_clock::now();
        for (size_t i = 0; i < together; i++) layer(model.layers[done++]);
        if (done == count) break; // with the results
        commands.run();
        s.layer_seconds = std::max(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() / ((double)together * rows), 1e-7);
        ask_cancelled();
    }
    results();
    s.forwards++;
    s.rows += rows;
}

void Pass::results()
{
    const Desc& d = model.d;
    uint32_t count = (uint32_t)batch.output_count, hidden = d.hidden, width = hidden;
    Rows x{work.x, hidden}, chosen{work.branch, hidden}, h{work.h, hidden}, logits{work.logits, (uint32_t)d.vocabulary}, from = chosen;
    bool has_output = d.output.weight, wants_hidden = batch.flags & EDGE_LLM_OFFLOAD_WANT_HIDDEN;
    mark = (uint32_t)INT32_MAX; // the output, in the flag
    if (count)
    {
        elementwise(Gather, chosen, x, count, hidden, 0, s.input.address + gather_at);
        if (has_output && d.final_norm.kind) norm(d.final_norm, chosen, h, count, hidden), from = h;
        if (has_output && !wants_hidden)
        {
            begin_input(from, hidden, count);
            product(d.output, logits);
            from = logits;
            width = d.vocabulary;
            if (d.output_softcap != 0) elementwise(SoftCap, logits, logits, count, width, d.output_softcap);
        }
    }
    uint64_t bytes = 4ull * count * width;
    s.grow(s.download, bytes + 4, Memory::Download);
    if (count) commands.copy(from.place, place(s.download), bytes);
    commands.copy(work.flag, place(s.download).at(bytes), 4);
    commands.run();
    uint32_t flag;
    memcpy(&flag, s.download.data + bytes, 4);
    if (flag == (uint32_t)INT32_MAX) throw Failure{EDGE_LLM_OFFLOAD_NON_FINITE, 0, "what the output matrix is multiplied with holds a NaN or an infinity"};
    if (flag) throw Failure{EDGE_LLM_OFFLOAD_NON_FINITE, 0, text("layer %u: keys, values or what is multiplied hold a NaN or an infinity", flag - 1)};
    for (uint32_t i = 0; i < count; i++) memcpy(batch.out + (size_t)i * batch.out_stride, s.download.data + 4ull * i * width, 4ull * width);
}
