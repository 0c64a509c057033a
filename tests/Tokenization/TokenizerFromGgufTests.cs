namespace Edge.Llm.Tests.Tokenization;

[TestClass]
public class TokenizerFromGgufTests
{
    [TestMethod]
    public void ASmallFileReadsBack()
    {
        Tokenizer tokenizer = Open(Bpe);
        Vocabulary vocabulary = tokenizer.Vocabulary;
        Assert.AreEqual(5, vocabulary.Count);
        CollectionAssert.AreEqual(new[] { 3, 2, 1, 4, 3 }, tokenizer.Encode("abb<|im_end|><start>"));
        Assert.AreEqual((3, 3, 4, -1), (vocabulary.BosId, vocabulary.EosId, vocabulary.EotId, vocabulary.PadId));
        Assert.IsTrue(vocabulary.IsEndOfGeneration(4));
        Assert.IsTrue(vocabulary.IsEndOfGeneration(3));
        Assert.IsFalse(vocabulary.IsEndOfGeneration(0));
        Assert.AreEqual(TokenType.Control, vocabulary.GetType(4), "a control token by its text");
    }

    [TestMethod]
    [DataRow("model", "odd", ErrorCode.Unsupported, "odd")]
    [DataRow("model", null, ErrorCode.InvalidFile, "tokenizer.ggml.model")]
    [DataRow("pre", "odd", ErrorCode.Unsupported, "odd")]
    [DataRow("tokens", null, ErrorCode.InvalidFile, "tokenizer.ggml.tokens")]
    [DataRow("tokens", "text", ErrorCode.InvalidFile, "tokenizer.ggml.tokens")]
    [DataRow("merges", null, ErrorCode.InvalidFile, "tokenizer.ggml.merges")]
    [DataRow("token_type", "short", ErrorCode.InvalidFile, "tokenizer.ggml.token_type")]
    public void AnErrorNamesItsKey(string key, string? value, ErrorCode code, string named)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => Open(() =>
        {
            Dictionary<string, object> entries = Bpe();
            if (value is null) entries.Remove(key);
            else entries[key] = key == "token_type" ? new[] { 1 } : value;
            return entries;
        }));
        Assert.AreEqual(code, error.Code);
        StringAssert.Contains(error.Message, named);
    }

    [TestMethod]
    public void BosThatIsWantedMustBeThere()
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => Open(() =>
        {
            Dictionary<string, object> entries = Bpe();
            entries["bos_token_id"] = 99u; // outside the vocabulary counts as absent
            return entries;
        }));
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        StringAssert.Contains(error.Message, "bos_token_id");
    }

    [TestMethod]
    public void HostileVocabulariesDoNoHarm()
    {
        // Empty and equal texts, a token that is no UTF-8, types out of range, scores that are no numbers.
        Tokenizer tokenizer = Open(() => new()
        {
            ["model"] = "llama",
            ["tokens"] = new[] { "", "", "a", "a", "<0xZZ>", "\uFFFD", "▁" },
            ["scores"] = new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0, float.NaN, -0f, 1 },
            ["token_type"] = new[] { 77, -1, 1, 3, 6, 1, 4 },
        });
        CollectionAssert.AreEqual(new[] { 1, 6, 2, 2, 6 }, tokenizer.Encode("aa ", parseSpecial: false));
        Assert.AreEqual("▁a<0xZZ>", tokenizer.Decode([6, 2, 3, 4, 0, 1]));
    }

    private static Dictionary<string, object> Bpe() => new()
    {
        ["model"] = "gpt2",
        ["tokens"] = new[] { "a", "b", "ab", "<start>", "<|im_end|>" },
        ["merges"] = new[] { "a b" },
        ["token_type"] = new[] { 1, 1, 1, 3, 1 },
        ["bos_token_id"] = 3u,
        ["eos_token_id"] = 3u,
        ["add_bos_token"] = true,
    };

    [TestMethod]
    public void ADamagedFileGivesATokenizerOrATypedError()
    {
        var random = new Random(11);
        byte[] good = Write(Bpe());
        int opened = 0, refused = 0;
        for (int i = 0; i < 1000; i++)
        {
            byte[] bytes = [.. good];
            for (int flips = random.Next(1, 4); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                Tokenizer tokenizer = Read(bytes);
                tokenizer.Decode(tokenizer.Encode("abba <|im_end|>\u00e9"));
                opened++;
            }
            catch (EdgeLlmException)
            {
                refused++;
            }
        }
        Assert.IsGreaterThan(50, opened);
        Assert.IsGreaterThan(50, refused);
    }

    private static Tokenizer Open(Func<Dictionary<string, object>> entries) => Read(Write(entries()));

    private static byte[] Write(Dictionary<string, object> entries)
    {
        var writer = new GgufWriter();
        foreach ((string name, object value) in entries)
        {
            string key = "tokenizer.ggml." + name;
            switch (value)
            {
                case string text: writer.AddMetadata(key, text); break;
                case string[] texts: writer.AddMetadata(key, texts); break;
                case int[] numbers: writer.AddMetadata(key, numbers); break;
                case float[] numbers: writer.AddMetadata(key, numbers); break;
                case uint number: writer.AddMetadata(key, number); break;
                case bool flag: writer.AddMetadata(key, flag); break;
            }
        }
        var stream = new MemoryStream();
        writer.WriteTo(stream, (_, _) => { });
        return stream.ToArray();
    }

    private static Tokenizer Read(byte[] bytes)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bytes);
            using GgufFile file = GgufFile.Open(path);
            return Tokenizer.FromGguf(file.Metadata);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
