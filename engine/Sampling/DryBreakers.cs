using System.Text;

namespace Edge.Llm.Sampling;

/// <summary>Texts that end a repetition, as tokens: one that contains such a text, or one that ends with its beginning and those that spell
/// the rest.</summary>
internal sealed class DryBreakers
{
    private const int MaxRest = 20; // tokens

    private readonly Dictionary<int, List<int[]>> _rests = []; // by the token that a breaker begins in

    /// <summary>No breakers.</summary>
    public static DryBreakers None { get; } = new();

    /// <summary>Finds the tokens of the texts.</summary>
    public static DryBreakers Of(Tokenizer tokenizer, IReadOnlyList<string> texts)
    {
        var breakers = new DryBreakers();
        byte[][] all = [.. texts.Where(text => text.Length > 0).Select(Encoding.UTF8.GetBytes)];
        if (all.Length == 0) return breakers;
        for (int token = 0; token < tokenizer.Vocabulary.Count; token++)
        {
            ReadOnlySpan<byte> piece = tokenizer.DecodeToken(token);
            foreach (byte[] text in all) breakers.Add(tokenizer, token, piece, text);
        }
        return breakers;
    }

    /// <summary>Tokens behind the last breaker of a text.</summary>
    public int TokensSince(ReadOnlySpan<int> text)
    {
        for (int since = 0; since < text.Length; since++)
        {
            if (!_rests.TryGetValue(text[^(since + 1)], out List<int[]>? rests)) continue;
            int longest = -1;
            foreach (int[] rest in rests)
                if (rest.Length > longest && rest.Length <= since && text.Slice(text.Length - since, rest.Length).SequenceEqual(rest)) longest = rest.Length;
            if (longest >= 0) return since - longest;
        }
        return text.Length;
    }

    private void Add(Tokenizer tokenizer, int token, ReadOnlySpan<byte> piece, byte[] text)
    {
        if (piece.IndexOf(text) >= 0)
        {
            Add(token, []);
            return;
        }
        for (int length = Math.Min(piece.Length, text.Length - 1); length > 0; length--)
        {
            if (!piece.EndsWith(text.AsSpan(0, length))) continue;
            int[] rest = tokenizer.Encode(text.AsSpan(length), addSpecial: false, parseSpecial: false);
            if (rest.Length <= MaxRest) Add(token, rest);
        }
    }

    private void Add(int token, int[] rest)
    {
        if (!_rests.TryGetValue(token, out List<int[]>? rests)) _rests.Add(token, rests = []);
        rests.Add(rest);
    }
}
