using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Tokenization;

/// <summary>The expected ids that llama.cpp publishes with its vocabularies.</summary>
[TestClass]
public class VocabularyFileTests
{
    public static IEnumerable<object[]> Vocabularies => SharedVocabularies.Names.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Vocabularies))]
    public void EveryPublishedTextHasItsIds(string name)
    {
        Tokenizer tokenizer = SharedVocabularies.Load(name);
        string path = SharedVocabularies.PathOf(name);
        string[] texts = File.ReadAllText(path + ".inp").Split("\n__ggml_vocab_test__\n");
        string[] lines = File.ReadAllLines(path + ".out");
        Assert.IsGreaterThan(40, lines.Length);

        for (int i = 0; i < lines.Length; i++)
        {
            int[] expected = [.. lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
            CollectionAssert.AreEqual(expected, tokenizer.Encode(texts[i], addSpecial: false, parseSpecial: false), $"{name}, text {i}: {texts[i]}");
            // WordPiece forgets case, accents and white space.
            if (tokenizer.Vocabulary.Model != "bert") Assert.AreEqual(texts[i], tokenizer.Decode(expected), $"{name}, text {i} back");
        }
    }

    [TestMethod]
    [DataRow("llama-spm", 1, true, "</s>")]
    [DataRow("phi-3", 1, true, "<|endoftext|>;</s>;<|end|>")]
    [DataRow("llama-bpe", 128000, true, "<|end_of_text|>;<|eot_id|>")]
    [DataRow("qwen2", 151643, false, "<|endoftext|>;<|im_end|>;</s>")]
    [DataRow("gpt-2", 50256, false, "<|endoftext|>")]
    [DataRow("deepseek-coder", 32013, true, "<｜end▁of▁sentence｜>")]
    [DataRow("falcon", 11, false, "<|endoftext|>")]
    public void SpecialTokensAreThoseOfTheFile(string name, int bos, bool addBos, string stops)
    {
        Vocabulary vocabulary = SharedVocabularies.Load(name).Vocabulary;
        Assert.AreEqual(bos, vocabulary.BosId);
        Assert.AreEqual(addBos, vocabulary.AddBos);
        foreach (string stop in stops.Split(';'))
            Assert.IsTrue(vocabulary.IsEndOfGeneration(vocabulary.Find(System.Text.Encoding.UTF8.GetBytes(stop))), stop);
        Assert.AreEqual(stops.Split(';').Length, vocabulary.EndOfGenerationIds.Count);
    }

    [TestMethod]
    public void ControlTokensAreReadAndRenderedOnlyWhenAsked()
    {
        Tokenizer tokenizer = SharedVocabularies.Load("llama-bpe");
        CollectionAssert.AreEqual(new[] { 128000, 128009, 64 }, tokenizer.Encode("<|eot_id|>a"));
        int[] plain = tokenizer.Encode("<|eot_id|>a", addSpecial: false, parseSpecial: false);
        Assert.DoesNotContain(128009, plain);
        Assert.AreEqual("<|eot_id|>a", tokenizer.Decode(plain));
        Assert.AreEqual("a", tokenizer.Decode([128000, 128009, 64]));
        Assert.AreEqual("<|begin_of_text|><|eot_id|>a", tokenizer.Decode([128000, 128009, 64], special: true));
    }

    /// <summary>As llama_detokenize does, which takes no space off behind a BOS.</summary>
    [TestMethod]
    [DataRow("llama-spm", new[] { 1, 15043, 29871 }, " Hello ", "<s> Hello ")]
    [DataRow("llama-spm", new[] { 15043, 3186 }, "Hello world", "Hello world")]
    [DataRow("phi-3", new[] { 32007, 15043, 2 }, " Hello", "<|end|> Hello</s>")]
    [DataRow("llama-bpe", new[] { 128000, 9906, 128009, 1917 }, "Hello world", "<|begin_of_text|>Hello<|eot_id|> world")]
    public void DecodedTextIsThatOfLlamaCpp(string name, int[] ids, string plain, string special)
    {
        Tokenizer tokenizer = SharedVocabularies.Load(name);
        Assert.AreEqual(plain, tokenizer.Decode(ids));
        Assert.AreEqual(special, tokenizer.Decode(ids, special: true));
    }
}
