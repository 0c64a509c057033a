/* Faults on demand. */
#define _POSIX_C_SOURCE 199309L /* nanosleep */
#include "fault.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What follows KIND in the list; NULL: it is not there. */
static const char *find(const char *kind)
{
    const char *at = getenv("EDGE_LLM_REFERENCE_FAULT");
    size_t n = strlen(kind);
    while (at && *at)
    {
        if (strncmp(at, kind, n) == 0 && strchr("@=,", at[n])) return at + n; /* strchr finds the end as well */
        at = strchr(at, ',');
        if (at) at++;
    }
    return NULL;
}

bool fault_at(const char *kind, uint64_t call)
{
    const char *rest = find(kind);
    return rest && (*rest != '@' || strtoull(rest + 1, NULL, 10) == call);
}

bool fault_from(const char *kind, uint64_t call)
{
    const char *rest = find(kind);
    return rest && (*rest != '@' || strtoull(rest + 1, NULL, 10) <= call);
}

uint64_t fault_number(const char *kind, uint64_t otherwise)
{
    const char *rest = find(kind);
    return rest && *rest == '=' ? strtoull(rest + 1, NULL, 10) : otherwise;
}

void fault_wait(void)
{
    struct timespec time = {0, 1000000 * (long)fault_number("slow", 0)};
    if (time.tv_nsec > 0) nanosleep(&time, NULL);
}

static const edge_llm_offload_host *asked;

/* Way N of part=N. Asked for more rows than there are, the host refuses; the rest is how it tells so. */
static edge_llm_offload_status ask_wrongly(void *context, void *batch_context, int32_t layer, int32_t part, int32_t rows, const float *in, float *out,
    edge_llm_offload_error *error)
{
    edge_llm_offload_error small;
    memset(&small, 'x', sizeof small);
    small.struct_size = offsetof(edge_llm_offload_error, text) + 8;
    switch (fault_number("part", 0))
    {
        case 1: rows++; break;
        case 2: rows = -1; break;
        case 3: layer += 1000; break;
        case 4: layer = -1; break;
        case 5: part = 3 - part; break; /* the other one, which is not the host's */
        case 6: part = 3; break;
        case 7: in = NULL; break;
        case 8: out = NULL; break;
        case 9: return asked->host_part(context, batch_context, layer, part, rows + 1, in, out, NULL);
        case 10: asked->host_part(context, batch_context, layer, part, rows + 1, in, out, error); return EDGE_LLM_OFFLOAD_OK;
        case 11:
            asked->host_part(context, batch_context, layer, part, rows + 1, in, out, &small);
            if (small.text[7] != 0 || strlen(small.text) != 7 || small.text[8] != 'x') abort();
            return EDGE_LLM_OFFLOAD_INVALID_ARGUMENT;
    }
    return asked->host_part(context, batch_context, layer, part, rows, in, out, error);
}

const edge_llm_offload_host *fault_host(const edge_llm_offload_host *host)
{
    static edge_llm_offload_host wrong;
    if (fault_number("part", 0) == 0) return host;
    asked = host;
    wrong = *host;
    wrong.host_part = ask_wrongly;
    return &wrong;
}
