/* Faults on demand, for the tests of hosts: EDGE_LLM_REFERENCE_FAULT (see README.md). */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "edge_llm_offload.h"

/* Whether a fault is wanted: at a call, counted from 1, where the variable names one (KIND@N), else at every one. */
bool fault_at(const char *kind, uint64_t call);

/* The same, from that call on. */
bool fault_from(const char *kind, uint64_t call);

/* The number of KIND=N, or another one where there is none. */
uint64_t fault_number(const char *kind, uint64_t otherwise);

/* Waits for N milliseconds of slow=N. */
void fault_wait(void);

/* What stages call: the host, or, for part=N, functions that ask it for its parts in a wrong way. */
const edge_llm_offload_host *fault_host(const edge_llm_offload_host *host);

#endif
