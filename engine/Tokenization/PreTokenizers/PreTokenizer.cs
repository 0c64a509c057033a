namespace Edge.Llm.Tokenization;

/// <summary>How a byte-level BPE cuts text into words: one row of the <see cref="PreTokenizerTable"/>. Each rule cuts the pieces that the rule
/// before left: a match is a piece, and so is what lies between matches.</summary>
internal sealed class PreTokenizer(params SplitRule[] rules)
{
    /// <summary>A word that is a token is that token, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>A word of newlines that is a token is that token.</summary>
    public bool NewlinesAreWhole { get; init; }

    /// <summary>Whether a prompt begins with BOS where the file does not say.</summary>
    public bool AddBos { get; init; }

    /// <summary>A prompt begins with BOS whatever the file says.</summary>
    public bool ForceBos { get; init; }

    /// <summary>The family has no BOS unless the file names one.</summary>
    public bool NoDefaultBos { get; init; }

    /// <summary>The vocabulary may go without merges.</summary>
    public bool MergesAreOptional { get; init; }

    /// <summary>How the vocabulary writes text.</summary>
    public Spelling Spelling { get; init; }

    /// <exception cref="EdgeLlmException">Unsupported: an unknown name.</exception>
    public static PreTokenizer Get(string name) => PreTokenizerTable.Find(name)
        ?? throw new EdgeLlmException(ErrorCode.Unsupported, $"tokenizer.ggml.pre: the pre-tokenizer \"{name}\" is not known");

    /// <summary>Appends the lengths in bytes of the words of whole characters (<see cref="LooseUtf8.Repair"/>), in order.</summary>
    public void Split(ReadOnlySpan<byte> text, List<int> lengths) => Split(text, 0, lengths);

    private void Split(ReadOnlySpan<byte> text, int rule, List<int> lengths)
    {
        if (text.IsEmpty) return;
        if (rule == rules.Length)
        {
            lengths.Add(text.Length);
            return;
        }
        for (int at = 0; at < text.Length;)
        {
            (int start, int end) = rules[rule](text, at);
            Split(text[at..start], rule + 1, lengths);
            Split(text[start..end], rule + 1, lengths);
            at = end;
        }
    }
}

/// <summary>How a vocabulary writes text.</summary>
internal enum Spelling
{
    /// <summary>Each byte as a character of GPT-2's alphabet (<see cref="ByteLevel"/>).</summary>
    Bytes,

    /// <summary>As it is, with bytes that have no token of their own as &lt;0xXX&gt;.</summary>
    Plain,

    /// <summary>The same, with spaces as ▁.</summary>
    MarkedSpaces,
}
