using System.Buffers;

namespace Edge.Llm.Tokenization;

/// <summary>Unigram (<c>tokenizer.ggml.model</c> t5): of all ways to cut a text into tokens the one whose scores sum up highest.</summary>
internal sealed class UnigramTokenizer : Tokenizer
{
    private const float UnknownPenalty = 10;

    private readonly UnigramNormalizer _normalizer;
    private readonly ByteTrie _tokens;
    private readonly float _unknownScore;

    public static TokenizerKind Kind { get; } = new("t5", Create)
    {
        DefaultIds = [("eos_token_id", 1), ("unknown_token_id", 2), ("padding_token_id", 0)],
        RequiredIds = ["unknown_token_id"],
        AddEos = true,
    };

    public UnigramTokenizer(Vocabulary vocabulary, CharacterMap? map, bool joinSpaces)
        : base(vocabulary, TokenPieces.Of(vocabulary, SpaceMark.AppendUnmarked))
    {
        _normalizer = new UnigramNormalizer(vocabulary, map, joinSpaces);
        IEnumerable<int> all = Enumerable.Range(0, vocabulary.Count);
        _tokens = new ByteTrie(vocabulary.Texts,
            all.Where(id => vocabulary.GetType(id) is TokenType.Normal or TokenType.UserDefined or TokenType.Unused));
        float lowest = all.Where(id => vocabulary.GetType(id) == TokenType.Normal).Select(vocabulary.GetScore).DefaultIfEmpty(float.MaxValue).Min();
        _unknownScore = lowest - UnknownPenalty;
    }

    private static UnigramTokenizer Create(Vocabulary vocabulary, GgufMetadata metadata) =>
        new(vocabulary, CharacterMap.Read(metadata), metadata.GetBool("tokenizer.ggml.remove_extra_whitespaces", false));

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        var normalized = new ArrayBufferWriter<byte>(utf8.Length + 16);
        _normalizer.Normalize(utf8, normalized);
        ReadOnlySpan<byte> text = normalized.WrittenSpan;
        var paths = new BestPaths(Vocabulary.UnkId, ids);
        for (int at = 0; at < text.Length;)
        {
            int character = Math.Min(LooseUtf8.LengthByFirstByte(text[at]), text.Length - at);
            bool known = false;
            paths.StartAt(at);
            for (int end = at, node = ByteTrie.Root; end < text.Length && (node = _tokens.Step(node, text[end])) >= 0;)
            {
                end++;
                int id = _tokens.ValueAt(node);
                if (id < 0) continue;
                known |= end - at == character;
                paths.Offer(end - at, id, Vocabulary.GetType(id) == TokenType.UserDefined ? 0 : Vocabulary.GetScore(id));
            }
            if (!known) paths.Offer(character, Vocabulary.UnkId, _unknownScore);
            at += character;
        }
        paths.Finish(text.Length);
    }
}
