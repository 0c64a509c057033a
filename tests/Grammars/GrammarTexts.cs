using System.Text;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Asks grammars about texts.</summary>
internal static class GrammarTexts
{
    /// <summary>Whether a text is one of the grammar, cut into tokens as the tokenizer does.</summary>
    public static bool Accepts(this CompiledGrammar grammar, Tokenizer tokenizer, string text)
    {
        GrammarMatcher matcher = grammar.NewMatcher();
        return tokenizer.Encode(Encoding.UTF8.GetBytes(text), addSpecial: false, parseSpecial: false).All(matcher.Accept) && matcher.IsComplete;
    }

    /// <summary>A text of random tokens that the masks allow, until the generation ends or the tokens are spent.</summary>
    public static int[] Random(this CompiledGrammar grammar, Tokenizer tokenizer, Random random, int tokens, out bool ended)
    {
        GrammarMatcher matcher = grammar.NewMatcher();
        var mask = new TokenMask(tokenizer.Vocabulary.Count);
        var ids = new List<int>();
        ended = false;
        while (!ended && ids.Count <= tokens)
        {
            matcher.Fill(mask, tokens - ids.Count);
            int count = mask.Count;
            if (count == 0) break;
            // The first token allowed from a random one on.
            int token = mask.Next(random.Next(tokenizer.Vocabulary.Count));
            if (token < 0) token = mask.Next(0);
            Assert.IsTrue(matcher.Accept(token), $"token {token} is allowed by the mask");
            ended = tokenizer.Vocabulary.IsEndOfGeneration(token);
            if (!ended) ids.Add(token);
        }
        return [.. ids];
    }

    public static string Text(this Tokenizer tokenizer, IEnumerable<int> ids)
    {
        var bytes = new List<byte>();
        foreach (int id in ids) bytes.AddRange(tokenizer.DecodeToken(id));
        return Encoding.UTF8.GetString([.. bytes]);
    }
}
