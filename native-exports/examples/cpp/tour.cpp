// A conversation, vectors, two models in threads, a cancelled stream, and errors as values: tour MODEL
#include <edge_llm.hpp>

#include <iostream>
#include <numeric>
#include <thread>

using namespace edge_llm;

static const char *const markup = "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}<assistant>";

static void chat(const Model &model)
{
    Context context(model);
    ChatOptions template_options;
    template_options.chat_template = markup;
    template_options.chat_template_length = EDGE_LLM_ZERO_TERMINATED;
    GenerateOptions options;
    options.max_tokens = 16;
    std::vector<Message> messages;
    for (const char *question : {"Who are you?", "And who am I?"}) {
        messages.push_back({"user", question});
        std::string answer;
        for (const Piece &piece : context.generate(model.chat_tokenize(messages, template_options), options)) answer += piece.text;
        messages.push_back({"assistant", answer});
        std::cout << "> " << question << '\n' << answer << '\n';
    }
    std::cout << context.counters().reused_tokens << " tokens of the second prompt were there already\n";
}

static void embed(const Model &model)
{
    Context context(model);
    std::vector<float> a = context.embed(model.tokenize("a cat")), b = context.embed(model.tokenize("a dog"));
    std::cout << "alike: " << std::inner_product(a.begin(), a.end(), b.begin(), 0.0f) << '\n';
}

static void two_threads(const Model &model)
{
    std::string texts[2];
    auto tell = [&](std::string &text) {
        ContextOptions context_options;
        context_options.threads = 1;
        Context context(model, context_options);
        GenerateOptions options;
        options.max_tokens = 20;
        options.sampling.seed = 3;
        for (const Piece &piece : context.generate(model.prompt("One day"), options)) text += piece.text;
    };
    std::thread other(tell, std::ref(texts[1]));
    tell(texts[0]);
    other.join();
    std::cout << (texts[0] == texts[1] ? "the same text twice" : "DIFFERENT TEXTS") << '\n';
}

static void cancelled(const Model &model)
{
    Context context(model);
    GenerateOptions options;
    options.ignore_eos = true;
    int steps = 0;
    Generation generation = context.generate(model.prompt("One day"), options);
    for (const Piece &piece : generation) {
        (void)piece;
        if (++steps == 5) context.cancel();
    }
    std::cout << (generation.finish() == EDGE_LLM_FINISH_CANCELLED ? "cancelled after " : "NOT CANCELLED: ") << steps << " steps\n";
}

static void saved(const Model &model)
{
    Context context(model), other(model);
    context.eval(model.tokenize("One day, a cat"));
    std::vector<float> expected = context.logits();
    context.trim(context.tokens().size() - 1);
    other.load(context.save());
    Token last = model.tokenize("One day, a cat").back();
    other.eval({last});
    std::cout << (other.logits() == expected ? "the same logits after saving and loading" : "DIFFERENT LOGITS") << '\n';
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: tour MODEL\n";
        return 2;
    }
    Expected<Model> missing = Model::try_open("no such file");
    std::cout << "an error: " << missing.error().status() << ", " << missing.error().what() << '\n';
    try {
        Model model(argv[1]);
        chat(model);
        embed(model);
        two_threads(model);
        cancelled(model);
        saved(model);
        return 0;
    } catch (const Error &error) {
        std::cerr << "tour: " << error.what() << '\n';
        return 1;
    }
}
