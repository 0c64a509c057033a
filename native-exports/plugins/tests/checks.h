/* What a plug-in is checked for with each model. */
#ifndef CHECKS_H
#define CHECKS_H

#include "host.h"

typedef struct {
    const test_model *m;
    const defined_text *first, *second;     /* the two texts, by definition */
    const defined_text *forked;             /* the second one behind FORK positions of the first */
} texts;
enum { FORK = 40 };

void check_results(const texts *t);  /* splits, chunks, several texts in a batch, chosen rows, hidden states */
void check_parts(const texts *t);    /* parts of the host's; cancelling */
void check_cache(const texts *t);    /* forks, saved blocks, what blocks hold */
void check_versions(const texts *t); /* structs of later versions, unknown kinds */
void check_errors(const texts *t);   /* what breaks the header's rules, and what is not finite */
void check_threads(const texts *t);  /* two stages at once */

#endif
