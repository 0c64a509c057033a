using System.Text;
using Edge.Llm.Tests.Support;
using FsCheck.Fluent;
using FsCheck;

namespace Edge.Llm.Tests.Tokenization;

[TestClass]
public class DecodeTests
{
    private static readonly Tokenizer s_spm = SmallVocabularies.Spm(("▁", -9), ("▁▁", -1), ("h", -9), ("he", -3), ("▁he", -2), ("é", -3));

    private static IEnumerable<Tokenizer> Small() =>
        [.. PreTokenizerTests.Names.Select(name => SmallVocabularies.Bpe(name)), s_spm, .. SmallVocabularies.OfBytes()];

    [TestMethod]
    public void DecodingUndoesEncoding()
    {
        foreach (Tokenizer tokenizer in Small())
            Prop.ForAll(Texts.Any, text => tokenizer.Decode(tokenizer.Encode(text, addSpecial: false, parseSpecial: false)) == SpacesOf(tokenizer, text))
                .QuickCheckThrowOnFailure();
    }

    [TestMethod]
    public void StreamedTextIsDecodedText()
    {
        foreach (Tokenizer tokenizer in Small())
        {
            Prop.ForAll(Texts.Any, text =>
            {
                int[] ids = tokenizer.Encode(text, addSpecial: false);
                List<string> parts = Stream(tokenizer, ids);
                // Each part is whole characters: no part can hold U+FFFD or half a surrogate pair unless the text does.
                return string.Concat(parts) == tokenizer.Decode(ids) &&
                    parts.All(part => part == Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(part)) && (!part.Contains('\uFFFD') || text.Contains('\uFFFD')));
            }).QuickCheckThrowOnFailure();
        }
    }

    [TestMethod]
    public void StreamedBytesThatAreNotTextBecomeReplacementCharacters()
    {
        Tokenizer tokenizer = s_spm;
        Prop.ForAll<byte[]>(bytes =>
        {
            int[] ids = [.. bytes.Select(value => tokenizer.Id($"<0x{value:X2}>"))];
            return string.Concat(Stream(tokenizer, ids)) == tokenizer.Decode(ids);
        }).QuickCheckThrowOnFailure();

        var stream = new StreamingDecoder(tokenizer);
        Assert.AreEqual("", stream.Append(tokenizer.Id("<0xC3>")));
        Assert.AreEqual("\uFFFD", stream.Flush());
        Assert.AreEqual("", stream.Append(tokenizer.Id("<0xC3>")));
        Assert.AreEqual("é", stream.Append(tokenizer.Id("<0xA9>")));
        Assert.AreEqual("", stream.Flush());
    }

    [TestMethod]
    public void TheSpaceBeforeTheFirstWordIsTakenOffUnlessTheTextGoesOn()
    {
        Assert.AreEqual("he he", s_spm.Decode([s_spm.Id("▁he"), s_spm.Id("▁he")]));
        Assert.AreEqual(" he", s_spm.Decode([1, s_spm.Id("▁he")]));
        Assert.AreEqual("he", new StreamingDecoder(s_spm).Append(s_spm.Id("▁he")));
        Assert.AreEqual(" he", new StreamingDecoder(s_spm, continuation: true).Append(s_spm.Id("▁he")));
    }

    [TestMethod]
    public void BytesThatAreNotUtf8AreKeptBySpmAndReplacedByBpe()
    {
        byte[] bytes = [(byte)'h', 0xC3, 0xE2, 0x82, (byte)'e', 0xFF];
        int[] spm = s_spm.Encode(bytes, addSpecial: false);
        byte[] back = [.. spm.SelectMany(id => s_spm.DecodeToken(id).ToArray())];
        byte[] expected = [(byte)' ', .. bytes];
        CollectionAssert.AreEqual(expected, back);
        Tokenizer bpe = SmallVocabularies.Bpe();
        Assert.AreEqual("h\uFFFD\uFFFD\uFFFDe\uFFFD", bpe.Decode(bpe.Encode(bytes, addSpecial: false)));
    }

    [TestMethod]
    public void AnIdOutsideTheVocabularyIsAnError()
    {
        foreach (int id in new[] { -1, s_spm.Vocabulary.Count })
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => s_spm.Decode([id])).Code);
    }

    /// <summary>SPM and Gemma 4 write a space as ▁: a ▁ in the text comes back as a space.</summary>
    private static string SpacesOf(Tokenizer tokenizer, string text) => tokenizer.Vocabulary.Model is "llama" or "gemma4" ? text.Replace('▁', ' ') : text;

    private static List<string> Stream(Tokenizer tokenizer, int[] ids)
    {
        var stream = new StreamingDecoder(tokenizer);
        List<string> parts = [.. ids.Select(stream.Append)];
        parts.Add(stream.Flush());
        return parts;
    }
}
