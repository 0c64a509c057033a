using System.Numerics;

namespace Edge.Llm.Tokenization;

/// <summary>PLaMo 2 (<c>tokenizer.ggml.model</c> plamo2): of all ways to cut a text the one that costs least, in whole numbers, from the end on.
/// A character may also be its bytes, at a high price.</summary>
internal sealed class Plamo2Tokenizer : Tokenizer
{
    private const double Scale = 1e4;
    private const int BytesCost = 10_000_000, MostCost = 2 * BytesCost;
    private const long Unreachable = 1L << 60;

    private readonly ByteTrie _tokens;
    private readonly int[] _costs;
    private readonly int[] _byteIds = new int[256];

    public static TokenizerKind Kind { get; } = new("plamo2", (vocabulary, _) => new Plamo2Tokenizer(vocabulary))
    {
        DefaultIds = [("bos_token_id", 1), ("eos_token_id", 2), ("unknown_token_id", 0), ("padding_token_id", 3)],
    };

    private Plamo2Tokenizer(Vocabulary vocabulary) : base(vocabulary, TokenPieces.Of(vocabulary, TokenPieces.AppendPlain))
    {
        _costs = new int[vocabulary.Count];
        for (int id = 0; id < _costs.Length; id++) _costs[id] = Cost(vocabulary.GetScore(id));
        _tokens = new ByteTrie(vocabulary.Texts,
            Enumerable.Range(0, vocabulary.Count).Where(id => vocabulary.GetType(id) != TokenType.Byte && _costs[id] < MostCost));
        for (int value = 0; value < 256; value++)
        {
            _byteIds[value] = ByteToken.Find(vocabulary, value);
            if (_byteIds[value] < 0 || vocabulary.GetType(_byteIds[value]) != TokenType.Byte)
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"tokenizer.ggml.tokens: expected a byte token <0x{value:X2}>, found none");
        }
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        ReadOnlySpan<byte> text = LooseUtf8.Repair(utf8);
        if (text.StartsWith("\uFEFF"u8)) text = text[3..];
        int[] best = new int[text.Length]; // the token that begins at a character, or -1: its bytes
        long[] costs = new long[BitOperations.RoundUpToPowerOf2((uint)Vocabulary.LongestText + 1)]; // of the last places, in a ring
        for (int at = text.Length; at > 0;)
        {
            at--;
            // No token ends inside a character.
            if ((text[at] & 0xC0) == 0x80) costs[at & (costs.Length - 1)] = Unreachable;
            else (costs[at & (costs.Length - 1)], best[at]) = Best(text, at, costs);
        }
        for (int at = 0; at < text.Length;)
        {
            int length = best[at] < 0 ? LooseUtf8.LengthByFirstByte(text[at]) : Vocabulary.GetText(best[at]).Length;
            if (best[at] >= 0) ids.Add(best[at]);
            else
                foreach (byte value in text.Slice(at, length)) ids.Add(_byteIds[value]);
            at += length;
        }
    }

    /// <summary>The least cost from a place to the end, and the token that begins there: of equal ones the longest.</summary>
    private (long Cost, int Id) Best(ReadOnlySpan<byte> text, int at, long[] costs)
    {
        int best = -1, mask = costs.Length - 1;
        long least = costs[(at + LooseUtf8.LengthByFirstByte(text[at])) & mask] + BytesCost;
        for (int end = at, node = ByteTrie.Root; end < text.Length && (node = _tokens.Step(node, text[end])) >= 0;)
        {
            end++;
            int id = _tokens.ValueAt(node);
            if (id < 0 || costs[end & mask] + _costs[id] > least) continue;
            (least, best) = (costs[end & mask] + _costs[id], id);
        }
        return (least, best);
    }

    /// <summary>A score that is no number, or too low, makes a token that is never used.</summary>
    private static int Cost(float score)
    {
        double scaled = Math.Round(score * Scale, MidpointRounding.AwayFromZero);
        return double.IsFinite(scaled) ? (int)Math.Clamp(-scaled, -int.MaxValue, MostCost) : MostCost;
    }
}
