/* The answer to plan. */
#include <stdio.h>

#include "stage.h"

status stage_plan(const edge_llm_offload_stage_desc *desc, bool exact, edge_llm_offload_plan *given, error *e)
{
    model m;
    edge_llm_offload_plan p;
    error why = {.struct_size = sizeof why};
    if (!read_struct(&p, sizeof p, given)) return fail(e, EDGE_LLM_OFFLOAD_UNSUPPORTED, "the plan uses a field of a later version");
    status s = model_read(&m, desc, e);
    if (s != EDGE_LLM_OFFLOAD_OK) return s;
    for (int i = 0; p.verdicts && i < m.d.tensor_count; i++)
        p.verdicts[i] = m.tensors[i].later || block_values(m.tensors[i].t.type) == 0 ? EDGE_LLM_OFFLOAD_REFUSE : EDGE_LLM_OFFLOAD_TAKE;
    for (int i = 0; p.layer_bytes && i < m.d.layer_count; i++) p.layer_bytes[i] = layer_bytes(&m, i);
    p.takes_output = m.d.output.weight != 0 && (s = takes_output(&m, &why)) == EDGE_LLM_OFFLOAD_OK;
    for (p.first_layer = m.d.layer_count; p.first_layer > 0 && s != EDGE_LLM_OFFLOAD_INVALID_ARGUMENT; p.first_layer--)
        if ((s = takes_layer(&m, p.first_layer - 1, &why)) != EDGE_LLM_OFFLOAD_OK) break;
    p.exact = exact && m.d.arithmetic == EDGE_LLM_OFFLOAD_ARITHMETIC;
    p.fixed_bytes = workspace_bytes(&m, p.first_layer);
    p.output_bytes = output_bytes(&m);
    snprintf(p.reason, sizeof p.reason, "%.255s", why.text);
    model_free(&m);
    if (s == EDGE_LLM_OFFLOAD_INVALID_ARGUMENT) return fail(e, s, "%s", why.text);
    write_struct(given, &p, sizeof p);
    return EDGE_LLM_OFFLOAD_OK;
}
