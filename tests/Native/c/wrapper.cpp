// edge_llm.hpp: owners that move, errors as exceptions or values, generations as ranges, deadlines that have passed.
#include <edge_llm.hpp>

#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#if __cplusplus >= 202002L
#include <ranges>
static_assert(std::ranges::input_range<edge_llm::Generation>);
#endif

#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
            std::exit(1);                                                                     \
        }                                                                                     \
    } while (0)

using namespace edge_llm;

static_assert(std::is_nothrow_move_constructible_v<Model> && std::is_nothrow_move_assignable_v<Context>);
static_assert(!std::is_copy_constructible_v<Model> && !std::is_copy_constructible_v<Context> && !std::is_copy_constructible_v<Generation>);

template <class F>
static edge_llm_status status_of(F &&function)
{
    try {
        function();
    } catch (const Error &error) {
        CHECK(error.what()[0] != 0);
        return error.status();
    }
    return EDGE_LLM_OK;
}

static void errors(const char *path)
{
    CHECK(status_of([] { Model("/no/such/file"); }) == EDGE_LLM_INVALID_FILE);
    Expected<Model> none = Model::try_open("/no/such/file"), some = Model::try_open(path);
    CHECK(!none && none.error().status() == EDGE_LLM_INVALID_FILE && some.has_value());
    CHECK(status_of([&] { std::move(none).value(); }) == EDGE_LLM_INVALID_FILE);
    Model moved = std::move(some).value();
    CHECK(moved.info().vocab_size > 0);
    Model other = std::move(moved);
    CHECK(status_of([&] { moved.info(); }) == EDGE_LLM_INVALID_HANDLE && other.info().vocab_size > 0);
}

static void deadlines(const char *path)
{
    Model model(path);
    Context context(model);
    GenerateOptions options;
    options.max_tokens = 3;
    options.ignore_eos = true;
    for (std::int64_t passed : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{-100000}}) {
        options.deadline = std::chrono::milliseconds(passed);
        CHECK(status_of([&] { context.generate({3, 4}, options); }) == EDGE_LLM_DEADLINE_EXCEEDED);
    }
    options.deadline = std::chrono::hours(1);
    Generation generation = context.generate({3, 4}, options);
    int steps = 0;
    for (const Piece &piece : generation) steps += piece.token >= 0;
    CHECK(steps == 3 && generation.finish() == EDGE_LLM_FINISH_LENGTH && generation.begin() == generation.end());
}

// A prompt without tokens does not go on from the text before, wherever its vector lies; resume does.
static void empty_prompts(const char *path)
{
    Model model(path);
    Context context(model);
    GenerateOptions options;
    options.max_tokens = 2;
    options.ignore_eos = true;
    CHECK(status_of([&] { context.resume(options); }) == EDGE_LLM_INVALID_ARGUMENT);
    for (const Piece &piece : context.generate({3, 4, 5}, options)) CHECK(piece.token >= -1);
    CHECK(context.tokens().size() == 4);
    std::vector<Token> none, erased{1};
    erased.clear();
    for (const std::vector<Token> *empty : {&none, &erased}) {
        CHECK(status_of([&] { context.generate(*empty, options); }) == EDGE_LLM_INVALID_ARGUMENT);
        CHECK(context.try_generate(*empty, options).error().status() == EDGE_LLM_INVALID_ARGUMENT);
        CHECK(status_of([&] { context.embed(*empty); }) == EDGE_LLM_INVALID_ARGUMENT);
    }
    for (const Piece &piece : context.resume(options)) CHECK(piece.token >= -1);
    CHECK(context.tokens().size() == 5);
}

// To read on in a generation after another one has begun throws, and takes no step of that one.
static void one_generation_at_a_time(const char *path)
{
    Model model(path);
    Context context(model);
    GenerateOptions options;
    options.max_tokens = 3;
    options.ignore_eos = true;
    Generation first = context.generate({3, 4}, options);
    auto reading = first.begin();
    Generation second = context.generate({5, 6}, options);
    for (int i = 0; i < 2; i++) CHECK(status_of([&] { ++reading; }) == EDGE_LLM_INVALID_ARGUMENT);
    int steps = 0;
    for (const Piece &piece : second) steps += piece.token >= 0;
    CHECK(steps == 3 && second.finish() == EDGE_LLM_FINISH_LENGTH);

    Generation unread = context.generate({3, 4}, options);
    context = Context(model);
    CHECK(status_of([&] { unread.begin(); }) == EDGE_LLM_INVALID_HANDLE);
}

