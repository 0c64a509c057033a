/* Structs of later versions: taken where the new fields are zeros, refused where they are not. Kinds that nobody knows: refused. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { MORE = 16 }; /* bytes of a later version's fields */

/* Copies of structs, each longer; the last field of one of them may be used. */
static void *lengthen(const void *from, uint32_t size, int count, int used)
{
    char *to = calloc((size_t)count + 1, size + MORE);
    for (int i = 0; i < count; i++)
    {
        uint32_t length = size + MORE;
        memcpy(to + (size_t)i * length, (const char *)from + (size_t)i * size, size);
        memcpy(to + (size_t)i * length, &length, sizeof length);
        if (i == used) to[(size_t)(i + 1) * length - 1] = 1;
    }
    return to;
}

enum { STAGE, LAYERS, TENSORS, CACHE_GROUPS, MIXER, NETWORK, SHARED, STRUCTS };

/* A description of which one kind of struct is longer. */
static edge_llm_offload_status try_longer(const test_model *m, int which, bool used)
{
    description d;
    describe(m, 0, m->layer_count, true, &d);
    void *longer = NULL;
    edge_llm_offload_status s = EDGE_LLM_OFFLOAD_OK;
    int last = used ? m->layer_count - 1 : -1;
    switch (which)
    {
        case LAYERS: d.d.layers = longer = lengthen(d.layers, sizeof *d.layers, d.d.layer_count, last); break;
        case TENSORS: d.d.tensors = longer = lengthen(d.tensors, sizeof *d.tensors, d.d.tensor_count, used ? (int)m->attention[0].k.weight - 1 : -1); break;
        case CACHE_GROUPS: d.d.groups = longer = lengthen(d.groups, sizeof *d.groups, d.d.group_count, used ? 0 : -1); break;
        case MIXER: d.layers[1].mixer = longer = lengthen(&d.attention[1], sizeof *d.attention, 1, used ? 0 : -1); break;
        case NETWORK:
            if (m->s.experts) longer = lengthen(&d.experts[1], sizeof *d.experts, 1, used ? 0 : -1);
            else longer = lengthen(&d.networks[1], sizeof *d.networks, 1, used ? 0 : -1);
            d.layers[1].feed_forward = longer;
            break;
        case SHARED: d.experts[1].shared = longer = lengthen(&d.networks[1], sizeof *d.networks, 1, used ? 0 : -1); break;
        default: longer = lengthen(&d.d, sizeof d.d, 1, used ? 0 : -1); break;
    }
    if (which == STAGE)
    {
        edge_llm_offload_stage *stage = NULL;
        edge_llm_offload_error e = {.struct_size = sizeof e};
        s = plugin.create(0, longer, &stage, &e);
        if (s == EDGE_LLM_OFFLOAD_OK) plugin.destroy(stage);
    }
    else s = try_stage(&d);
    free(longer);
    return s;
}

static void check_batches(const texts *t)
{
    const test_model *m = t->m;
    static const int32_t table[] = {3, 1};
    description d;
    describe(m, 0, m->layer_count, true, &d);
    edge_llm_offload_stage *stage = make_stage(&d);
    if (!stage) return;
    float *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    for (int used = 1; used >= 0; used--)
    {
        piece p = {m->hidden[0], 0, 3, table};
        test_batch b;
        batch_make(m, &p, 1, true, logits, &b);
        edge_llm_offload_error e = {.struct_size = sizeof e};
        edge_llm_offload_status expected = used ? EDGE_LLM_OFFLOAD_UNSUPPORTED : EDGE_LLM_OFFLOAD_OK;
        edge_llm_offload_batch *longer = lengthen(&b.b, sizeof b.b, 1, used ? 0 : -1);
        CHECK(plugin.forward(stage, longer, &e) == expected);
        free(longer);
        void *ropes = lengthen(&b.rope, sizeof b.rope, 1, used ? 0 : -1);
        b.b.ropes = ropes;
        if (b.b.rope_count > 0) CHECK(plugin.forward(stage, &b.b, &e) == expected);
        if (!used) CHECK(same(logits, t->first->logits, 3 * m->s.vocabulary));
        free(ropes);
        batch_free(&b);
    }
    plugin.destroy(stage);
    free(logits);
}

