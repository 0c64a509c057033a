using System.Buffers;
using System.Diagnostics;
using System.Text.Unicode;

namespace Edge.Llm.Tokenization;

/// <summary>Bytes as code points, as llama.cpp reads them: only the bits that mark first and following bytes are checked. A surrogate is a
/// code point like others, a character in more bytes than it needs is rewritten, and a byte that fits nowhere becomes U+FFFD.</summary>
internal static class LooseUtf8
{
    private const int Last = 0x10FFFF;

    /// <summary>The text in whole characters, which <see cref="CodePointAt"/> reads.</summary>
    public static ReadOnlySpan<byte> Repair(ReadOnlySpan<byte> text)
    {
        if (Utf8.IsValid(text)) return text;
        var repaired = new ArrayBufferWriter<byte>(text.Length + 16);
        while (!text.IsEmpty)
        {
            int length = LengthOfCharacter(text), value = 0xFFFD;
            if (length > 0) value = CodePointAt(text, 0, out length);
            repaired.Advance(Write(value, repaired.GetSpan(4)));
            text = text[Math.Max(length, 1)..];
        }
        return repaired.WrittenSpan;
    }

    /// <summary>The character at a place in whole characters, and its length in bytes.</summary>
    public static int CodePointAt(ReadOnlySpan<byte> text, int at, out int length)
    {
        int first = text[at];
        length = LengthByFirstByte(first);
        if (length == 1) return first;
        int value = first & (0x7F >> length);
        for (int i = 1; i < length; i++) value = (value << 6) | (text[at + i] & 0x3F);
        return value;
    }

    /// <summary>Bytes of a character by its first byte; a stray byte counts as a character.</summary>
    public static int LengthByFirstByte(int first) => first switch { >= 0xF0 => 4, >= 0xE0 => 3, >= 0xC0 => 2, _ => 1 };

    /// <summary>Bytes of the character that a text begins with, or 0 if it begins with none.</summary>
    public static int LengthOfCharacter(ReadOnlySpan<byte> text)
    {
        int length = LengthByFirstByte(text[0]);
        if (text[0] is (>= 0x80 and < 0xC0) or >= 0xF8 || length > text.Length) return 0;
        for (int i = 1; i < length; i++)
            if ((text[i] & 0xC0) != 0x80) return 0;
        return CodePointAt(text, 0, out _) > Last ? 0 : length;
    }

    /// <summary>Writes a character; returns its length, at most 4.</summary>
    public static int Write(int codePoint, Span<byte> destination)
    {
        Debug.Assert(codePoint is >= 0 and <= Last);
        int length = codePoint switch { < 0x80 => 1, < 0x800 => 2, < 0x1_0000 => 3, _ => 4 };
        for (int i = length - 1; i > 0; i--, codePoint >>= 6) destination[i] = (byte)(0x80 | (codePoint & 0x3F));
        destination[0] = (byte)(length == 1 ? codePoint : (0xF00 >> length) | codePoint);
        return length;
    }
}
