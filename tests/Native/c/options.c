/* Option values out of range, and a storm of random calls: nothing but statuses, and a library that works afterwards. */
#include "check.h"

static uint64_t state = 88172645463325252u;

static uint32_t next(uint32_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % bound;
}

static int32_t odd_number(void)
{
    static const int32_t odd[] = {0, 1, -1, 2, 7, 64, 100, 1024, 1 << 20, INT32_MAX, INT32_MIN, -2};
    return odd[next(sizeof odd / sizeof *odd)];
}

static float odd_float(void)
{
    static const float odd[] = {0, 1, -1, 0.5f, 1e30f, -1e30f, 1e-40f};
    uint32_t which = next(10);
    if (which == 7) return (float)strtod("nan", NULL);
    if (which == 8) return (float)strtod("inf", NULL);
    if (which == 9) return (float)strtod("-inf", NULL);
    return odd[which];
}

static void is_status(edge_llm_status status) { CHECK(status >= EDGE_LLM_OK && status <= EDGE_LLM_NOT_READY && status != EDGE_LLM_INTERNAL); }

static int32_t sometimes_stop(void *user, const edge_llm_piece *piece)
{
    (void)user;
    CHECK(piece->text != NULL && strlen(piece->text) <= piece->text_length);
    return next(4) == 0 ? odd_number() : 0;
}

#define HANDLES 6
static edge_llm_model *models[HANDLES];
static edge_llm_context *contexts[HANDLES];
static edge_llm_request *requests[HANDLES];

static void be_told(void *user) { ++*(int *)user; }

static void random_call(const char *path)
{
    int32_t tokens[80], sequences[8];
    uint8_t want[8];
    float *numbers = malloc(4096 * sizeof *numbers);
    static unsigned char saved[1 << 18];
    size_t count = 0, length = next(80);
    edge_llm_model **model = &models[next(HANDLES)];
    edge_llm_context **context = &contexts[next(HANDLES)];
    edge_llm_request **request = &requests[next(HANDLES)];
    edge_llm_request_statistics statistics = {.struct_size = sizeof statistics};
    static int told;
    edge_llm_sampling_options sampling;
    edge_llm_generate_options generate;
    edge_llm_context_options options;
    edge_llm_piece piece = {.struct_size = sizeof piece};
    edge_llm_context_counters counters = {.struct_size = sizeof counters};
    for (int i = 0; i < 80; i++) tokens[i] = next(20) ? (int32_t)next(100) : odd_number();
    for (int i = 0; i < 8; i++) sequences[i] = next(20) ? (int32_t)next(4) : odd_number(), want[i] = (uint8_t)next(next(20) ? 2 : 9);
    OK(edge_llm_sampling_options_default(&sampling, sizeof sampling));
    OK(edge_llm_generate_options_default(&generate, sizeof generate));
    OK(edge_llm_context_options_default(&options, sizeof options));
    generate.sampling = &sampling;
    generate.max_tokens = (int32_t)next(6);
    switch (next(17)) {
        case 0: sampling.temperature = odd_float(); break;
        case 1: sampling.top_p = odd_float(); break;
        case 2: sampling.min_p = odd_float(); break;
        case 3: sampling.top_k = odd_number(); break;
        case 4: sampling.repeat_penalty = odd_float(); break;
        case 5: sampling.repeat_last_n = odd_number(); break;
        case 6: generate.max_tokens = odd_number() % 100; break;
        case 7: generate.deadline = odd_number(); break;
        case 8: generate.sequence = odd_number(); break;
        case 9: sampling.typical_p = odd_float(), sampling.top_n_sigma = odd_float(), sampling.xtc_probability = odd_float(); break;
        case 10: sampling.dry_multiplier = odd_float(), sampling.dry_base = odd_float(), sampling.dry_allowed_length = odd_number(); break;
        case 11: sampling.mirostat = odd_number() % 4, sampling.mirostat_tau = odd_float(); break;
        case 12: sampling.dynatemp_range = odd_float(), sampling.dynatemp_exponent = odd_float(), sampling.dry_penalty_last_n = odd_number(); break;
        case 13: sampling.samplers = next(2) ? "top_k;temperature" : "no;such", sampling.samplers_length = next(20); break;
        default: break;
    }
    switch (next(27)) {
        case 0:
            if (next(3)) break;
            is_status(edge_llm_model_close(*model));
            is_status(edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, NULL, model));
            break;
        case 1: if (next(6) == 0) is_status(edge_llm_model_close(*model)); break;
        case 2:
            options.context_size = (int32_t)next(300);
            options.threads = 1;
            if (next(2)) options.batch_size = odd_number();
            if (next(2)) options.max_sequences = odd_number() % 5;
            if (next(2)) options.cache_type_k = odd_number();
            if (next(2)) options.logits_rows = odd_number();
            if (options.batch_size > 1024 || options.logits_rows > 1024) break; /* would be taken, and take all memory */
            is_status(edge_llm_context_close(*context));
            is_status(edge_llm_context_create(*model, &options, context));
            break;
        case 3: if (next(4) == 0) is_status(edge_llm_context_close(*context)); break;
        case 4: case 5: is_status(edge_llm_context_eval(*context, (int32_t)next(4), tokens, length)); break;
        case 6: is_status(edge_llm_context_eval_batch(*context, tokens, next(2) ? sequences : NULL, next(2) ? want : NULL, next(9))); break;
        case 7: is_status(edge_llm_context_copy_logits(*context, next(3), numbers, next(4097), &count)); break;
        case 8: is_status(edge_llm_context_embed(*context, tokens, length, odd_number(), numbers, 4096, &count)); break;
        case 9: case 10: is_status(edge_llm_context_generate(*context, tokens, next(40), &generate, sometimes_stop, NULL)); break;
        case 11: is_status(edge_llm_context_start(*context, tokens, next(40), &generate)); break;
        case 12: case 13: case 14: is_status(edge_llm_context_next(*context, &piece)); break;
        case 15: is_status(edge_llm_context_sample(*context, next(2), (int32_t)next(4), &sampling, tokens)); break;
        case 16: is_status(edge_llm_sequence_copy(*context, (int32_t)next(4), (int32_t)next(4))); break;
        case 17: is_status(next(2) ? edge_llm_sequence_remove(*context, (int32_t)next(4)) : edge_llm_sequence_trim(*context, (int32_t)next(4), next(90))); break;
        case 18: is_status(edge_llm_state_save(*context, (int32_t)next(4), saved, next(2) ? sizeof saved : next(1000), &count)); break;
        case 19:
            if (next(3) == 0) saved[next(sizeof saved)] ^= (unsigned char)(1 << next(8));
            is_status(edge_llm_state_load(*context, (int32_t)next(4), saved, next(2) ? sizeof saved : next(sizeof saved)));
            break;
        case 20: is_status(edge_llm_context_get_counters(*context, &counters)); break;
        case 22: case 23:
            is_status(edge_llm_request_close(*request));
            generate.priority = odd_number(), generate.choice = next(3), generate.draft_tokens = odd_number(), generate.context_shift = next(2), generate.keep = next(2) ? 0 : odd_number();
            if (next(2)) generate.ready = be_told, generate.ready_user = &told;
            is_status(edge_llm_request_submit(*context, tokens, next(40), &generate, 1, request));
            break;
        case 24: is_status(next(2) ? edge_llm_request_next(*request, &piece) : edge_llm_request_wait(*request, &piece)); break;
        case 25: is_status(next(4) ? edge_llm_context_step(*context, &count) : edge_llm_request_cancel(*request)); break;
        case 26: is_status(edge_llm_request_get_statistics(*request, &statistics)); break;
        case 21: is_status(edge_llm_context_cancel(*context)); is_status(edge_llm_context_set_deadline(*context, next(3) ? -1 : odd_number())); break;
    }
    free(numbers);
}

