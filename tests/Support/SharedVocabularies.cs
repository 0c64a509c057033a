using System.Collections.Concurrent;

namespace Edge.Llm.Tests.Support;

/// <summary>The real vocabularies of the shared folder, each loaded once.</summary>
internal static class SharedVocabularies
{
    internal static readonly string[] Names = ["llama-spm", "phi-3", "llama-bpe", "qwen2", "gpt-2", "deepseek-coder", "starcoder", "falcon", "bert-bge"];

    private static readonly ConcurrentDictionary<string, Tokenizer> s_loaded = new();

    internal static string PathOf(string name) => name == "stories260K"
        ? Settings.Shared("models", "stories260K.gguf")
        : Settings.Shared("vocabs", $"ggml-vocab-{name}.gguf");

    internal static Tokenizer Load(string name)
    {
        string path = PathOf(name);
        return s_loaded.GetOrAdd(name, _ =>
        {
            using GgufFile file = GgufFile.Open(path);
            return Tokenizer.FromGguf(file.Metadata);
        });
    }
}
