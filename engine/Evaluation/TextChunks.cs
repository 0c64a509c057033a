namespace Edge.Llm;

/// <summary>A text's tokens in chunks of one size, each to be evaluated alone, from an empty context: llama.cpp's convention for perplexity
/// and importance matrices. What does not fill a chunk is left out. In a model whose texts begin with BOS, BOS takes the place of each
/// chunk's first token.</summary>
public sealed class TextChunks
{
    /// <summary>Smallest chunk: it has one prediction to score.</summary>
    public const int MinSize = 4;

    private readonly int[] _tokens;

    /// <summary>Cuts tokens into chunks of <paramref name="size"/>, at most <paramref name="most"/> of them.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: too few tokens for one chunk.</exception>
    public TextChunks(int[] tokens, int size, int most = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, MinSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        if (tokens.Length < size)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"a text of {tokens.Length} tokens: expected at least the {size} of one chunk");
        _tokens = tokens;
        Size = size;
        Count = Math.Min(tokens.Length / size, most);
    }

    /// <summary>Tokens a chunk.</summary>
    public int Size { get; }

    /// <summary>Chunks.</summary>
    public int Count { get; }

    /// <summary>The first position whose prediction of the next token is scored: what comes before is context only.</summary>
    public int FirstScored => Size / 2;

    /// <summary>Predictions scored in a chunk.</summary>
    public int Scored => Size - 1 - FirstScored;

    /// <summary>The tokens of all chunks.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count * Size);

    /// <summary>The tokens of a chunk, as in the text.</summary>
    public ReadOnlySpan<int> this[int chunk] => _tokens.AsSpan(chunk * Size, Size);

    /// <summary>The chunks of a text.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: the text is too short, or too long. Unsupported: the model ends its texts with EOS,
    /// which the convention knows nothing of.</exception>
    public static TextChunks Of(ReadOnlySpan<byte> utf8, Tokenizer tokenizer, int size, int most = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (tokenizer.Vocabulary.AddEos)
            throw new EdgeLlmException(ErrorCode.Unsupported, "tokenizer.ggml.add_eos_token is true: text that ends with EOS cannot be cut into chunks");
        return new TextChunks(tokenizer.Encode(utf8, addSpecial: true, parseSpecial: false), size, most);
    }
}
