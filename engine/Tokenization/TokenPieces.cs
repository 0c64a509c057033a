namespace Edge.Llm.Tokenization;

/// <summary>Appends what a normal token of this text stands for.</summary>
internal delegate void PieceWriter(ReadOnlySpan<byte> text, PackedStrings.Builder pieces);

/// <summary>What the tokens of a vocabulary stand for, as bytes.</summary>
internal static class TokenPieces
{
    public static PackedStrings Of(Vocabulary vocabulary, PieceWriter normal)
    {
        var pieces = new PackedStrings.Builder(vocabulary.Count);
        for (int id = 0; id < vocabulary.Count; id++)
        {
            ReadOnlySpan<byte> text = vocabulary.GetText(id);
            switch (vocabulary.GetType(id))
            {
                case TokenType.Normal: normal(text, pieces); break;
                case TokenType.Byte when ByteToken.TryRead(text, out byte value): pieces.Append([value]); break;
                case TokenType.Undefined or TokenType.Unused: break;
                default: pieces.Append(text); break;
            }
            pieces.End();
        }
        return pieces.Build();
    }

    public static void AppendPlain(ReadOnlySpan<byte> text, PackedStrings.Builder pieces) => pieces.Append(text);
}
