using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

/// <summary>A mask allows a token where the grammar accepts it, and nowhere else.</summary>
[TestClass]
public sealed class MaskTests
{
    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    [TestInitialize]
    public void NeedsAVocabulary() => _ = Tokenizer;

    public static IEnumerable<Func<Grammar>[]> Grammars =>
    [
        [() => Grammar.Gbnf(File.ReadAllText(Settings.Shared("schemas", "grammars", "json.gbnf")))],
        [() => Grammar.Gbnf(File.ReadAllText(Settings.Shared("schemas", "grammars", "c.gbnf")))],
        [() => Grammar.Gbnf("root ::= \"<\" [^<>]{0,40} \">\" | [a-z]{3,30} (\" \" [a-z]{3,30})* \"!\"")],
        [() => Grammar.Regex("(?=.*[A-Z])[a-zA-Z]{2,12}|[0-9é]+")],
    ];

    [TestMethod]
    [DynamicData(nameof(Grammars))]
    public void MasksAgreeWithAcceptingEachToken(Func<Grammar> grammar)
    {
        CompiledGrammar compiled = grammar().Compile(Tokenizer);
        var mask = new TokenMask(Tokenizer.Vocabulary.Count);
        var random = new Random(2);
        for (int text = 0; text < (Settings.Full ? 40 : 4); text++)
        {
            GrammarMatcher matcher = compiled.NewMatcher();
            for (int i = 0; i < 12; i++)
            {
                matcher.Fill(mask);
                bool forced = matcher.ForcedTokens().Length > 0;
                for (int token = random.Next(4); token < mask.VocabularySize; token += forced ? mask.VocabularySize : 4)
                {
                    bool accepted = matcher.Accept(token);
                    if (accepted) matcher.Rollback(1);
                    Assert.AreEqual(accepted, mask[token], $"token {token} behind {i} tokens");
                }
                int next = mask.Next(random.Next(mask.VocabularySize));
                if (next < 0) next = mask.Next(0);
                Assert.IsTrue(matcher.Accept(next));
                if (matcher.IsEnded) break;
            }
        }
    }
}
