using System.Security.Cryptography;
using System.Text;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Tokenization;

/// <summary>The tables that tokenizers use, of all code points, against sums over the data of Unicode 15.1. A runtime that knows more than
/// Unicode 17 fails here: CharClasses lacks what its version added.</summary>
[TestClass]
public class UnicodeTests
{
    private const int CodePoints = 0x110000;

    [TestMethod]
    public void ClassesAreThoseOfUnicode15() =>
        Assert.AreEqual("ee13a6778cc3f171c5eea8602929bdb0f9ed308287f08670ed77c72d51d91041", Sum(codePoint => (byte)CharClasses.Of(codePoint)));

    [TestMethod]
    public void ControlCharactersAreThoseOfUnicode15() =>
        Assert.AreEqual("2cfd89c0ee41ae0d6d878a084a24a3f914309872c5e04719674e38f608dfe258",
            Sum(codePoint => (byte)(CharClasses.IsControl(codePoint) ? 1 : 0)));

    [TestMethod]
    public void LowerCaseIsThatOfUnicode15() =>
        Assert.AreEqual("2f1a7b3137115900193356ea8bad9367aa91a90cb168978abf46bf0592a94945", Sum(CharClasses.ToLower));

    [TestMethod]
    public void DecompositionsBeginAsThoseOfUnicode15() =>
        Assert.AreEqual("b090a395d53175c1985b16625bf53e6aefb8a6576a60c4eb54e2b67bfd2f76b4", Sum(CanonicalBase.Of));

    /// <summary>Bytes, what they become, and their code points.</summary>
    [TestMethod]
    [DataRow("61C3A9E4B8ADF09F9880", "61C3A9E4B8ADF09F9880", "61 E9 4E2D 1F600")]
    [DataRow("80C3", "EFBFBDEFBFBD", "FFFD FFFD")]
    [DataRow("C328", "EFBFBD28", "FFFD 28")]
    [DataRow("E282", "EFBFBDEFBFBD", "FFFD FFFD")]
    [DataRow("EDA080", "EDA080", "D800")]
    [DataRow("C0A0C1A1", "2061", "20 61")]
    [DataRow("E080A1F08080A1", "2121", "21 21")]
    [DataRow("F8FF", "EFBFBDEFBFBD", "FFFD FFFD")]
    [DataRow("F4908080", "EFBFBDEFBFBDEFBFBDEFBFBD", "FFFD FFFD FFFD FFFD")]
    public void BytesAreReadAsLlamaCppReadsThem(string bytes, string repaired, string codePoints)
    {
        byte[] text = [.. Convert.FromHexString(bytes)];
        ReadOnlySpan<byte> found = LooseUtf8.Repair(text);
        Assert.AreEqual(repaired, Convert.ToHexString(found));
        var read = new StringBuilder();
        for (int at = 0; at < found.Length;)
        {
            read.Append($" {LooseUtf8.CodePointAt(found, at, out int length):X}");
            at += length;
        }
        Assert.AreEqual(codePoints, read.ToString().TrimStart());
    }

    private static string Sum<T>(Func<int, T> table) where T : unmanaged
    {
        T[] values = [.. Enumerable.Range(0, CodePoints).Select(table)];
        return Convert.ToHexStringLower(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<T>(values)));
    }
}
