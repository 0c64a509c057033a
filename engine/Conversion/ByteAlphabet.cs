using System.Globalization;
using System.Text;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Conversion;

/// <summary>The bytes that a vocabulary must have tokens for.</summary>
internal static class ByteAlphabet
{
    /// <summary>Whether a byte occurs in UTF-8.</summary>
    public static bool OccursInText(byte value) => value is not (0xC0 or 0xC1 or > 0xF4);

    /// <summary>A line about the bytes that a byte-level vocabulary has no token for, or null.</summary>
    public static string? Notice(BpeModel model)
    {
        Span<byte> spelling = stackalloc byte[2];
        var missing = new List<string>();
        for (int value = 0; value < 256; value++)
        {
            string text = Encoding.UTF8.GetString(spelling[..ByteLevel.Spell((byte)value, spelling)]);
            if (OccursInText((byte)value) && !model.Ids.ContainsKey(text)) missing.Add(string.Create(CultureInfo.InvariantCulture, $"0x{value:X2}"));
        }
        string theirs = model.Unknown is null ? "merges what is around them as well" : $"puts {model.Unknown} in their place";
        return missing.Count == 0 ? null
            : $"vocab: no token for the bytes {string.Join(", ", missing)}: readers of a GGUF file leave them out of texts, "
                + $"Hugging Face's library {theirs}";
    }
}
