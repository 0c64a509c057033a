/* A small host: the plug-in, batches, and checks. */
#ifndef HOST_H
#define HOST_H

#include "definition.h"

extern edge_llm_offload_plugin plugin;
extern bool exact;                          /* the stages of the model being tested are; else results are compared with a tolerance */

/* Counts a check, and says where one fails. */
#define CHECK(condition) check(condition, #condition, __FILE__, __LINE__)
bool check(bool passed, const char *what, const char *file, int line);
void check_context(const char *what); /* goes before the messages of failures */
int check_failures(void);
long check_count(void);

/* Whether results are the expected ones, to the bit or nearly. */
bool same(const float *found, const float *expected, int64_t n);

/* A stage, or NULL with a failed check. */
edge_llm_offload_stage *make_stage(const description *d);
edge_llm_offload_status try_stage(const description *d); /* and destroys it */

/* Some consecutive rows of a text for a batch. */
typedef struct {
    const float *input;                     /* [rows][hidden] */
    int position, rows;
    const int32_t *table;                   /* block numbers, the same in all groups */
} piece;

/* A batch with its parts, which can be changed before it is run. */
typedef struct {
    edge_llm_offload_batch b;
    edge_llm_offload_rope_table rope;
    edge_llm_offload_run runs[8];
    const int32_t *tables[8][GROUPS];
    int32_t output_rows[TOKENS];
    float *hidden, *cos, *sin;
    int width;                              /* of a row of results */
} test_batch;

/* Rows are a few floats further apart than they are long. All rows are asked for. */
void batch_make(const test_model *m, const piece *pieces, int count, bool logits, float *out, test_batch *t);
void batch_free(test_batch *t);
edge_llm_offload_status batch_run(edge_llm_offload_stage *stage, test_batch *t);

/* Runs a piece; results are packed into out. */
bool run_piece(const test_model *m, edge_llm_offload_stage *stage, piece p, bool logits, float *out);

/* What the host's functions do: set by a test for its own thread. */
typedef struct {
    bool cancel;
    int asked;                              /* times that cancelled was called */
    defined_text *text;                     /* what host_part works on */
    const edge_llm_offload_batch *batch;
    int parts;                              /* times that host_part was called */
    edge_llm_offload_status fails;          /* what host_part returns */
} host_state;

void host_load(const char *path);
extern const edge_llm_offload_host host;

#endif
