using System.Text;

namespace Edge.Llm;

/// <summary>Turns ids into text one by one, never half a character: a token may end inside one, whose bytes wait for the next token. The
/// texts joined are <see cref="Tokenizer.Decode"/> of the ids joined.</summary>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _special;
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly IReadOnlySet<int>? _rendered;
    private bool _atStart;
    private char[] _chars = new char[64];

    /// <summary>Starts a stream.</summary>
    /// <param name="tokenizer">The tokenizer of the ids.</param>
    /// <param name="special">Render control tokens too.</param>
    /// <param name="continuation">The ids continue a text (an answer after its prompt): its leading space is kept.</param>
    public StreamingDecoder(Tokenizer tokenizer, bool special = false, bool continuation = false) : this(tokenizer, special, continuation, null)
    {
    }

    internal StreamingDecoder(Tokenizer tokenizer, bool special, bool continuation, IReadOnlySet<int>? rendered)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _special = special;
        _rendered = rendered;
        _atStart = !continuation;
    }

    /// <summary>The text that this token completes; empty while a character is unfinished.</summary>
    public string Append(int id)
    {
        ReadOnlySpan<byte> piece = _tokenizer.DecodeToken(id, _special || _rendered?.Contains(id) == true);
        if (_atStart) piece = _tokenizer.TrimLeadingSpace(piece);
        _atStart = false;
        return Convert(piece, flush: false);
    }

    /// <summary>Ends the stream: an unfinished character becomes U+FFFD.</summary>
    public string Flush() => Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        int needed = _decoder.GetCharCount(bytes, flush);
        if (needed > _chars.Length) _chars = new char[needed];
        return new string(_chars, 0, _decoder.GetChars(bytes, _chars, flush));
    }
}
