using System.Numerics;

namespace Edge.Llm;

/// <summary>Which tokens of a vocabulary may come next: a bit a token.</summary>
public sealed class TokenMask
{
    private readonly ulong[] _words;

    /// <summary>A mask without tokens.</summary>
    public TokenMask(int vocabularySize)
    {
        if (vocabularySize < 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"a mask of {vocabularySize} tokens: expected 0 or more");
        VocabularySize = vocabularySize;
        _words = new ulong[(vocabularySize + 63) / 64];
    }

    /// <summary>Number of tokens in the vocabulary.</summary>
    public int VocabularySize { get; }

    /// <summary>Number of tokens allowed.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            foreach (ulong word in _words) count += BitOperations.PopCount(word);
            return count;
        }
    }

    /// <summary>Whether a token is allowed.</summary>
    public bool this[int token] => (uint)token < (uint)VocabularySize && ((_words[token >> 6] >> token) & 1) != 0;

    /// <summary>The first token allowed from an id on, or -1.</summary>
    public int Next(int from)
    {
        if (from < 0) from = 0;
        for (int i = from >> 6; i < _words.Length; i++)
        {
            ulong word = _words[i];
            if (i == from >> 6) word &= ~0UL << from;
            if (word != 0) return (i << 6) + BitOperations.TrailingZeroCount(word);
        }
        return -1;
    }

    internal ReadOnlySpan<ulong> Words => _words;

    internal void Clear() => Array.Clear(_words);

    internal void Add(int token) => _words[token >> 6] |= 1UL << token;

    internal void AddAll(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens) Add(token);
    }

    internal void Remove(int token) => _words[token >> 6] &= ~(1UL << token);

    internal void CopyFrom(TokenMask other) => other._words.CopyTo(_words, 0);

    internal void UnionWith(TokenMask other)
    {
        for (int i = 0; i < _words.Length; i++) _words[i] |= other._words[i];
    }

    /// <summary>Bans the tokens that are not allowed.</summary>
    internal void Apply(Span<float> logits)
    {
        for (int token = 0; token < logits.Length; token += 64)
        {
            ulong word = _words[token >> 6];
            if (word == ~0UL) continue;
            Span<float> part = logits[token..Math.Min(token + 64, logits.Length)];
            if (word == 0) part.Fill(float.NegativeInfinity);
            else
                for (int i = 0; i < part.Length; i++)
                    if (((word >> i) & 1) == 0) part[i] = float.NegativeInfinity;
        }
    }
}
