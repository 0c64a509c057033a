namespace Edge.Llm.Tokenization;

/// <summary>Vocabularies of the SentencePiece family write a space as ▁.</summary>
internal static class SpaceMark
{
    public static ReadOnlySpan<byte> Text => "▁"u8;

    /// <summary>The most bytes that <see cref="Write"/> writes.</summary>
    public static int MaxLength(ReadOnlySpan<byte> utf8) => utf8.Length + (Text.Length - 1) * utf8.Count((byte)' ') + Text.Length;

    /// <summary>Writes a text with its spaces marked, and one more mark in front if asked; returns its length.</summary>
    public static int Write(ReadOnlySpan<byte> utf8, bool prefix, Span<byte> marked)
    {
        int length = 0;
        if (prefix)
        {
            Text.CopyTo(marked);
            length = Text.Length;
        }
        foreach (byte value in utf8)
        {
            if (value == ' ')
            {
                Text.CopyTo(marked[length..]);
                length += Text.Length;
            }
            else marked[length++] = value;
        }
        return length;
    }

    /// <summary>Appends a token's text with spaces for marks.</summary>
    public static void AppendUnmarked(ReadOnlySpan<byte> text, PackedStrings.Builder pieces)
    {
        for (int space; (space = text.IndexOf(Text)) >= 0; text = text[(space + Text.Length)..])
        {
            pieces.Append(text[..space]);
            pieces.Append(" "u8);
        }
        pieces.Append(text);
    }
}
