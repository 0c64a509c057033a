#include "model.h"
#include <cmath>

static const int64_t most = 1 << 30; // of any width or count

static uint64_t cached_bytes(uint32_t type, int32_t values) { return (uint64_t)((values + 31) & ~31) * (type == 0 ? 4 : 2); }

Model::Model(const Desc* desc)
{
    if (!read(d, desc)) refuse("stage: a field of a later version");
    require(d.hidden > 0 && d.hidden <= 1 << 24 && d.layer_count >= 0 && d.tensor_count >= 0 && d.group_count >= 0 && d.rope_count >= 0, "stage: a count is negative");
    require(d.max_rows > 0 && d.max_output_rows > 0 && d.max_output_rows <= d.max_rows, "stage: max_rows and max_output_rows must be 1 or more");
    if (d.flags & ~(uint32_t)EDGE_LLM_OFFLOAD_EXACT) refuse(text("stage: flags %u are not known", d.flags));
    if (d.arithmetic != EDGE_LLM_OFFLOAD_ARITHMETIC) refuse(text("arithmetic version %d is done, %u is asked for", EDGE_LLM_OFFLOAD_ARITHMETIC, d.arithmetic));
    if (d.max_rows > 65535) refuse(text("at most 65535 rows are done, %d are asked for", d.max_rows));
    tensors.resize(d.tensor_count);
    names.resize(d.tensor_count);
    for (int32_t i = 0; i < d.tensor_count; i++)
    {
        if (!read_element(tensors[i], d.tensors, i)) tensors[i].type = UINT32_MAX;
        names[i] = tensors[i].name ? tensors[i].name : "?";
        for (int64_t n : tensors[i].ne) require(n > 0 && n <= most, "a tensor has no shape");
    }
    groups.resize(d.group_count);
    for (int32_t i = 0; i < d.group_count; i++)
    {
        edge_llm_offload_cache_group& g = groups[i];
        if (!read_element(g, d.groups, i)) refuse("cache group: a field of a later version");
        for (int32_t n : {g.layers, g.heads, g.key_dim, g.value_dim}) require(n > 0 && n <= 65536, "cache group: a count is out of range");
        require(g.blocks > 0, "cache group: there are no blocks");
        if (g.key_type > 1 || g.value_type > 1) continue; // the layers in it are refused
        uint64_t bytes = (uint64_t)g.layers * g.heads * EDGE_LLM_OFFLOAD_BLOCK * (cached_bytes(g.key_type, g.key_dim) + cached_bytes(g.value_type, g.value_dim));
        require(bytes == g.block_bytes, text("cache group: block_bytes %llu is expected", (unsigned long long)bytes).c_str());
    }
    layers.resize(d.layer_count);
    for (int32_t i = 0; i < d.layer_count; i++)
    {
        Layer& x = layers[i];
        bool known = read_element(x.l, d.layers, i);
        if (x.l.mixer_kind == EDGE_LLM_OFFLOAD_ATTENTION) known &= read(x.a, x.l.mixer);
        if (x.l.feed_forward_kind == EDGE_LLM_OFFLOAD_GATED || x.l.feed_forward_kind == EDGE_LLM_OFFLOAD_PLAIN) known &= read(x.f, x.l.feed_forward);
        if (!known) x.unknown = "a field of a later version";
    }
}

Matrix Model::matrix(uint32_t tensor) const
{
    require(tensor >= 1 && tensor <= tensors.size(), "a tensor's number is out of range");
    const edge_llm_offload_tensor& t = tensors[tensor - 1];
    Matrix m;
    m.format = format_of(t.type);
    if (!m.format) return m;
    int64_t rows = 1;
    for (int i = 1; i < 4; i++)
    {
        require(t.ne[i] <= most / rows, "a tensor is too large");
        rows *= t.ne[i];
    }
    require(t.ne[0] % m.format->block == 0 && t.row_bytes == file_row_bytes(*m.format, t.ne[0]), "a tensor's row_bytes do not fit its type");
    m.rows = (uint32_t)rows;
    m.width = (uint32_t)t.ne[0];
    m.row_words = row_words(*m.format, m.width);
    return m;
}

void Model::vector_of(const char* what, uint32_t tensor, int64_t length, int64_t other) const
{
    Matrix m = matrix(tensor);
    int64_t n = (int64_t)m.rows * m.width;
    require(m.format && m.format->type == 0 && (n == length || n == other), text("%s: F32 of %lld values is expected", what, (long long)length).c_str());
}

