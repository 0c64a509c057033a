/* Chats with tools: forced calls, parts of an answer, and what is refused. */
#include "check.h"

static const char *template_text = "{# [TOOL_CALLS] [ARGS] tool_calls <think> #}{% for m in messages %}{{ m.content }}{% endfor %}";
static const char *tools = "[{\"name\": \"get.n\", \"parameters\": {\"type\": \"object\", \"properties\": {\"n\": {\"enum\": [7]}}, \"required\": [\"n\"]}}]";

int main(int count, char **arguments)
{
    edge_llm_model *model;
    edge_llm_context *context;
    CHECK(count == 2);
    OK(edge_llm_model_open(arguments[1], EDGE_LLM_ZERO_TERMINATED, NULL, &model));
    OK(edge_llm_context_create(model, NULL, &context));

    edge_llm_chat_message message = {0};
    message.role = "user", message.role_length = 4, message.content = "hello", message.content_length = 5;
    edge_llm_chat_options chat;
    OK(edge_llm_chat_options_default(&chat, sizeof chat));
    chat.chat_template = template_text, chat.chat_template_length = strlen(template_text);
    chat.tools = tools, chat.tools_length = strlen(tools);
    edge_llm_answer_options answer;
    OK(edge_llm_answer_options_default(&answer, sizeof answer));
    CHECK(answer.tool_choice == EDGE_LLM_TOOL_CHOICE_AUTO && answer.reasoning_budget == -1);
    edge_llm_generate_options generate;
    OK(edge_llm_generate_options_default(&generate, sizeof generate));
    generate.max_tokens = 200;

    edge_llm_part part = {0};
    part.struct_size = sizeof part;
    CHECK(edge_llm_context_next_part(context, &part) == EDGE_LLM_INVALID_ARGUMENT); /* no chat yet */

    answer.tool_choice = EDGE_LLM_TOOL_CHOICE_REQUIRED;
    answer.single_tool_call = 1;
    answer.reasoning_budget = 0;
    OK(edge_llm_context_start_chat(context, &message, 1, &chat, &answer, &generate));
    char arguments_text[4096] = "", name[64] = "", id[64] = "";
    int ends = 0, content = 0;
    edge_llm_piece piece = {0};
    piece.struct_size = sizeof piece;
    while (piece.finish == EDGE_LLM_FINISH_NONE) {
        OK(edge_llm_context_next(context, &piece));
        for (;;) {
            OK(edge_llm_context_next_part(context, &part));
            if (part.kind == EDGE_LLM_PART_NONE) break;
            if (part.kind == EDGE_LLM_PART_CONTENT) content++;
            if (part.kind == EDGE_LLM_PART_CALL_BEGIN) snprintf(name, sizeof name, "%s", part.name), snprintf(id, sizeof id, "%s", part.id);
            if (part.kind == EDGE_LLM_PART_ARGUMENTS) {
                CHECK(part.index == 0 && strlen(arguments_text) + part.text_length < sizeof arguments_text);
                strcat(arguments_text, part.text);
            }
            if (part.kind == EDGE_LLM_PART_CALL_END) ends++;
        }
    }
    CHECK(ends == 1 && content == 0);
    CHECK(strcmp(name, "get.n") == 0 && strlen(id) == 9);
    CHECK(strstr(arguments_text, "\"n\"") != NULL && strchr(arguments_text, '7') != NULL);

    answer.tool_choice = 3;
    CHECK(edge_llm_context_start_chat(context, &message, 1, &chat, &answer, &generate) == EDGE_LLM_INVALID_ARGUMENT);
    answer.tool_choice = EDGE_LLM_TOOL_CHOICE_AUTO;
    answer.tool_name = "other", answer.tool_name_length = 5;
    CHECK(edge_llm_context_start_chat(context, &message, 1, &chat, &answer, &generate) == EDGE_LLM_INVALID_ARGUMENT);
    answer.tool_name = NULL, answer.tool_name_length = 0;
    chat.tools = "{}", chat.tools_length = 2;
    CHECK(edge_llm_context_start_chat(context, &message, 1, &chat, &answer, &generate) == EDGE_LLM_INVALID_ARGUMENT);
    chat.tools = "[{\"name\": \"a\", \"parameters\": {\"contains\": 1}}]", chat.tools_length = strlen(chat.tools);
    CHECK(edge_llm_context_start_chat(context, &message, 1, &chat, &answer, &generate) == EDGE_LLM_GRAMMAR_ERROR);
    CHECK(edge_llm_context_start_chat(context, &message, 0, &chat, &answer, &generate) == EDGE_LLM_INVALID_ARGUMENT);

    /* Without tools everything is content. */
    chat.tools = NULL, chat.tools_length = 0;
    generate.max_tokens = 5;
    OK(edge_llm_context_start_chat(context, &message, 1, &chat, NULL, &generate));
    OK(edge_llm_context_next(context, &piece));
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
    puts("ok");
    return 0;
}
