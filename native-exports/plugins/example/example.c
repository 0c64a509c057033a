/* A plug-in that takes the last norm and the output matrix, in F32 or F16, and leaves all layers to the host. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge_llm_offload.h"

typedef edge_llm_offload_status status;
typedef edge_llm_offload_error error;
struct edge_llm_offload_stage {
    edge_llm_offload_stage_desc d;
    edge_llm_offload_tensor matrix, norm;   /* both stay where the host has them */
    uint64_t forwards, rows;
    float x[];                              /* a row behind the norm */
};

static status fail(error *e, status s, const char *text)
{
    e->native_code = 0;
    snprintf(e->text, sizeof e->text, "%s", text);
    return s;
}

/* Copies a struct of any version. False: it uses a field that this version does not know. */
static int read_struct(void *to, uint32_t ours, const void *from)
{
    uint32_t size;
    memcpy(&size, from, sizeof size);
    memset(to, 0, ours);
    memcpy(to, from, size < ours ? size : ours);
    for (uint32_t i = ours; i < size; i++)
        if (((const char *)from)[i]) return 0;
    return 1;
}

/* Elements of an array are as far apart as the first one says that it is long. */
static int read_tensor(const edge_llm_offload_stage_desc *d, uint32_t reference, edge_llm_offload_tensor *t)
{
    uint32_t apart;
    if (reference == 0 || reference > (uint32_t)d->tensor_count) return 0;
    memcpy(&apart, d->tensors, sizeof apart);
    return read_struct(t, sizeof *t, (const char *)d->tensors + (uint64_t)(reference - 1) * apart);
}

static status read_desc(const edge_llm_offload_stage_desc *desc, edge_llm_offload_stage *s, error *e)
{
    edge_llm_offload_stage_desc *d = &s->d;
    if (!read_struct(d, sizeof *d, desc) || (d->flags & ~(uint32_t)EDGE_LLM_OFFLOAD_EXACT) || d->arithmetic != EDGE_LLM_OFFLOAD_ARITHMETIC)
        return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the stage is of a later version");
    if (!read_tensor(d, d->output.weight, &s->matrix) || s->matrix.type > 1 || d->output.bias || d->output.reserved || d->output_softcap != 0)
        return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "expected an output matrix in F32 or F16, without a bias or a soft-cap");
    if (d->final_norm.kind != EDGE_LLM_OFFLOAD_NORM_RMS || d->final_norm.bias || !read_tensor(d, d->final_norm.weight, &s->norm) || s->norm.type != 0)
        return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "expected a last norm of kind RMS with a weight in F32");
    if (s->matrix.ne[0] != d->hidden || s->matrix.ne[1] != d->vocabulary || s->matrix.row_bytes != (s->matrix.type ? 2u : 4u) * (uint64_t)d->hidden
        || s->norm.ne[0] != d->hidden)
        return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "the output matrix or the norm has another shape than hidden and vocabulary");
    return EDGE_LLM_OFFLOAD_OK;
}

static status device_count(int32_t *count, error *e) { (void)e; *count = 1; return EDGE_LLM_OFFLOAD_OK; }

static status device_info(int32_t device, edge_llm_offload_device_info *info, error *e)
{
    if (device != 0) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "expected device 0");
    info->kind = EDGE_LLM_OFFLOAD_PROCESSOR;
    info->exact = 1;
    snprintf(info->name, sizeof info->name, "an example");
    return EDGE_LLM_OFFLOAD_OK;
}

static status plan(int32_t device, const edge_llm_offload_stage_desc *desc, edge_llm_offload_plan *p, error *e)
{
    edge_llm_offload_stage s = {0};
    error why = {0};
    if (device != 0) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "expected device 0");
    p->takes_output = read_desc(desc, &s, &why) == EDGE_LLM_OFFLOAD_OK;
    p->first_layer = s.d.layer_count;
    p->exact = 1;
    for (int i = 0; i < s.d.tensor_count; i++) p->verdicts[i] = EDGE_LLM_OFFLOAD_REFUSE;
    if (p->takes_output) p->verdicts[s.d.output.weight - 1] = p->verdicts[s.d.final_norm.weight - 1] = EDGE_LLM_OFFLOAD_TAKE;
    if (p->takes_output) p->output_bytes = s.matrix.row_bytes * (uint64_t)s.matrix.ne[1];
    snprintf(p->reason, sizeof p->reason, "%.200s", p->takes_output ? "it takes no layers" : why.text);
    return EDGE_LLM_OFFLOAD_OK;
}

static status create(int32_t device, const edge_llm_offload_stage_desc *desc, edge_llm_offload_stage **made, error *e)
{
    edge_llm_offload_stage s = {0};
    *made = NULL;
    if (device != 0) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "expected device 0");
    status r = read_desc(desc, &s, e);
    if (r == EDGE_LLM_OFFLOAD_OK && s.d.layer_count != 0) r = fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "it takes no layers");
    if (r != EDGE_LLM_OFFLOAD_OK) return r;
    if (!(*made = calloc(1, sizeof s + (size_t)s.d.hidden * sizeof(float)))) return fail(e, EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, "no memory for a stage");
    memcpy(*made, &s, sizeof s);
    return EDGE_LLM_OFFLOAD_OK;
}