std::string Model::linear(const char* what, const edge_llm_offload_linear& l, int64_t in, int64_t out, uint64_t largest) const
{
    Matrix m = matrix(l.weight);
    const char* name = names[l.weight - 1].c_str();
    if (!m.format) return text("%s: type %u of %s is not done", what, tensors[l.weight - 1].type, name);
    require(m.width == in && m.rows == out, text("%s: [%lld, %lld] is expected of %s", what, (long long)in, (long long)out, name).c_str());
    if (l.bias) vector_of(what, l.bias, out, out);
    if (m.groups() > 1024) return text("%s: rows of at most 262144 values are done, %s has %u", what, name, m.width);
    uint64_t rows = &l == &d.output ? d.max_output_rows : d.max_rows;
    if (rows * (uint64_t)in >= 1 << 29 || rows * (uint64_t)out >= 1 << 29) return text("%s: %llu rows at once are too many for %s", what, (unsigned long long)rows, name);
    if (m.bytes() > largest || m.bytes() >= 1ull << 33) return text("%s: %s is larger than an allocation of this device", what, name);
    if (l.reserved) return text("%s: a field of a later version", what);
    return "";
}

std::string Model::norm(const char* what, const edge_llm_offload_norm& n, int64_t width, int64_t all) const
{
    if (n.kind == 0) return "";
    if (n.kind > EDGE_LLM_OFFLOAD_NORM_LAYER) return text("%s: norm %u is not done", what, n.kind);
    if (n.weight) vector_of(what, n.weight, width, all);
    if (n.bias) vector_of(what, n.bias, width, all);
    return "";
}

std::string Model::attention(const Layer& x, uint64_t largest) const
{
    const edge_llm_offload_attention& a = x.a;
    if (a.flags || a.reserved) return "attention: a flag of a later version";
    for (int32_t n : {a.heads, a.kv_heads, a.key_dim, a.value_dim}) require(n > 0 && n <= 65535, "attention: heads or dimensions are out of range");
    require(a.heads % a.kv_heads == 0 && a.window >= 0, "attention: heads share keys evenly, and a window is not negative");
    require((int64_t)a.heads * (a.key_dim + a.value_dim) <= 1 << 24, "attention: heads times dimensions are too many");
    std::string why = linear("q", a.q, d.hidden, x.q_width(), largest);
    if (why.empty()) why = linear("k", a.k, d.hidden, x.k_width(), largest);
    if (why.empty()) why = linear("v", a.v, d.hidden, (int64_t)a.kv_heads * a.value_dim, largest);
    if (why.empty()) why = linear("output", a.output, x.mixed_width(), d.hidden, largest);
    if (!why.empty() || x.host_mixer()) return why;
    why = norm("q_norm", a.q_norm, a.key_dim, x.q_width());
    if (why.empty()) why = norm("k_norm", a.k_norm, a.key_dim, x.k_width());
    if (!why.empty()) return why;
    require(a.rope.table <= (uint32_t)d.rope_count, "rope: the table's number is out of range");
    if (a.rope.table)
    {
        bool fits = a.rope.dimensions >= 0 && a.rope.dimensions % 2 == 0 && a.rope.offset >= 0 && a.rope.dimensions <= a.key_dim - a.rope.offset;
        require(fits, "rope: dimensions do not fit a head");
        if (a.rope.halves > 1) return "rope: this kind of pairs is not done";
    }
    if (a.sinks) vector_of("sinks", a.sinks, a.heads, a.heads);
    require(a.group < groups.size(), "attention: the cache group's number is out of range");
    const edge_llm_offload_cache_group& g = groups[a.group];
    require(g.heads == a.kv_heads && g.key_dim == a.key_dim && g.value_dim == a.value_dim && a.slot < (uint32_t)g.layers, "attention: its cache group has another shape");
    if (g.key_type > 1 || g.value_type > 1) return text("caches of F32 and F16 are done, types %u and %u are asked for", g.key_type, g.value_type);
    if (g.block_bytes >= 1ull << 32 || g.block_bytes > largest) return "cache group: a block is larger than an allocation of this device";
    return "";
}

uint32_t Model::feed_forward_width(const Layer& x) const { return x.l.feed_forward_kind ? matrix(x.f.up.weight).rows : 0; }

