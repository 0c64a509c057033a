using System.Buffers;
using System.Text;
using Edge.Llm.Tokenization;

namespace Edge.Llm;

/// <summary>Turns text into token ids and back, id for id as llama.cpp does. Immutable; any number of threads may use one.</summary>
public abstract class Tokenizer
{
    /// <summary>Buffers hold at most three bytes for one of text, and arrays less than 2 GiB.</summary>
    private const int MaxTextBytes = 256 << 20;

    private readonly PackedStrings _pieces;
    private readonly SpecialTokenMatcher _special;

    private protected Tokenizer(Vocabulary vocabulary, PackedStrings pieces)
    {
        Vocabulary = vocabulary;
        _pieces = pieces;
        _special = new SpecialTokenMatcher(vocabulary);
    }

    /// <summary>The tokenizer that a file describes. It does not need the file afterwards.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: another kind of tokenizer or pre-tokenizer.</exception>
    public static Tokenizer FromGguf(GgufMetadata metadata)
    {
        TokenizerKind kind = TokenizerKinds.Get(metadata.GetString("tokenizer.ggml.model"));
        return kind.Create(Vocabulary.FromGguf(metadata), metadata);
    }

    /// <summary>The tokens.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecial">Add what begins and ends a text where the model asks for it (BOS and EOS, CLS and SEP); BOS is added even if the
    /// text begins with it.</param>
    /// <param name="parseSpecial">Read the spelling of control tokens in the text as those tokens, not as text.</param>
    public int[] Encode(string text, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxTextBytes) throw TooLong(text.Length);
        byte[] utf8 = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetByteCount(text));
        try
        {
            return Encode(utf8.AsSpan(0, Encoding.UTF8.GetBytes(text, utf8)), addSpecial, parseSpecial);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(utf8);
        }
    }

    /// <inheritdoc cref="Encode(string, bool, bool)"/>
    /// <param name="utf8">The text in UTF-8; other bytes are kept as byte tokens or become U+FFFD, as the model's kind of tokenizer does.</param>
    /// <param name="addSpecial">Add what begins and ends a text where the model asks for it (BOS and EOS, CLS and SEP); BOS is added even if the
    /// text begins with it.</param>
    /// <param name="parseSpecial">Read the spelling of control tokens in the text as those tokens, not as text.</param>
    public int[] Encode(ReadOnlySpan<byte> utf8, bool addSpecial = true, bool parseSpecial = true)
    {
        var ids = new List<int>(utf8.Length / 3 + 2);
        Encode(utf8, ids, addSpecial, parseSpecial);
        return [.. ids];
    }

    /// <summary>The ids of a text that is to be continued: it begins with BOS where the model asks for it, and no EOS or SEP ends it.</summary>
    /// <param name="text">The text.</param>
    public int[] EncodePrompt(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return WithoutEnd(Encode(text));
    }

    /// <inheritdoc cref="EncodePrompt(string)"/>
    /// <param name="utf8">The text in UTF-8.</param>
    /// <param name="parseSpecial">Read the spelling of control tokens in the text as those tokens, not as text.</param>
    public int[] EncodePrompt(ReadOnlySpan<byte> utf8, bool parseSpecial = true) => WithoutEnd(Encode(utf8, parseSpecial: parseSpecial));

    /// <summary>The ids of two texts that belong together, as rerankers read a query and a document: one beginning, and an end, or a separator,
    /// behind each.</summary>
    /// <param name="first">The first text.</param>
    /// <param name="second">The second text.</param>
    public int[] EncodePair(string first, string second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        return EncodePair(Encoding.UTF8.GetBytes(first), Encoding.UTF8.GetBytes(second));
    }

    /// <inheritdoc cref="EncodePair(string, string)"/>
    public int[] EncodePair(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        int[] separator = Vocabulary.AddSep ? [Vocabulary.SepId] : [];
        return [.. Encode(first), .. separator, .. Encode(second)[(Vocabulary.AddBos ? 1 : 0)..]];
    }

    /// <summary>Appends the ids of a text to a list.</summary>
    /// <inheritdoc cref="Encode(ReadOnlySpan{byte}, bool, bool)"/>
    public void Encode(ReadOnlySpan<byte> utf8, List<int> ids, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Encode(utf8, ids, addSpecial, parseSpecial, new SymbolMerger());
    }

    internal void Encode(ReadOnlySpan<byte> utf8, List<int> ids, bool addSpecial, bool parseSpecial, SymbolMerger merger)
    {
        if (utf8.Length > MaxTextBytes) throw TooLong(utf8.Length);
        if (addSpecial && Vocabulary.AddBos) ids.Add(Vocabulary.BosId);
        EncodeFragments(utf8, _special.Partition(utf8, parseSpecial), ids, merger);
        if (addSpecial && Vocabulary.EndId >= 0) ids.Add(Vocabulary.EndId);
    }

    /// <summary>The ids of text that stands behind other text: without special tokens and without the space before a text's first word.</summary>
    internal int[] EncodeContinuation(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MaxTextBytes) throw TooLong(utf8.Length);
        var ids = new List<int>();
        EncodeText(utf8, afterSpecial: false, ids, new SymbolMerger());
        return [.. ids];
    }

    /// <summary>The ids of a prompt: special tokens count where the mask lets them.</summary>
    /// <param name="text">The prompt.</param>
    /// <param name="mask">What of it came from the conversation.</param>
    /// <param name="template">The template's text: its markup is no token in the conversation.</param>
    internal int[] EncodePrompt(string text, PromptMask mask, string template)
    {
        if (text.Length > MaxTextBytes) throw TooLong(text.Length);
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        if (utf8.Length > MaxTextBytes) throw TooLong(utf8.Length);
        foreach (int id in _special.Markers(Encoding.UTF8.GetBytes(template))) mask.AddMarker(id);
        var ids = new List<int>(utf8.Length / 3 + 2);
        EncodeFragments(utf8, _special.Partition(utf8, parseSpecial: true, mask), ids, new SymbolMerger());
        if (Vocabulary.AddBos && (ids.Count == 0 || ids[0] != Vocabulary.BosId)) ids.Insert(0, Vocabulary.BosId);
        return [.. ids];
    }

    private int[] WithoutEnd(int[] ids) => Vocabulary.EndId >= 0 ? ids[..^1] : ids;

    private void EncodeFragments(ReadOnlySpan<byte> utf8, List<Fragment> fragments, List<int> ids, SymbolMerger merger)
    {
        bool afterSpecial = true;
        foreach (Fragment fragment in fragments)
        {
            if (fragment.Token >= 0) ids.Add(fragment.Token);
            else EncodeText(utf8.Slice(fragment.Start, fragment.Length), afterSpecial, ids, merger);
            afterSpecial = fragment.Token >= 0;
        }
    }

    /// <summary>The bytes that a token stands for: often not whole characters. Control and unknown tokens have none unless asked for.</summary>
    public ReadOnlySpan<byte> DecodeToken(int id, bool special = false) =>
        Vocabulary.GetType(id) is TokenType.Control or TokenType.Unknown && !special ? default : _pieces[id];

    /// <summary>The text of a whole sequence. As in llama.cpp, the space that a model puts before a text's first word is taken off if that
    /// word is the first token. Bytes that are not UTF-8 become U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool special = false)
    {
        var bytes = new ArrayBufferWriter<byte>(ids.Length * 4 + 16);
        for (int i = 0; i < ids.Length; i++)
        {
            ReadOnlySpan<byte> piece = DecodeToken(ids[i], special);
            bytes.Write(i == 0 ? TrimLeadingSpace(piece) : piece);
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    internal ReadOnlySpan<byte> TrimLeadingSpace(ReadOnlySpan<byte> piece) =>
        Vocabulary.AddSpacePrefix && piece.StartsWith(" "u8) ? piece[1..] : piece;

    /// <summary>Appends the ids of text without special tokens.</summary>
    private protected abstract void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger);

    private static EdgeLlmException TooLong(int length) =>
        new(ErrorCode.InvalidArgument, $"a text to encode: expected at most {MaxTextBytes} bytes, found {length}");
}
