using System.Globalization;
using System.Text;

namespace Edge.Llm.Tokenization;

/// <summary>Tokens that stand for one byte, written &lt;0xXX&gt;.</summary>
internal static class ByteToken
{
    /// <summary>The id of a byte's token, or -1.</summary>
    public static int Find(Vocabulary vocabulary, int value) => vocabulary.Find(Encoding.ASCII.GetBytes($"<0x{value:X2}>"));

    public static bool TryRead(ReadOnlySpan<byte> text, out byte value)
    {
        value = 0;
        return text.Length == 6 && byte.TryParse(text[3..5], NumberStyles.AllowHexSpecifier, null, out value);
    }
}
