namespace Edge.Llm;

/// <summary>What a vocabulary entry is, numbered as in <c>tokenizer.ggml.token_type</c>.</summary>
public enum TokenType
{
    /// <summary>Unmarked; renders nothing.</summary>
    Undefined = 0,

    /// <summary>Ordinary text.</summary>
    Normal = 1,

    /// <summary>Stands for what the vocabulary cannot express.</summary>
    Unknown = 2,

    /// <summary>Steers the model (begin of text, end of turn); renders nothing unless asked.</summary>
    Control = 3,

    /// <summary>Added to the vocabulary by hand: matched in the text before anything else.</summary>
    UserDefined = 4,

    /// <summary>Never trained; renders nothing.</summary>
    Unused = 5,

    /// <summary>One byte, written &lt;0xXX&gt;.</summary>
    Byte = 6,
}
