/* Streams a text, which the program pulls step by step, and which Ctrl-C or a deadline ends: stream MODEL [PROMPT [MILLISECONDS]] */
#include <edge_llm.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOKENS 4096

static void check(edge_llm_status status)
{
    edge_llm_error error = {.struct_size = sizeof error};
    if (status == EDGE_LLM_OK) return;
    edge_llm_last_error(&error);
    fprintf(stderr, "stream: %s\n", error.message);
    exit(1);
}

/* Waits for Ctrl-C on a thread of its own: a signal handler may not call the library, a thread may. */
static void *cancel_on_interrupt(void *context)
{
    sigset_t interrupts;
    int signal;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    if (sigwait(&interrupts, &signal) == 0) edge_llm_context_cancel(context);
    return NULL;
}

int main(int argc, char **argv)
{
    static int32_t tokens[MOST_TOKENS];
    edge_llm_model *model;
    edge_llm_context *context;
    edge_llm_generate_options options;
    edge_llm_piece piece = {.struct_size = sizeof piece};
    const char *prompt = argc > 2 ? argv[2] : "Once upon a time";
    edge_llm_status status;
    sigset_t interrupts;
    pthread_t waiter;
    size_t count = 0;
    if (argc < 2) return fprintf(stderr, "usage: stream MODEL [PROMPT [MILLISECONDS]]\n"), 2;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupts, NULL); /* before the library makes threads, which inherit it */

    check(edge_llm_model_open(argv[1], EDGE_LLM_ZERO_TERMINATED, NULL, &model));
    check(edge_llm_context_create(model, NULL, &context));
    check(edge_llm_tokenize(model, prompt, strlen(prompt), EDGE_LLM_TOKENIZE_ADD_SPECIAL | EDGE_LLM_TOKENIZE_PROMPT, tokens, MOST_TOKENS, &count));
    check(edge_llm_generate_options_default(&options, sizeof options));
    options.ignore_eos = 1; /* it never ends by itself, but for a full context */
    if (argc > 3) options.deadline = atoll(argv[3]);

    check(edge_llm_context_start(context, tokens, count, &options));
    if (pthread_create(&waiter, NULL, cancel_on_interrupt, context) != 0) return 1;
    do {
        status = edge_llm_context_next(context, &piece);
        if (status == EDGE_LLM_OK || status == EDGE_LLM_CANCELLED || status == EDGE_LLM_DEADLINE_EXCEEDED) {
            fwrite(piece.text, 1, piece.text_length, stdout);
            fflush(stdout);
        }
    } while (status == EDGE_LLM_OK && piece.finish == EDGE_LLM_FINISH_NONE);
    putchar('\n');
    if (status == EDGE_LLM_CANCELLED || status == EDGE_LLM_DEADLINE_EXCEEDED) {
        fprintf(stderr, "%s\n", status == EDGE_LLM_CANCELLED ? "cancelled" : "out of time");
    } else {
        check(status);
    }

    pthread_kill(waiter, SIGINT);
    pthread_join(waiter, NULL);
    check(edge_llm_context_close(context));
    check(edge_llm_model_close(model));
    return 0;
}
