/* Two stages at once, each on a thread of its own; a stage that is made on one thread and used on another. */
#include <pthread.h>
#include <stdlib.h>

#include "checks.h"

typedef struct {
    const texts *t;
    edge_llm_offload_stage *stage;
    int text;
} worker;

static void *work(void *argument)
{
    static const int32_t table[] = {4, 1};
    const worker *w = argument;
    const test_model *m = w->t->m;
    const defined_text *expected = w->text ? w->t->second : w->t->first;
    float *logits = malloc((size_t)(TOKENS * m->s.vocabulary) * sizeof(float));
    for (int at = 0; at < TOKENS; at += 10)
    {
        run_piece(m, w->stage, (piece){m->hidden[w->text] + at * m->s.hidden, at, 10, table}, true, logits);
        CHECK(same(logits, expected->logits + at * m->s.vocabulary, 10 * m->s.vocabulary));
    }
    free(logits);
    return NULL;
}

void check_threads(const texts *t)
{
    description d;
    describe(t->m, 0, t->m->layer_count, true, &d);
    worker workers[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) workers[i] = (worker){t, make_stage(&d), i};
    if (workers[0].stage && workers[1].stage)
        for (int i = 0; i < 2; i++)
            if (!CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0)) exit(2);
    for (int i = 0; i < 2; i++)
    {
        if (workers[0].stage && workers[1].stage) pthread_join(threads[i], NULL);
        plugin.destroy(workers[i].stage);
    }
}
