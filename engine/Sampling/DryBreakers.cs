using System.Text;

namespace Edge.Llm.Sampling;

/// <summary>Texts that end a repetition, wherever they begin and end in tokens.</summary>
internal sealed class DryBreakers
{
    private readonly Tokenizer? _tokenizer;
    private readonly byte[][] _texts;

    private DryBreakers(Tokenizer? tokenizer, byte[][] texts) => (_tokenizer, _texts) = (tokenizer, texts);

    /// <summary>No breakers.</summary>
    public static DryBreakers None { get; } = new(null, []);

    /// <summary>Breakers in the texts of a tokenizer's tokens.</summary>
    public static DryBreakers Of(Tokenizer tokenizer, IReadOnlyList<string> texts) => new(tokenizer, [.. texts.Select(Encoding.UTF8.GetBytes)]);

    /// <summary>Tokens behind the one in which the last breaker of a text ends.</summary>
    public int TokensSince(ReadOnlySpan<int> tokens)
    {
        if (_texts.Length == 0) return tokens.Length;
        for (int since = 0; since < tokens.Length; since++)
            if (BreakerFrom(tokens[^(since + 1)..]) is > 0 and int covered) return since + 1 - covered;
        return tokens.Length;
    }

    // How many tokens a breaker covers that begins in the first one; 0: none does.
    private int BreakerFrom(ReadOnlySpan<int> tokens)
    {
        int most = 0;
        ReadOnlySpan<byte> first = _tokenizer!.DecodeToken(tokens[0]);
        foreach (byte[] text in _texts)
            for (int start = 0; start < first.Length; start++)
                if (first[start] == text[0]) most = Math.Max(most, Covered(tokens, start, text));
        return most;
    }

    private int Covered(ReadOnlySpan<int> tokens, int start, ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < tokens.Length; i++, start = 0)
        {
            ReadOnlySpan<byte> piece = _tokenizer!.DecodeToken(tokens[i])[start..];
            int common = Math.Min(piece.Length, text.Length);
            if (!piece[..common].SequenceEqual(text[..common])) return 0;
            text = text[common..];
            if (text.IsEmpty) return i + 1;
        }
        return 0;
    }
}
