using System.Text;

namespace Edge.Llm.Tokenization;

/// <summary>GPT-2's alphabet: vocabularies spell each byte as one printable character (space is Ġ), so that tokens are readable text.</summary>
internal static class ByteLevel
{
    private static readonly char[] s_chars = MakeChars();
    private static readonly short[] s_bytes = MakeBytes();

    /// <summary>Appends the spelling of a byte; returns its length, 1 or 2.</summary>
    public static int Spell(byte value, Span<byte> destination) => new Rune(s_chars[value]).EncodeToUtf8(destination);

    /// <summary>Appends the bytes that a text spells, or the text itself if a character of it spells none.</summary>
    public static void AppendRead(ReadOnlySpan<byte> text, PackedStrings.Builder pieces)
    {
        const int OnStack = 512;
        Span<byte> bytes = text.Length <= OnStack ? stackalloc byte[OnStack] : new byte[text.Length];
        pieces.Append(TryRead(text, bytes, out int count) ? bytes[..count] : text);
    }

    /// <summary>The bytes that a text spells; false if a character of it spells none. <paramref name="bytes"/> is as long as the text.</summary>
    private static bool TryRead(ReadOnlySpan<byte> text, Span<byte> bytes, out int count)
    {
        count = 0;
        while (!text.IsEmpty)
        {
            Rune.DecodeFromUtf8(text, out Rune rune, out int length);
            if (rune.Value >= s_bytes.Length || s_bytes[rune.Value] < 0) return false;
            bytes[count++] = (byte)s_bytes[rune.Value];
            text = text[length..];
        }
        return true;
    }

    private static char[] MakeChars()
    {
        var chars = new char[256];
        int others = 256; // bytes that are not printable Latin-1 take the characters from 256 on
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            chars[value] = (char)(printable ? value : others++);
        }
        return chars;
    }

    private static short[] MakeBytes()
    {
        var bytes = new short[s_chars.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (int value = 0; value < 256; value++) bytes[s_chars[value]] = (short)value;
        return bytes;
    }
}
