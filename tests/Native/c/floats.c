/* A caller that flushes subnormals to zero, or rounds otherwise, gets the same bits, and its environment back; also in callbacks. */
#include "check.h"

#include <fenv.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

static uint64_t control(void)
{
#if defined(__x86_64__)
    return _mm_getcsr();
#else
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
#endif
}

static void set_flush(int flush)
{
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() & ~0x8040u) | (flush ? 0x8040u : 0)); /* FTZ, DAZ */
#else
    uint64_t fpcr = control();
    fpcr = flush ? fpcr | (1u << 24) : fpcr & ~(uint64_t)(1u << 24);
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
#endif
}

static volatile float tiny = 1e-40f, one = 1, third = 3;

/* What the environment does to sums of the caller's own. */
static float tell(void) { return one / third + tiny * 1e38f; }

typedef struct { uint64_t control; float own; int pieces; int32_t tokens[20]; } seen;

static int32_t on_piece(void *user, const edge_llm_piece *piece)
{
    seen *s = user;
    CHECK((control() & ~(uint64_t)0x3f) == (s->control & ~(uint64_t)0x3f) && tell() == s->own); /* but for x64's flags */
    if (piece->token >= 0) s->tokens[s->pieces++] = piece->token;
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    edge_llm_model *model = open_model(argv[1]);
    float *first = NULL, *vector = calloc(1 << 16, sizeof(float)), *expected_vector = calloc(1 << 16, sizeof(float));
    int32_t tokens[70], first_tokens[20];
    size_t count, width = 0;
    some_tokens(tokens, 70);
    for (int flush = 0; flush < 2; flush++)
        for (int r = 0; r < 4; r++) {
            seen s = {0};
            const float *logits;
            edge_llm_generate_options options;
            edge_llm_sampling_options sampling;
            OK(edge_llm_sampling_options_default(&sampling, sizeof sampling));
            OK(edge_llm_generate_options_default(&options, sizeof options));
            sampling.seed = 7;
            options.sampling = &sampling;
            options.max_tokens = 20;
            options.ignore_eos = 1;

            CHECK(fesetround(rounding[r]) == 0);
            set_flush(flush);
            feclearexcept(FE_ALL_EXCEPT);
            feraiseexcept(FE_OVERFLOW);
            s.control = control();
            int raised = fetestexcept(FE_ALL_EXCEPT);
            /* The context, and with it its threads, is made under this environment, too. */
            edge_llm_context *context = open_context(model, 256, 2);
            OK(edge_llm_context_eval(context, 0, tokens, 70));
            OK(edge_llm_context_logits(context, 0, &logits, &count));
            CHECK(control() == s.control && fetestexcept(FE_ALL_EXCEPT) == raised);
            if (!first) {
                first = malloc(count * sizeof *first);
                memcpy(first, logits, count * sizeof *first);
            }
            CHECK(memcmp(first, logits, count * sizeof *first) == 0);
            OK(edge_llm_context_embed(context, tokens, 70, 1, vector, 1 << 16, &width));
            if (flush == 0 && r == 0) memcpy(expected_vector, vector, width * sizeof *vector);
            CHECK(memcmp(vector, expected_vector, width * sizeof *vector) == 0);

            s.own = tell();
            OK(edge_llm_context_generate(context, tokens, 70, &options, on_piece, &s));
            CHECK((control() & ~(uint64_t)0x3f) == (s.control & ~(uint64_t)0x3f) && fegetround() == rounding[r] && tell() == s.own);
            if (flush == 0 && r == 0) memcpy(first_tokens, s.tokens, sizeof first_tokens);
            CHECK(s.pieces == 20 && memcmp(first_tokens, s.tokens, sizeof first_tokens) == 0);
            OK(edge_llm_context_close(context));
        }

    set_flush(0);
    fesetround(FE_TONEAREST);
    edge_llm_version_info version = {.struct_size = sizeof version};
    struct timespec start, end;
    const int calls = 1000000;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < calls; i++) edge_llm_version(&version);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("a call: %.0f ns\n", ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / calls);
    free(first);
    free(vector);
    free(expected_vector);
    OK(edge_llm_model_close(model));
    puts("ok");
    return 0;
}
