/* Edge.Llm: the C interface. */
#ifndef EDGE_LLM_H
#define EDGE_LLM_H

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, for example "0.1.0". Never null; owned by the library. */
const char *edge_llm_version(void);

#ifdef __cplusplus
}
#endif
#endif