static float weight(const edge_llm_offload_stage *s, int64_t row, int i)
{
    const char *at = (const char *)s->matrix.data + (uint64_t)row * s->matrix.row_bytes;
    uint16_t half;
    float value;
    if (s->matrix.type == 0) return memcpy(&value, at + 4 * i, 4), value;
    memcpy(&half, at + 2 * i, 2);
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, 4);
    value *= 0x1p112f; /* moves the exponent */
    return sign ? -value : value;
}

/* A canonical sum has 16 lanes; a tree adds those 8 apart, then 4, 2, 1. */
static float sum(float *lanes)
{
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

static void norm(edge_llm_offload_stage *s, const float *x)
{
    float lanes[16] = {0};
    for (int i = 0; i < s->d.hidden; i++) lanes[i % 16] = fmaf(x[i], x[i], lanes[i % 16]);
    float scale = 1.0f / sqrtf(sum(lanes) / (float)s->d.hidden + s->d.final_norm.epsilon);
    for (int i = 0; i < s->d.hidden; i++) s->x[i] = x[i] * scale * ((const float *)s->norm.data)[i];
}

static float product(const edge_llm_offload_stage *s, int64_t row)
{
    float lanes[16] = {0};
    for (int i = 0; i < s->d.hidden; i++) lanes[i % 16] = fmaf(weight(s, row, i), s->x[i], lanes[i % 16]);
    return s->d.output.scale == 0 ? sum(lanes) : sum(lanes) * s->d.output.scale;
}

static status forward(edge_llm_offload_stage *s, const edge_llm_offload_batch *given, error *e)
{
    edge_llm_offload_batch b;
    if (!read_struct(&b, sizeof b, given) || b.flags > EDGE_LLM_OFFLOAD_WANT_HIDDEN) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the batch is of a later version");
    int32_t width = b.flags == EDGE_LLM_OFFLOAD_WANT_HIDDEN ? s->d.hidden : s->d.vocabulary;
    if (b.rows < 1 || b.rows > s->d.max_rows || b.output_count < 0 || b.output_count > b.rows || b.hidden_stride < s->d.hidden || b.out_stride < width)
        return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "the batch is larger than the stage, or its rows overlap");
    for (int o = 0; o < b.output_count; o++)
    {
        float *out = b.out + (int64_t)o * b.out_stride;
        if (b.output_rows[o] < 0 || b.output_rows[o] >= b.rows) return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "an output row is not in the batch");
        norm(s, b.hidden + (int64_t)b.output_rows[o] * b.hidden_stride);
        for (int32_t i = 0; i < width; i++) out[i] = b.flags == EDGE_LLM_OFFLOAD_WANT_HIDDEN ? s->x[i] : product(s, i);
    }
    s->forwards++;
    s->rows += (uint64_t)b.rows;
    return EDGE_LLM_OFFLOAD_OK;
}

static status no_blocks(error *e) { return fail(e, EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, "the stage has no cache"); }
static status block_copy(edge_llm_offload_stage *s, uint32_t g, int32_t from, int32_t to, error *e) { return (void)s, (void)g, (void)from, (void)to, no_blocks(e); }
static status block_read(edge_llm_offload_stage *s, uint32_t g, int32_t b, void *to, uint64_t n, error *e) { return (void)s, (void)g, (void)b, (void)to, (void)n, no_blocks(e); }
static status block_write(edge_llm_offload_stage *s, uint32_t g, int32_t b, const void *from, uint64_t n, error *e) { return (void)s, (void)g, (void)b, (void)from, (void)n, no_blocks(e); }

static status info(edge_llm_offload_stage *s, edge_llm_offload_stage_info *i, error *e)
{
    (void)e;
    i->exact = 1;
    i->weight_bytes = s->matrix.row_bytes * (uint64_t)s->matrix.ne[1];
    i->forwards = s->forwards;
    i->rows = s->rows;
    return EDGE_LLM_OFFLOAD_OK;
}

static void destroy(edge_llm_offload_stage *s) { free(s); }

__attribute__((visibility("default"))) status edge_llm_offload_plugin_v1(const edge_llm_offload_host *host, edge_llm_offload_plugin *plugin, error *e)
{
    const edge_llm_offload_plugin ours = {sizeof ours, EDGE_LLM_OFFLOAD_ABI_MINOR, "example", "1.0.0", device_count, device_info, plan, create, forward,
        block_copy, block_read, block_write, info, destroy};
    (void)host;
    if (plugin->struct_size < sizeof ours) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the host is older than this plug-in");
    *plugin = ours;
    return EDGE_LLM_OFFLOAD_OK;
}