static void option_values(const char *path)
{
    edge_llm_model *model = open_model(path);
    edge_llm_context *context = NULL;
    edge_llm_context_options options;
    edge_llm_memory_plan plan = {.struct_size = sizeof plan};
#define REFUSED(field, value)                                                                     \
    do {                                                                                          \
        OK(edge_llm_context_options_default(&options, sizeof options));                           \
        options.field = value;                                                                    \
        STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_context_create(model, &options, &context));    \
        STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_plan(model, &options, &plan));           \
        CHECK(context == NULL);                                                                   \
    } while (0)
    REFUSED(context_size, -2);
    REFUSED(context_size, INT32_MAX);
    REFUSED(batch_size, 0);
    REFUSED(batch_size, INT32_MAX);
    REFUSED(logits_rows, -1);
    REFUSED(threads, -1);
    REFUSED(threads, 1 << 20);
    REFUSED(cache_type_k, 9);
    REFUSED(cache_type_v, -1);
    REFUSED(max_sequences, 0);
    REFUSED(no_prefix_sharing, 2);
    REFUSED(prompt_cache_bytes, -1);
    REFUSED(prompt_cache, "");
    REFUSED(reserved, 1);
    REFUSED(lookup, -1);
    REFUSED(draft_tokens, -1);
    OK(edge_llm_context_options_default(&options, sizeof options));
    options.context_size = 1 << 30;
    STATUS(EDGE_LLM_OUT_OF_MEMORY, edge_llm_context_create(model, &options, &context));
    OK(edge_llm_model_plan(model, &options, &plan));
    CHECK(plan.total == plan.weights + plan.kv_cache + plan.activations && plan.kv_cache > (int64_t)1 << 30);

    edge_llm_model_options open;
    edge_llm_model *none;
    OK(edge_llm_model_options_default(&open, sizeof open));
    open.n_gpu_layers = -2;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &open, &none));
    OK(edge_llm_model_options_default(&open, sizeof open));
    open.rope_freq_base = -1;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &open, &none));
    OK(edge_llm_model_options_default(&open, sizeof open));
    open.use_mmap = 2;
    STATUS(EDGE_LLM_INVALID_ARGUMENT, edge_llm_model_open(path, EDGE_LLM_ZERO_TERMINATED, &open, &none));
    OK(edge_llm_model_close(model));
}

int main(int argc, char **argv)
{
    CHECK(argc == 3); /* model, number of random calls */
    option_values(argv[1]);
    for (long i = 0, n = strtol(argv[2], NULL, 10); i < n; i++) random_call(argv[1]);
    for (int i = 0; i < HANDLES; i++) {
        is_status(edge_llm_context_close(contexts[i]));
        is_status(edge_llm_model_close(models[i]));
        is_status(edge_llm_request_close(requests[i]));
    }

    edge_llm_model *model = open_model(argv[1]);
    edge_llm_context *context = open_context(model, 128, 1);
    int32_t token = 3;
    OK(edge_llm_context_eval(context, 0, &token, 1));
    OK(edge_llm_context_close(context));
    OK(edge_llm_model_close(model));
    puts("ok");
    return 0;
}
