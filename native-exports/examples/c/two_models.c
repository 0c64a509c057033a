/* Two models in one process, each on a thread of its own: two_models MODEL MODEL [PROMPT] */
#include <edge_llm.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    const char *path, *prompt;
    char *text;
    size_t length;
    char error[256]; /* empty if all went well; errors are kept for each thread, so this one copies its own */
} job;

static int32_t append(void *user, const edge_llm_piece *piece)
{
    job *j = user;
    char *longer = realloc(j->text, j->length + piece->text_length + 1);
    if (!longer) return 1;
    j->text = longer;
    memcpy(j->text + j->length, piece->text, piece->text_length);
    j->length += piece->text_length;
    j->text[j->length] = 0;
    return 0;
}

static void *run(void *user)
{
    job *j = user;
    edge_llm_model *model = NULL;
    edge_llm_context *context = NULL;
    edge_llm_context_options context_options;
    edge_llm_sampling_options sampling;
    edge_llm_generate_options options;
    int32_t tokens[1024];
    size_t count = 0;
    edge_llm_status status = edge_llm_model_open(j->path, EDGE_LLM_ZERO_TERMINATED, NULL, &model);
    if (!status) status = edge_llm_context_options_default(&context_options, sizeof context_options);
    context_options.threads = 1; /* each model leaves a core to the other one */
    if (!status) status = edge_llm_context_create(model, &context_options, &context);
    if (!status) status = edge_llm_tokenize(model, j->prompt, strlen(j->prompt), EDGE_LLM_TOKENIZE_ADD_SPECIAL | EDGE_LLM_TOKENIZE_PROMPT, tokens, 1024, &count);
    if (!status) status = edge_llm_sampling_options_default(&sampling, sizeof sampling);
    if (!status) status = edge_llm_generate_options_default(&options, sizeof options);
    sampling.temperature = 0;
    options.sampling = &sampling;
    options.max_tokens = 40;
    if (!status) status = edge_llm_context_generate(context, tokens, count, &options, append, j);
    if (status) {
        edge_llm_error error = {.struct_size = sizeof error};
        edge_llm_last_error(&error);
        snprintf(j->error, sizeof j->error, "%s", error.message);
    }
    if (context) edge_llm_context_close(context);
    if (model) edge_llm_model_close(model);
    return NULL;
}

int main(int argc, char **argv)
{
    job jobs[2] = {{0}, {0}};
    pthread_t threads[2];
    int failed = 0;
    if (argc < 3) return fprintf(stderr, "usage: two_models MODEL MODEL [PROMPT]\n"), 2;
    for (int i = 0; i < 2; i++) {
        jobs[i].path = argv[1 + i];
        jobs[i].prompt = argc > 3 ? argv[3] : "Once upon a time";
        if (pthread_create(&threads[i], NULL, run, &jobs[i]) != 0) return 1;
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        if (jobs[i].error[0]) fprintf(stderr, "two_models: %s\n", jobs[i].error), failed = 1;
        else printf("%s:%s\n", jobs[i].path, jobs[i].text ? jobs[i].text : "");
        free(jobs[i].text);
    }
    return failed;
}