std::string Model::network(const Layer& x, uint64_t largest) const
{
    if (x.f.activation < EDGE_LLM_OFFLOAD_SILU || x.f.activation > EDGE_LLM_OFFLOAD_RELU_SQUARED) return text("feed-forward: activation %u is not done", x.f.activation);
    std::string why = linear("up", x.f.up, d.hidden, matrix(x.f.up.weight).rows, largest);
    if (!why.empty()) return why;
    uint32_t width = feed_forward_width(x);
    if (x.l.feed_forward_kind == EDGE_LLM_OFFLOAD_GATED) why = linear("gate", x.f.gate, d.hidden, width, largest);
    return why.empty() ? linear("down", x.f.down, width, d.hidden, largest) : why;
}

std::string Model::refusal(const Layer& x, uint64_t largest) const
{
    const edge_llm_offload_layer& l = x.l;
    if (!x.unknown.empty()) return x.unknown;
    if (l.flags > 3 || l.reserved) return "a flag of a later version";
    if (l.topology != EDGE_LLM_OFFLOAD_PRE && l.topology != EDGE_LLM_OFFLOAD_PARALLEL) return text("topology %u is not done", l.topology);
    if (l.mixer_kind > EDGE_LLM_OFFLOAD_ATTENTION) return text("mixer %u is not done", l.mixer_kind);
    if (l.feed_forward_kind > EDGE_LLM_OFFLOAD_PLAIN) return text("feed-forward network %u is not done", l.feed_forward_kind);
    require(!x.host_mixer() || l.mixer_kind, "HOST_MIXER: the layer has no mixer");
    require(!x.host_network() || !l.feed_forward_kind, "HOST_FEED_FORWARD: feed_forward_kind must be 0");
    std::string why;
    const struct { const char* what; const edge_llm_offload_norm* norm; } norms[] = {
        {"mixer_norm", &l.mixer_norm}, {"feed_forward_norm", &l.feed_forward_norm}, {"after_mixer", &l.after_mixer}, {"after_feed_forward", &l.after_feed_forward}};
    for (const auto& n : norms)
        if (!(why = norm(n.what, *n.norm, d.hidden, d.hidden)).empty()) return why;
    if (l.mixer_kind && !(why = attention(x, largest)).empty()) return why;
    return l.feed_forward_kind ? network(x, largest) : "";
}

std::string Model::output_refusal(uint64_t largest) const
{
    if (!d.output.weight) return "";
    require(d.vocabulary > 0, "stage: vocabulary must be 1 or more");
    std::string why = norm("final_norm", d.final_norm, d.hidden, d.hidden);
    return why.empty() ? linear("output", d.output, d.hidden, d.vocabulary, largest) : why;
}

std::vector<uint32_t> Model::tensors_of(const Layer* x) const
{
    std::vector<uint32_t> all;
    auto norm = [&](const edge_llm_offload_norm& n) { if (n.kind) all.insert(all.end(), {n.weight, n.bias}); };
    auto linear = [&](const edge_llm_offload_linear& l) { all.insert(all.end(), {l.weight, l.bias}); };
    if (!x)
    {
        norm(d.final_norm);
        linear(d.output);
    }
    else
    {
        for (const auto* n : {&x->l.mixer_norm, &x->l.feed_forward_norm, &x->l.after_mixer, &x->l.after_feed_forward}) norm(*n);
        if (x->l.mixer_kind)
        {
            for (const auto* l : {&x->a.q, &x->a.k, &x->a.v, &x->a.output}) linear(*l);
            for (const auto* n : {&x->a.q_norm, &x->a.k_norm}) norm(*n);
            all.push_back(x->a.sinks);
        }
        if (x->l.feed_forward_kind == EDGE_LLM_OFFLOAD_GATED) linear(x->f.gate);
        if (x->l.feed_forward_kind)
            for (const auto* l : {&x->f.up, &x->f.down}) linear(*l);
    }
    std::vector<uint32_t> used;
    for (uint32_t t : all)
        if (t) used.push_back(t);
    return used;
}

uint64_t Model::weight_bytes(const Layer* x) const
{
    uint64_t bytes = 0;
    for (uint32_t t : tensors_of(x)) bytes += matrix(t).bytes() + 256;
    return bytes;
}

uint64_t Model::cache_bytes(const Layer& x) const
{
    if (!x.l.mixer_kind || x.host_mixer()) return 0;
    const edge_llm_offload_cache_group& g = groups[x.a.group];
    return g.block_bytes / g.layers * g.blocks;
}
