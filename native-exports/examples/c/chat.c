/* A conversation, each line of the input a turn: chat MODEL [CHAT-TEMPLATE] */
#include <edge_llm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MESSAGES 64
#define MOST_TOKENS 8192

static void check(edge_llm_status status)
{
    edge_llm_error error = {.struct_size = sizeof error};
    if (status == EDGE_LLM_OK) return;
    edge_llm_last_error(&error);
    fprintf(stderr, "chat: %s\n", error.message);
    exit(1);
}

typedef struct { char *text; size_t length; } answer;

static int32_t print(void *user, const edge_llm_piece *piece)
{
    answer *a = user;
    char *longer = realloc(a->text, a->length + piece->text_length + 1);
    if (!longer) return 1; /* stop */
    a->text = longer;
    memcpy(a->text + a->length, piece->text, piece->text_length);
    a->length += piece->text_length;
    fwrite(piece->text, 1, piece->text_length, stdout);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static int32_t tokens[MOST_TOKENS];
    edge_llm_chat_message messages[MOST_MESSAGES];
    edge_llm_model *model;
    edge_llm_context *context;
    edge_llm_chat_options chat;
    edge_llm_generate_options options;
    char line[4096];
    size_t turns = 0, count = 0;
    if (argc < 2) return fprintf(stderr, "usage: chat MODEL [CHAT-TEMPLATE]\n"), 2;

    check(edge_llm_model_open(argv[1], EDGE_LLM_ZERO_TERMINATED, NULL, &model));
    check(edge_llm_context_create(model, NULL, &context));
    check(edge_llm_chat_options_default(&chat, sizeof chat));
    if (argc > 2) {
        chat.chat_template = argv[2];
        chat.chat_template_length = EDGE_LLM_ZERO_TERMINATED;
    }
    check(edge_llm_generate_options_default(&options, sizeof options));
    options.max_tokens = 256;

    memset(messages, 0, sizeof messages);
    while (turns + 2 <= MOST_MESSAGES && fgets(line, sizeof line, stdin)) {
        answer a = {NULL, 0};
        line[strcspn(line, "\n")] = 0;
        messages[turns].role = "user";
        messages[turns].role_length = EDGE_LLM_ZERO_TERMINATED;
        messages[turns].content = strdup(line);
        messages[turns++].content_length = EDGE_LLM_ZERO_TERMINATED;

        /* The prompt is the whole conversation; what the context has computed of it already costs nothing. */
        check(edge_llm_chat_tokenize(model, messages, turns, &chat, tokens, MOST_TOKENS, &count));
        check(edge_llm_context_generate(context, tokens, count, &options, print, &a));
        putchar('\n');
        messages[turns].role = "assistant";
        messages[turns].role_length = EDGE_LLM_ZERO_TERMINATED;
        messages[turns].content = a.text;
        messages[turns++].content_length = a.length;
    }

    for (size_t i = 0; i < turns; i++) free((char *)messages[i].content);
    check(edge_llm_context_close(context));
    check(edge_llm_model_close(model));
    return 0;
}
