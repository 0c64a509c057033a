using System.Text;
using Edge.Llm.Cli.Terminal;

namespace Edge.Llm.Tests.Cli.Terminal;

[TestClass]
public sealed class KeyDecoderTests
{
    [TestMethod]
    [DataRow("\r", "Enter")]
    [DataRow("\n", "Enter")]
    [DataRow("\x7f\b", "Backspace Backspace")]
    [DataRow("\x01\x05\x0b\x15\x17\x19", "Home End KillToEnd KillToStart KillWordLeft Yank")]
    [DataRow("\x03\x04\x0c\t", "Interrupt EndOfInput ClearScreen Tab")]
    [DataRow("\e[A\e[B\e[C\e[D", "Up Down Right Left")]
    [DataRow("\eOA\eOB\eOC\eOD\eOH\eOF", "Up Down Right Left Home End")]
    [DataRow("\e[H\e[F\e[1~\e[4~\e[7~\e[8~\e[3~", "Home End Home End Home End Delete")]
    [DataRow("\e[1;5D\e[1;5C\e[1;3D\e[1;3C\eOd\eOc\eb\ef", "WordLeft WordRight WordLeft WordRight WordLeft WordRight WordLeft WordRight")]
    [DataRow("\e[1;2C", "Right")] // with Shift alone
    [DataRow("\e\r\e[13;2u", "NewLine NewLine")]
    [DataRow("\ed\e\x7f\e[3;5~", "KillWordRight KillWordLeft KillWordRight")]
    [DataRow("a\e[24~b\e[Zc\e[[Ad\e[?1;2ce", "'a' 'b' 'c' Up 'd' 'e'")]
    [DataRow("\e[<0;10;5Mx\e]y", "'x' 'y'")]
    [DataRow("\eOM\e[M", "Enter")] // the keypad; not a mouse
    [DataRow("\e\e[A", "Up")]
    [DataRow("\e[12\e[A", "Up")] // a sequence cut short by another
    [DataRow("\x00\x1fz", "'z'")]
    public void KnownSequences(string typed, string expected) => Assert.AreEqual(expected, Show(Decode(Encoding.UTF8.GetBytes(typed), 1 << 20)));

    [TestMethod]
    [DataRow("naïve 日本語 👩‍🚀 é\r")]
    [DataRow("\e[200~ a\r\nb\rc\td \e[A \u0001 é\e[201~x")]
    public void BytesMayComeOneByOne(string typed)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(typed);
        Assert.AreEqual(Join(Decode(bytes, bytes.Length)), Join(Decode(bytes, 1)));
        Assert.AreEqual(Join(Decode(bytes, bytes.Length)), Join(Decode(bytes, 7)));
    }

    [TestMethod]
    public void TextTypedAheadIsOneKey() => Assert.AreEqual("'héllo' Enter 'x'", Show(Decode("héllo\rx"u8, 100)));

    [TestMethod]
    public void APasteIsTextAndNothingInItIsAKey()
    {
        // Line ends become line feeds; control characters, and so all escape sequences, lose their power.
        Assert.AreEqual("'a\nb\nc\td[A[200~' Enter", Show(Decode("\e[200~a\r\nb\rc\td\e[A\e[200~\u0003\e[201~\r"u8, 100)));
        Assert.AreEqual("'x'", Show(Decode("\e[200~\e[201~x"u8, 100)));
    }

    [TestMethod]
    public void TheEscapeKeyAloneIsForgotten()
    {
        var decoder = new KeyDecoder();
        var keys = new List<Key>();
        decoder.Feed("\e"u8, keys);
        Assert.IsTrue(decoder.AtEscape);
        decoder.ForgetEscape();
        decoder.Feed("b"u8, keys);
        Assert.AreEqual("'b'", Show(keys));
    }

    [TestMethod]
    public void DamagedUtf8DoesNotStopIt() => Assert.AreEqual("'\uFFFDa' Enter", Show(Decode([0xFF, (byte)'a', (byte)'\r'], 100)));

    [TestMethod]
    public void AnyBytesLeaveItUsable()
    {
        var random = new Random(7);
        var decoder = new KeyDecoder();
        var keys = new List<Key>();
        byte[] bytes = new byte[64];
        for (int i = 0; i < 2000; i++)
        {
            random.NextBytes(bytes);
            decoder.Feed(bytes, keys);
        }
        keys.Clear();
        decoder.Feed("\e[201~\e[201~\e[Aq\r"u8, keys); // ends whatever it is in
        Assert.AreEqual("Up 'q' Enter", Show([.. keys.TakeLast(3)]));
    }

    private static List<Key> Decode(ReadOnlySpan<byte> bytes, int piece)
    {
        var decoder = new KeyDecoder();
        var keys = new List<Key>();
        for (int at = 0; at < bytes.Length; at += piece) decoder.Feed(bytes.Slice(at, Math.Min(piece, bytes.Length - at)), keys);
        return keys;
    }

    private static string Show(List<Key> keys) => string.Join(' ', keys.Select(key => key.Kind == KeyKind.Text ? $"'{key.Text}'" : key.Kind.ToString()));

    // Text that comes in pieces is text all the same.
    private static string Join(List<Key> keys) => string.Concat(keys.Select(key => key.Kind == KeyKind.Text ? key.Text : $"<{key.Kind}>"));
}
