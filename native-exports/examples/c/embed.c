/* How alike texts are: embed MODEL TEXT TEXT... prints the cosine of each with the first one. */
#include <edge_llm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(edge_llm_status status)
{
    edge_llm_error error = {.struct_size = sizeof error};
    if (status == EDGE_LLM_OK) return;
    edge_llm_last_error(&error);
    fprintf(stderr, "embed: %s\n", error.message);
    exit(1);
}

/* A vector of length 1, to be freed. */
static float *embed(edge_llm_model *model, edge_llm_context *context, const char *text, size_t width)
{
    size_t room = strlen(text) + 2, count = 0;
    int32_t *tokens = malloc(room * sizeof *tokens);
    float *vector = malloc(width * sizeof *vector);
    if (!tokens || !vector) exit(1);
    check(edge_llm_tokenize(model, text, strlen(text), EDGE_LLM_TOKENIZE_ADD_SPECIAL, tokens, room, &count));
    check(edge_llm_context_embed(context, tokens, count, 1, vector, width, &width));
    free(tokens);
    return vector;
}

int main(int argc, char **argv)
{
    edge_llm_model *model;
    edge_llm_context *context;
    edge_llm_model_info info = {.struct_size = sizeof info};
    float *first;
    size_t width;
    if (argc < 3) return fprintf(stderr, "usage: embed MODEL TEXT TEXT...\n"), 2;

    check(edge_llm_model_open(argv[1], EDGE_LLM_ZERO_TERMINATED, NULL, &model));
    check(edge_llm_context_create(model, NULL, &context));
    check(edge_llm_model_get_info(model, &info));
    width = (size_t)info.embedding_length;
    first = embed(model, context, argv[2], width);
    for (int i = 2; i < argc; i++) {
        float *other = embed(model, context, argv[i], width);
        double cosine = 0;
        for (size_t j = 0; j < width; j++) cosine += (double)first[j] * other[j];
        printf("%.4f  %s\n", cosine, argv[i]);
        free(other);
    }
    free(first);
    check(edge_llm_context_close(context));
    check(edge_llm_model_close(model));
    return 0;
}
