// Continues a text: complete MODEL [PROMPT [TOKENS [SEED]]]
#include <edge_llm.hpp>

#include <iostream>

int main(int argc, char **argv)
{
    if (argc < 2) {
        std::cerr << "usage: complete MODEL [PROMPT [TOKENS [SEED]]]\n";
        return 2;
    }
    try {
        edge_llm::Model model(argv[1]);
        edge_llm::Context context(model);
        edge_llm::GenerateOptions options;
        options.max_tokens = argc > 3 ? std::stoi(argv[3]) : 128;
        if (argc > 4) options.sampling.seed = std::stoull(argv[4]);
        for (const edge_llm::Piece &piece : context.generate(model.prompt(argc > 2 ? argv[2] : "Once upon a time"), options))
            std::cout << piece.text << std::flush;
        std::cout << '\n';
        return 0;
    } catch (const edge_llm::Error &error) {
        std::cerr << "complete: " << error.what() << '\n';
        return 1;
    }
}
