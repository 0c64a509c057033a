/* Tries the example: try PLUGIN.so. It takes the output of some models and no layers; its logits are the defined ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "formats.h"
#include "values.h"

static void check_output(const test_model *m)
{
    static const int32_t wanted[] = {0, 9, 33};
    defined_text *text = define_text(m, 0, 0, 34);
    description d;
    float *out = malloc((size_t)(3 * (m->s.vocabulary + m->s.hidden)) * sizeof *out);
    describe(m, m->layer_count, 0, true, &d);
    CHECK(try_stage(&d) == EDGE_LLM_OFFLOAD_OK);
    edge_llm_offload_stage *stage = make_stage(&d);
    for (int hidden = 0; hidden < 2 && stage; hidden++)
    {
        test_batch b;
        piece p = {text->streams[m->layer_count], 0, 34, NULL};
        batch_make(m, &p, 1, !hidden, out, &b);
        b.b.flags = hidden ? EDGE_LLM_OFFLOAD_WANT_HIDDEN : 0;
        b.b.output_rows = wanted;
        b.b.output_count = 3;
        CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_OK);
        for (int i = 0; i < 3; i++) CHECK(same(out + i * b.width, (hidden ? text->normed : text->logits) + wanted[i] * b.width, b.width));
        b.b.rows = TOKENS + 1;
        CHECK(batch_run(stage, &b) == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT);
        batch_free(&b);
    }
    plugin.destroy(stage);
    free(out);
    defined_free(text);
}

int main(int argc, char **argv)
{
    int taken = 0;
    if (argc < 2) return puts("try PLUGIN.so"), 2;
    host_load(argv[1]);
    exact = true;
    for (int i = 0; i < shape_count; i++)
    {
        description d;
        uint8_t verdicts[MOST_TENSORS];
        uint64_t bytes[MOST_LAYERS];
        edge_llm_offload_error e = {.struct_size = sizeof e};
        edge_llm_offload_plan p = {.struct_size = sizeof p, .verdicts = verdicts, .layer_bytes = bytes};
        test_model *m = model_make(&shapes[i], 7);
        check_context(shapes[i].name);
        describe(m, 0, m->layer_count, true, &d);
        CHECK(plugin.plan(0, &d.d, &p, &e) == EDGE_LLM_OFFLOAD_OK && p.first_layer == m->layer_count && p.reason[0]);
        CHECK(try_stage(&d) == EDGE_LLM_OFFLOAD_UNSUPPORTED);
        bool expected = m->s.output_type <= F16 && m->s.norm == EDGE_LLM_OFFLOAD_NORM_RMS && !m->s.biases && m->s.output_softcap == 0;
        CHECK((bool)p.takes_output == expected);
        if (p.takes_output) check_output(m);
        taken += (int)p.takes_output;
        model_free(m);
    }
    CHECK(taken > 3);
    if (check_failures() > 0) return printf("%d of %ld checks failed\n", check_failures(), check_count()), 1;
    return printf("%ld checks passed\n", check_count()), 0;
}
