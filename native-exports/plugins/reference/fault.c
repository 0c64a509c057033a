/* Faults on demand. */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

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
