using System.Text.Json.Nodes;
using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Tokenizers of converted folders.</summary>
[TestClass]
public sealed class HfTokenizerTests
{
    private static readonly (string Text, float Score, int Type)[] s_pieces =
    [
        ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), .. Enumerable.Range(0, 256).Select(value => ($"<0x{value:X2}>", 0f, 6)),
        ("▁t", -1e9f, 1), ("he", -1, 1), ("▁the", -2, 1), ("▁", -3, 1), ("t", -4, 1), ("h", -5, 1), ("e", -6, 1),
    ];

    [TestMethod]
    public void TokensForSpacesAsGemmaHasThem()
    {
        (string, float, int)[] pieces =
        [
            ("<pad>", 0, 3), ("<eos>", 0, 3), ("<bos>", 0, 3), ("<unk>", 0, 2), .. Enumerable.Range(0, 256).Select(value => ($"<0x{value:X2}>", 0f, 6)),
            ("▁▁", 0, 4), ("he", -1, 1), ("▁", -2, 1), ("h", -3, 1), ("e", -4, 1),
        ];
        using var model = new HfModel("gemma", tied: true);
        model.Config["hidden_activation"] = "gelu_pytorch_tanh";
        File.WriteAllBytes(model.In("tokenizer.model"), TokenizerFiles.SentencePiece(pieces, addDummyPrefix: false));
        JsonObject json = TokenizerFiles.FromPieces(pieces);
        json["normalizer"] = JsonNode.Parse("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
        json["pre_tokenizer"] = JsonNode.Parse("""{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""");
        json["post_processor"] = TokenizerFiles.Template("<bos>", 2);
        ((JsonArray)json["added_tokens"]!).Add(JsonNode.Parse(
            """{"id":260,"content":"▁▁","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}"""));
        model.Write("tokenizer.json", json);
        model.Write("tokenizer_config.json", new JsonObject { ["bos_token"] = "<bos>", ["eos_token"] = "<eos>", ["add_bos_token"] = true });
        using HfConverter converter = HfConverter.Open(model.Write().Folder);
        Assert.Contains(notice => notice.Contains("added tokens with ▁", StringComparison.Ordinal), converter.Notices);
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model));
        CollectionAssert.AreEqual((int[])[2, 261, 260, 261, 262, 261], Tokenizer.FromGguf(file.Metadata).Encode("he  he he"));
        json["pre_tokenizer"]!["behavior"] = "Isolated";
        model.Write("tokenizer.json", json);
        Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(model.Folder).Dispose());
    }

    [TestMethod]
    [DataRow(TokenizerFiles.Qwen2Split, false, "qwen2")]
    [DataRow(TokenizerFiles.Llama3Split, true, "llama-bpe")]
    [DataRow(TokenizerFiles.Llama3Split, false, "smaug-bpe")]
    [DataRow(TokenizerFiles.Gpt4oSplit, false, "gpt-4o")]
    public void APreTokenizerIsKnownByItsExpressions(string split, bool ignoreMerges, string name)
    {
        using var model = new HfModel("llama", vocab: MadeUpTokenizers.Rows);
        model.Write("tokenizer.json", MadeUpTokenizers.ByteLevelBase(split, ignoreMerges));
        model.Write("tokenizer_config.json", new JsonObject { ["bos_token"] = "<s>", ["eos_token"] = "</s>" });
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model.Write()));
        Assert.AreEqual(name, file.Metadata.GetString("tokenizer.ggml.pre"));
        CollectionAssert.AreEqual((int[])[1, 275], Tokenizer.FromGguf(file.Metadata).Encode("<think>"));
    }

    [TestMethod]
    public void WhiteSpaceAfterPhisTokens()
    {
        using HfModel model = HfFamilies.Make("phi3").Write();
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(model.In("tokenizer.json")))!;
        json["added_tokens"]![0]!["rstrip"] = true;
        model.Write("tokenizer.json", json);
        using HfConverter converter = HfConverter.Open(model.Folder);
        Assert.Contains(notice => notice.Contains("added tokens with rstrip", StringComparison.Ordinal), converter.Notices);
        using HfModel other = new HfModel("llama").Write();
        other.Write("tokenizer.json", json);
        StringAssert.Contains(Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(other.Folder).Dispose()).Message, "rstrip");
    }

    [TestMethod]
    public void ASentencePieceModelIsKeptPieceByPiece()
    {
        using var model = new HfModel("llama");
        File.WriteAllBytes(model.In("tokenizer.model"), TokenizerFiles.SentencePiece(s_pieces));
        model.Write("added_tokens.json", new JsonObject { ["<|im_start|>"] = 270, ["▁two words"] = 271 });
        model.Write("tokenizer_config.json", new JsonObject { ["bos_token"] = "<s>", ["eos_token"] = "<|im_start|>", ["add_bos_token"] = false, ["chat_template"] = "{{ messages }}" });
        using GgufFile file = Converted(model);
        GgufMetadata m = file.Metadata;
        Assert.AreEqual(("llama", "default", true), (m.GetString("tokenizer.ggml.model"), m.GetString("tokenizer.ggml.pre"), m.GetBool("tokenizer.ggml.add_space_prefix")));
        string[] texts = m.GetArray("tokenizer.ggml.tokens").GetStrings();
        float[] scores = m.GetArray("tokenizer.ggml.scores").GetFloats();
        int[] types = m.GetArray("tokenizer.ggml.token_type").GetInt32s();
        Assert.AreEqual((HfModel.Vocab, HfModel.Vocab, HfModel.Vocab), (texts.Length, scores.Length, types.Length));
        for (int id = 0; id < s_pieces.Length; id++) Assert.AreEqual(s_pieces[id], (texts[id], scores[id], types[id]));
        Assert.AreEqual(("<|im_start|>", (int)TokenType.Control), (texts[270], types[270])); // it looks special
        Assert.AreEqual((" two words", (int)TokenType.UserDefined), (texts[271], types[271]));
        Assert.AreEqual(("[PAD299]", (int)TokenType.Unused), (texts[299], types[299]));
        Assert.AreEqual((1, 270, false), (m.GetInt32("tokenizer.ggml.bos_token_id"), m.GetInt32("tokenizer.ggml.eos_token_id"), m.GetBool("tokenizer.ggml.add_bos_token")));
        Assert.AreEqual("{{ messages }}", m.GetString("tokenizer.chat_template"));
        CollectionAssert.AreEqual((int[])[261], Tokenizer.FromGguf(m).Encode("the"));
    }

    [TestMethod]
    public void OnlyBpeModelsOfSentencePieceAreTaken()
    {
        using HfModel model = new HfModel("llama").Write();
        File.WriteAllBytes(model.In("tokenizer.model"), TokenizerFiles.SentencePiece(s_pieces, modelType: 1));
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(model.Folder).Dispose());
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        StringAssert.Contains(error.Message, "model_type: expected 2, found 1");
        File.WriteAllText(model.In("tokenizer.model"), "IQ== 0\nIg== 1\n"); // tiktoken's form: tokenizer.json counts
        HfConverter.Open(model.Folder).Dispose();
        File.Delete(model.In("tokenizer.json"));
        File.WriteAllBytes(model.In("tokenizer.model"), TokenizerFiles.SentencePiece(s_pieces, addDummyPrefix: false));
        using GgufFile file = Converted(model);
        Assert.IsFalse(file.Metadata.GetBool("tokenizer.ggml.add_space_prefix"));
    }

    [TestMethod]
    public void APieceModelTurnedIntoMergesTokenizesAlike()
    {
        using var model = new HfModel("llama");
        model.Write("tokenizer.json", TokenizerFiles.FromPieces(s_pieces));
        using GgufFile file = Converted(model.Write());
        Assert.AreEqual("llama", file.Metadata.GetString("tokenizer.ggml.model"));
        Assert.IsTrue(file.Metadata.GetBool("tokenizer.ggml.add_bos_token")); // from the post-processor
        int[] types = file.Metadata.GetArray("tokenizer.ggml.token_type").GetInt32s();
        CollectionAssert.AreEqual(s_pieces.Select(piece => piece.Type).ToArray(), types[..s_pieces.Length]);
        CollectionAssert.AreEqual((int[])[1, 261, 261], Tokenizer.FromGguf(file.Metadata).Encode("the the"));
    }

    [TestMethod]
    public void TokensThatWereAdded()
    {
        using HfModel model = new HfModel("qwen3").Write();
        model.Write("tokenizer_config.json", new JsonObject
        {
            ["added_tokens_decoder"] = new JsonObject { ["261"] = new JsonObject { ["content"] = "<tool>", ["special"] = false }, ["262"] = new JsonObject { ["content"] = "[END]", ["special"] = true } },
            ["chat_template"] = new JsonArray(new JsonObject { ["name"] = "default", ["template"] = "main" }, new JsonObject { ["name"] = "tool_use", ["template"] = "tools" }),
        });
        using GgufFile file = Converted(model);
        GgufMetadata m = file.Metadata;
        string[] texts = m.GetArray("tokenizer.ggml.tokens").GetStrings();
        int[] types = m.GetArray("tokenizer.ggml.token_type").GetInt32s();
        (string, TokenType)[] expected = [("<|endoftext|>", TokenType.Control), ("he", TokenType.Normal), ("<think>", TokenType.UserDefined), ("<tool>", TokenType.UserDefined), ("[END]", TokenType.Control), ("[PAD263]", TokenType.Unused)];
        CollectionAssert.AreEqual(expected, ((int[])[0, 259, 260, 261, 262, 263]).Select(id => (texts[id], (TokenType)types[id])).ToArray());
        Assert.AreEqual(("qwen2", "h e"), (m.GetString("tokenizer.ggml.pre"), m.GetArray("tokenizer.ggml.merges").GetStrings().Single()));
        // config.json names the special tokens where no text does: BOS 1, EOS the first of a list.
        Assert.AreEqual((1, 2), (m.GetInt32("tokenizer.ggml.bos_token_id"), m.GetInt32("tokenizer.ggml.eos_token_id")));
        Assert.IsTrue(m.GetBool("tokenizer.ggml.add_bos_token")); // the post-processor does
        Assert.IsFalse(m.GetBool("tokenizer.ggml.add_eos_token"));
        Assert.AreEqual(("main", "tools", "tool_use"), (m.GetString("tokenizer.chat_template"), m.GetString("tokenizer.chat_template.tool_use"), m.GetArray("tokenizer.chat_templates").GetStrings().Single()));
        File.WriteAllText(model.In("chat_template.jinja"), "in a file");
        using GgufFile again = Converted(model);
        Assert.AreEqual("in a file", again.Metadata.GetString("tokenizer.chat_template"));
    }

    [TestMethod]
    public void APreTokenizerThatIsNotKnownMustBeNamed()
    {
        using HfModel model = new HfModel("llama").Write();
        var tokenizer = (JsonObject)JsonNode.Parse(File.ReadAllText(model.In("tokenizer.json")))!;
        tokenizer["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = @"\w+|\s+";
        model.Write("tokenizer.json", tokenizer);
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(model.Folder).Dispose());
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        StringAssert.Contains(error.Message, "--pre");
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model, new ConversionOptions { PreTokenizer = "starcoder" }));
        Assert.AreEqual("starcoder", file.Metadata.GetString("tokenizer.ggml.pre"));
    }

    [TestMethod]
    [DataRow("llama-bpe", TokenizerFiles.Llama3Split)]
    [DataRow("qwen2", TokenizerFiles.Qwen2Split)]
    public void ByteLevelVocabulariesAreKept(string name, string split)
    {
        using GgufFile original = GgufFile.Open(SharedVocabularies.PathOf(name));
        string[] texts = original.Metadata.GetArray("tokenizer.ggml.tokens").GetStrings();
        int[] types = original.Metadata.GetArray("tokenizer.ggml.token_type").GetInt32s();
        string[] merges = original.Metadata.GetArray("tokenizer.ggml.merges").GetStrings();
        var vocab = new JsonObject();
        for (int id = 0; id < texts.Length; id++)
            if (types[id] == 1) vocab[texts[id]] = id;
        (int, string, bool)[] added = [.. Enumerable.Range(0, texts.Length).Where(id => types[id] is 3 or 4).Select(id => (id, texts[id], types[id] == 3))];
        using var model = new HfModel("llama", vocab: texts.Length);
        model.Write("tokenizer.json", TokenizerFiles.ByteLevel(vocab, merges, split, added, ignoreMerges: name == "llama-bpe"));
        using GgufFile file = Converted(model.Write());
        Assert.AreEqual(name, file.Metadata.GetString("tokenizer.ggml.pre"));
        CollectionAssert.AreEqual(texts, file.Metadata.GetArray("tokenizer.ggml.tokens").GetStrings());
        CollectionAssert.AreEqual(types, file.Metadata.GetArray("tokenizer.ggml.token_type").GetInt32s());
        CollectionAssert.AreEqual(merges, file.Metadata.GetArray("tokenizer.ggml.merges").GetStrings());
        AssertSameIds(name, Tokenizer.FromGguf(file.Metadata));
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void PieceVocabulariesAreKept(bool asMerges)
    {
        using GgufFile original = GgufFile.Open(SharedVocabularies.PathOf("llama-spm"));
        GgufMetadata m = original.Metadata;
        string[] texts = m.GetArray("tokenizer.ggml.tokens").GetStrings();
        float[] scores = m.GetArray("tokenizer.ggml.scores").GetFloats();
        int[] types = m.GetArray("tokenizer.ggml.token_type").GetInt32s();
        (string, float, int)[] pieces = [.. Enumerable.Range(0, texts.Length).Select(id => (texts[id], scores[id], types[id]))];
        using var model = new HfModel("llama", vocab: texts.Length);
        if (asMerges) model.Write("tokenizer.json", TokenizerFiles.FromPieces(pieces));
        else File.WriteAllBytes(model.In("tokenizer.model"), TokenizerFiles.SentencePiece(pieces));
        using GgufFile file = Converted(model.Write());
        CollectionAssert.AreEqual(texts, file.Metadata.GetArray("tokenizer.ggml.tokens").GetStrings());
        if (!asMerges) CollectionAssert.AreEqual(scores, file.Metadata.GetArray("tokenizer.ggml.scores").GetFloats());
        CollectionAssert.AreEqual(types, file.Metadata.GetArray("tokenizer.ggml.token_type").GetInt32s());
        AssertSameIds("llama-spm", Tokenizer.FromGguf(file.Metadata));
    }

    // Each of the published test texts, and a long one.
    private static void AssertSameIds(string name, Tokenizer tokenizer)
    {
        Tokenizer expected = SharedVocabularies.Load(name);
        string[] texts = [.. File.ReadAllText(SharedVocabularies.PathOf(name) + ".inp").Split("\n__ggml_vocab_test__\n"),
            File.ReadAllText(Path.Combine(RepositoryFiles.Root(), "tests", "data", "heldout.txt"))];
        Assert.IsGreaterThan(20, texts.Length);
        foreach (string text in texts)
            CollectionAssert.AreEqual(expected.Encode(Encoding.UTF8.GetBytes(text), addSpecial: false), tokenizer.Encode(Encoding.UTF8.GetBytes(text), addSpecial: false), text);
    }

    private static GgufFile Converted(HfModel model)
    {
        if (!File.Exists(model.In("config.json"))) model.Write();
        return GgufFile.Open(HfConverterTests.Convert(model));
    }
}