// Adapters move, are applied to contexts and sequences, and end.
static void adapters(const char *path, const char *adapter_path)
{
    static_assert(std::is_nothrow_move_constructible_v<Adapter> && !std::is_copy_constructible_v<Adapter>);
    ModelOptions options;
    const edge_llm_text name = {"general.name=str:other", EDGE_LLM_ZERO_TERMINATED};
    options.overrides = &name;
    options.override_count = 1;
    Model model(path, options);
    CHECK(std::string(model.info().name) == "other");
    CHECK(Adapter::try_load(model, path).error().status() == EDGE_LLM_INVALID_FILE);
    Adapter moved(model, adapter_path), adapter = std::move(moved);
    CHECK(adapter.info().rank == 4 && adapter.metadata("adapter.lora.task_name") == "a test");
    CHECK(status_of([&] { moved.info(); }) == EDGE_LLM_INVALID_HANDLE);
    Context context(model);
    context.eval({3, 4});
    std::vector<float> plain = context.logits();
    context.set_adapters({{adapter, 0.5f}});
    context.remove(0);
    context.eval({3, 4});
    CHECK(context.logits() != plain);
    CHECK(status_of([&] { context.set_adapters({}, 0); }) == EDGE_LLM_INVALID_ARGUMENT);
    context.remove(0);
    context.set_adapters({}, 0);
    context.eval({3, 4});
    CHECK(context.logits() == plain);
    context.remove(0);
    {
        Adapter brief(model, adapter_path);
        context.set_adapters({brief}, 0);
    }
    CHECK(status_of([&] { context.eval({3, 4}); }) == EDGE_LLM_INVALID_ARGUMENT);
}

// Many answers in one context: by steps, by waiting, by the library's thread; each as it is alone.
static void requests(const char *path)
{
    static_assert(std::is_nothrow_move_constructible_v<Request> && std::is_nothrow_move_assignable_v<Request> && !std::is_copy_constructible_v<Request>);
    Model model(path);
    Context alone(model), context(model);
    GenerateOptions options;
    options.max_tokens = 12;
    options.ignore_eos = true;
    options.sampling.seed = 7;
    std::vector<std::vector<Token>> expected;
    for (Token first = 3; first < 11; first++) {
        expected.emplace_back();
        for (const Piece &piece : alone.generate({first, 5, 6}, options)) if (piece.token >= 0) expected.back().push_back(piece.token);
    }
    auto submit_all = [&] {
        std::vector<Request> all;
        for (Token first = 3; first < 11; first++) all.push_back(context.submit({first, 5, 6}, options));
        return all;
    };
    std::vector<Request> stepped = submit_all();
    CHECK(!stepped[0].next());
    while (context.step() > 0) {}
    for (std::size_t i = 0; i < stepped.size(); i++) {
        std::vector<Token> tokens;
        while (std::optional<Piece> piece = stepped[i].next()) if (piece->token >= 0) tokens.push_back(piece->token);
        CHECK(tokens == expected[i] && stepped[i].finish() == EDGE_LLM_FINISH_LENGTH && !stepped[i].wait());
        CHECK(stepped[i].statistics().generated_tokens == 12);
    }

    std::atomic<int> told{0};
    options.ready = [&] { told++; };
    context.start_thread();
    std::vector<Request> waited = submit_all();
    for (std::size_t i = 0; i < waited.size(); i++) {
        std::vector<Token> tokens;
        for (const Piece &piece : waited[i]) if (piece.token >= 0) tokens.push_back(piece.token);
        CHECK(tokens == expected[i]);
    }
    waited.clear();
    CHECK(told > 12);

    std::vector<Request> choices = context.submit_choices({3, 5, 6}, 2, options);
    std::vector<std::vector<Token>> answers(2);
    for (std::size_t i = 0; i < 2; i++) for (const Piece &piece : choices[i]) if (piece.token >= 0) answers[i].push_back(piece.token);
    CHECK(answers[0] == expected[0] && answers[1] != answers[0]);
    CHECK(status_of([&] { context.submit_choices({3}, 0, options); }) == EDGE_LLM_INVALID_ARGUMENT);
    CHECK(status_of([&] { context.submit({}, options); }) == EDGE_LLM_INVALID_ARGUMENT);

    Request chat = context.submit_chat({{"user", "hello"}}, {}, {}, options);
    std::string text, parts;
    while (std::optional<Piece> piece = chat.wait()) {
        text += piece->text;
        for (const Part &part : chat.parts()) parts += part.text;
    }
    CHECK(text == parts);

    GenerateOptions shifted = options;
    shifted.max_tokens = 900;
    shifted.context_shift = true;
    shifted.keep = 1;
    ContextOptions narrow;
    narrow.context_size = 192;
    narrow.threads = 1;
    narrow.lookup = 1;
    narrow.draft_model = model.handle();
    Context small(model, narrow);
    int made = 0;
    for (const Piece &piece : small.generate({3, 4}, shifted)) made += piece.token >= 0;
    CHECK(made == 900 && small.counters().shifted_tokens > 0 && small.counters().accepted_tokens > 0);

    options.max_tokens = 2000;
    Request endless = context.submit({3, 5}, options);
    endless.cancel();
    while (endless.wait()) {}
    CHECK(endless.finish() == EDGE_LLM_FINISH_CANCELLED);
    Request left = context.submit({3, 5}, options), moved = std::move(left);
    context = Context(model);
    while (moved.wait()) {}
    CHECK(moved.finish() == EDGE_LLM_FINISH_CANCELLED);
}

// What begins with try_ throws nothing, also where the library cannot be used at all.
static void values_where_nothing_works(const char *path)
{
    Model model(path);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        bool refused = Model::try_open(path).error().status() == EDGE_LLM_FORKED && Context::try_create(model).error().status() == EDGE_LLM_FORKED;
        _exit(refused ? 0 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    errors(argv[1]);
    deadlines(argv[1]);
    empty_prompts(argv[1]);
    one_generation_at_a_time(argv[1]);
    adapters(argv[1], argv[2]);
    requests(argv[1]);
    values_where_nothing_works(argv[1]);
    std::puts("ok");
    return 0;
}
