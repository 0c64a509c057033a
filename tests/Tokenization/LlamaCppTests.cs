using Edge.Llm.Tests.Support;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Tokenization;

/// <summary>The same ids as llama.cpp, which runs beside the tests where the shared folder and Python are there.</summary>
[TestClass]
public class LlamaCppTests
{
    private static int Count => Settings.Full ? 100_000 : 250;

    public static IEnumerable<object[]> Vocabularies => SharedVocabularies.Names.Append("stories260K").Select(name => new object[] { name });

    /// <summary>One name of each pre-tokenizer: the others are the same object.</summary>
    public static IEnumerable<object[]> PreTokenizers =>
        PreTokenizerTable.Names.DistinctBy(PreTokenizer.Get).Where(name => name != "whitespace").Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Vocabularies))]
    public void RandomTextsHaveTheIdsOfLlamaCpp(string name)
    {
        foreach (bool special in new[] { true, false })
            PeerTokens.Compare(SharedVocabularies.PathOf(name), SharedVocabularies.Load(name), RandomTexts.Make(Count, 7), name, special);
    }

    [TestMethod]
    [DynamicData(nameof(PreTokenizers))]
    public void EachPreTokenizerCutsAsLlamaCppDoes(string pre)
    {
        RequireShared();
        using MadeVocabulary made = PreTokenizer.Get(pre).Spelling == Spelling.Bytes
            ? MadeVocabulary.OfBytePairs("gpt2", pre) : MadeVocabulary.OfCharacterPairs("gpt2", pre);
        Compare(made, pre);
    }

    [TestMethod]
    [DataRow("gemma4", "gemma4")]
    [DataRow("whitespace", "whitespace")]
    [DataRow("whitespace", "gemma4")]
    public void CharactersMergeAsInLlamaCpp(string model, string pre)
    {
        RequireShared();
        using var made = MadeVocabulary.OfCharacterPairs(model, pre);
        Compare(made, $"{model}, {pre}");
    }

    [TestMethod]
    public void WordsBetweenSpacesAreThoseOfLlamaCpp()
    {
        RequireShared();
        using var made = MadeVocabulary.OfBytePairs("whitespace", "gpt-2");
        Compare(made, "whitespace, gpt-2");
    }

    [TestMethod]
    public void RwkvTokensAreThoseOfLlamaCpp()
    {
        RequireShared();
        using var made = MadeVocabulary.Rwkv();
        Compare(made, "rwkv");
    }

    [TestMethod]
    public void Plamo2TokensAreThoseOfLlamaCpp()
    {
        RequireShared();
        using var made = MadeVocabulary.Plamo2();
        Compare(made, "plamo2");
    }

    [TestMethod]
    [DataRow("bert-bge", false, true)]
    [DataRow("bert-bge", false, false)]
    [DataRow("bert-bge", true, false)]
    [DataRow("wpm", true, true)]
    [DataRow("wpm", false, true)]
    public void WordPiecesAreThoseOfLlamaCpp(string name, bool lowercase, bool stripAccents)
    {
        using var made = MadeVocabulary.Changed(name == "wpm" ? Peer.MakeVocabulary(name) : SharedVocabularies.PathOf(name),
            ("normalizer.lowercase", lowercase), ("normalizer.strip_accents", stripAccents));
        Compare(made, $"{name}, lowercase {lowercase}, strip_accents {stripAccents}");
    }

    [TestMethod]
    [DataRow(true, true)]
    [DataRow(true, false)]
    [DataRow(false, true)]
    [DataRow(false, false)]
    public void UnigramTokensAreThoseOfLlamaCpp(bool spacePrefix, bool removeSpaces)
    {
        using var made = MadeVocabulary.Changed(Peer.MakeVocabulary("ugm"),
            ("add_space_prefix", spacePrefix), ("remove_extra_whitespaces", removeSpaces));
        Compare(made, $"add_space_prefix {spacePrefix}, remove_extra_whitespaces {removeSpaces}");
    }

    private static void RequireShared() => Settings.Shared();

    private static void Compare(MadeVocabulary made, string what)
    {
        PeerTokens.Compare(made.Path, made.Tokenizer, RandomTexts.Make(Count, 8), what);
        // llama.cpp reads words of plain characters back in GPT-2's alphabet.
        if (made.Tokenizer.Vocabulary.Pre != "whitespace") PeerTokens.ComparePieces(made.Path, made.Tokenizer, string.Concat(RandomTexts.Parts), what);
    }
}