/* Each is asked of plan, which must not take the layer, and of create. */
static void refuse(const description *d)
{
    uint8_t verdicts[MOST_TENSORS];
    uint64_t bytes[MOST_LAYERS];
    edge_llm_offload_error e = {.struct_size = sizeof e};
    edge_llm_offload_plan p = {.struct_size = sizeof p, .verdicts = verdicts, .layer_bytes = bytes};
    edge_llm_offload_status s = plugin.plan(0, &d->d, &p, &e);
    bool says_why = (p.first_layer >= 2 || !p.takes_output) && p.reason[0] && memchr(p.reason, 0, sizeof p.reason);
    CHECK(s == EDGE_LLM_OFFLOAD_UNSUPPORTED || (s == EDGE_LLM_OFFLOAD_OK && says_why));
    CHECK(try_stage(d) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
}

enum { UNKNOWN = 99 };

static void check_kinds(const test_model *m)
{
    for (int i = 0; i < 18; i++)
    {
        if (i >= 13 && !m->s.experts) continue;
        description d;
        describe(m, 0, m->layer_count, true, &d);
        edge_llm_offload_layer *l = &d.layers[1];
        edge_llm_offload_attention *a = &d.attention[1];
        edge_llm_offload_experts *x = &d.experts[1];
        uint32_t *activation = m->s.experts ? &x->activation : &d.networks[1].activation;
        switch (i)
        {
            case 0: l->topology = UNKNOWN; break;
            case 1: l->mixer_kind = UNKNOWN; break;
            case 2: l->feed_forward_kind = UNKNOWN; break;
            case 3: l->mixer_norm.kind = UNKNOWN; break;
            case 4: l->after_mixer.kind = UNKNOWN; break;
            case 5: l->flags = 1u << 30; break;
            case 6: a->flags = 1; break;
            case 7: *activation = UNKNOWN; break;
            case 8: d.tensors[a->q.weight - 1].type = UNKNOWN; break;
            case 9: d.tensors[(m->s.experts ? x->down.weight : d.networks[1].down.weight) - 1].type = UNKNOWN; break;
            case 10: d.d.final_norm.kind = UNKNOWN; break;
            case 11: d.d.flags = 1u << 30; break;
            case 12:
                for (int g = 0; g < d.d.group_count; g++) d.groups[g].key_type = UNKNOWN;
                break;
            case 13: x->flags = 1u << 30; break;
            case 14: x->gating = UNKNOWN; break;
            case 15: x->shared_kind = UNKNOWN; x->shared = &d.networks[1]; break;
            case 16: x->reserved = 1; break;
            case 17: x->up.reserved = 1; break;
        }
        refuse(&d);
    }
    description d;
    describe(m, 0, m->layer_count, true, &d);
    d.d.arithmetic = UNKNOWN;
    d.d.flags = EDGE_LLM_OFFLOAD_EXACT;
    CHECK(try_stage(&d) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
    d.d.arithmetic = EDGE_LLM_OFFLOAD_ARITHMETIC;
    CHECK(try_stage(&d) == (exact ? EDGE_LLM_OFFLOAD_OK : EDGE_LLM_OFFLOAD_UNSUPPORTED));
}

void check_versions(const texts *t)
{
    for (int which = 0; which < STRUCTS; which++)
    {
        if (which == SHARED && !t->m->s.shared_kind) continue;
        CHECK(try_longer(t->m, which, false) == EDGE_LLM_OFFLOAD_OK);
        CHECK(try_longer(t->m, which, true) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
    }
    check_batches(t);
    check_kinds(t->m);
}
