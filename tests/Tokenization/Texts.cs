using FsCheck;
using FsCheck.Fluent;

namespace Edge.Llm.Tests.Tokenization;

/// <summary>Random texts: any characters of Unicode, with words, spaces and digits often enough to meet.</summary>
internal static class Texts
{
    private static readonly Gen<string> s_part = Gen.OneOf(
        Gen.Elements("hello", " world", "'s", "'LL", " ", "  ", "\n", "\r\n", "\t", "123", "٣", "é", "e\u0301", "中文", "😀", "👩‍👧", "...", "<=", "\u00A0", "▁", "Ġ"),
        Gen.Choose(1, 0x10FFFF).Where(value => value is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32));

    internal static readonly Arbitrary<string> Any = s_part.ArrayOf().Select(string.Concat).ToArbitrary();
}
