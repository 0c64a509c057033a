using System.Text.Json.Nodes;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Folders as people leave them: more files than one model needs, or fewer, and older forms.</summary>
[TestClass]
public sealed class LeavingsTests
{
    [TestMethod]
    public void AddedTokensBeyondTheEmbeddingAreLeftOut()
    {
        using HfModel model = new("llama", vocab: 261);
        model.Config["pad_token_id"] = 261;
        model.Write();
        Edit(model, "tokenizer.json", json =>
        {
            var added = (JsonArray)json["added_tokens"]!;
            JsonNode pad = added[3]!.DeepClone();
            (pad["id"], pad["content"], pad["special"]) = (261, "[PAD]", true);
            added.Add(pad);
        });
        Edit(model, "tokenizer_config.json", json => json["pad_token"] = "[PAD]");
        using GgufFile file = Converted(model, "without a row in the model's embedding (261 rows) are left out: '[PAD]' (261)");
        Assert.AreEqual(261, file.Metadata.GetArray("tokenizer.ggml.tokens").GetStrings().Length);
        Assert.IsFalse(file.Metadata.Contains("tokenizer.ggml.padding_token_id"));
    }

    [TestMethod]
    public void ASingleFileGoesBeforeAnIndex()
    {
        using HfModel model = new HfModel("llama").Write(shards: 2);
        model.Find("model.norm.weight")![0] = 7;
        model.Write(); // the parts and their index have the old weights
        using GgufFile file = Converted(model, "model.safetensors.index.json is not read");
        Assert.AreEqual(7f, BitConverter.ToSingle(SampleGguf.Stored(file.GetTensor("output_norm.weight"))));
        foreach (string part in Directory.GetFiles(model.Folder, "model-*")) File.Delete(part);
        Converted(model, "model.safetensors.index.json is not read").Dispose();
    }

    [TestMethod]
    public void PartsNeedNoIndex()
    {
        using HfModel whole = new HfModel("llama").Write(), parts = new HfModel("llama").Write(shards: 3);
        File.Delete(parts.In("model.safetensors.index.json"));
        using GgufFile expected = Converted(whole), found = Converted(parts);
        CollectionAssert.AreEqual(GgufVerifier.Check(expected).Select(check => check.Hash).ToArray(), GgufVerifier.Check(found).Select(check => check.Hash).ToArray());
        File.Move(parts.In("model-00002-of-00003.safetensors"), parts.In("model-00002-of-00004.safetensors"));
        Refused(parts, "model-00002-of-00004.safetensors: expected a part of 3");
        File.Delete(parts.In("model-00002-of-00004.safetensors"));
        Refused(parts, "part 2 of 3 is missing");
        File.Copy(parts.In("model-00001-of-00003.safetensors"), parts.In("model-00002-of-00003.safetensors"));
        Refused(parts, "is in model-00001-of-00003.safetensors as well");
    }

    [TestMethod]
    public void ATensorThatTheIndexDoesNotListIsRefused()
    {
        using HfModel model = new HfModel("llama").Write(shards: 2);
        Edit(model, "model.safetensors.index.json", json => ((JsonObject)json["weight_map"]!).Remove("model.norm.weight"));
        Refused(model, "model.norm.weight that is not listed");
    }

    [TestMethod]
    public void NamesWithoutModel()
    {
        using HfModel whole = new HfModel("llama", tied: true).Write(), bare = new("llama", tied: false);
        bare.Remove("lm_head.weight");
        bare.Rename(name => name["model.".Length..]);
        bare.Config["architectures"] = new JsonArray("LlamaModel");
        using GgufFile expected = Converted(whole), found = Converted(bare.Write(), "the embedding is the output matrix");
        CollectionAssert.AreEqual(GgufVerifier.Check(expected).Select(check => check.Hash).ToArray(), GgufVerifier.Check(found).Select(check => check.Hash).ToArray());
    }

    [TestMethod]
    public void ATiedOutputIsTheEmbedding()
    {
        using HfModel model = new("llama", tied: false);
        model.Config["tie_word_embeddings"] = true;
        Refused(model.Write(), "lm_head.weight is not the embedding");
        model.Find("model.embed_tokens.weight")!.CopyTo(model.Find("lm_head.weight")!, 0);
        using GgufFile file = Converted(model.Write());
        Assert.IsFalse(file.TryGetTensor("output.weight", out _));
    }

    [TestMethod]
    [DataRow("GPT2Tokenizer", "gpt-2")]
    [DataRow("Qwen2TokenizerFast", "qwen2")]
    public void VocabJsonAndMergesTxt(string name, string pre)
    {
        using HfModel model = new HfModel("llama").Write();
        var tokenizer = (JsonObject)JsonNode.Parse(File.ReadAllText(model.In("tokenizer.json")))!;
        using GgufFile expected = Converted(model);
        File.Delete(model.In("tokenizer.json"));
        model.Write("vocab.json", tokenizer["model"]!["vocab"]!.DeepClone());
        File.WriteAllText(model.In("merges.txt"), "#version: 0.2\nh e\n");
        model.Write("added_tokens.json", new JsonObject { ["<think>"] = 260 });
        Refused(model, "tokenizer_class ''");
        Edit(model, "tokenizer_config.json", json => json["tokenizer_class"] = name);
        using GgufFile found = Converted(model);
        Assert.AreEqual(pre, found.Metadata.GetString("tokenizer.ggml.pre"));
        foreach (string key in (string[])["tokens", "merges"])
            CollectionAssert.AreEqual(expected.Metadata.GetArray("tokenizer.ggml." + key).GetStrings(), found.Metadata.GetArray("tokenizer.ggml." + key).GetStrings());
        CollectionAssert.AreEqual(Tokenizer.FromGguf(expected.Metadata).Encode("<s>he <think>he</s>"), Tokenizer.FromGguf(found.Metadata).Encode("<s>he <think>he</s>"));
    }

    [TestMethod]
    public void TemplatesInFilesOfTheirOwn()
    {
        using HfModel model = new HfModel("llama").Write();
        Edit(model, "tokenizer_config.json", json => json["chat_template"] = "in the settings");
        Directory.CreateDirectory(model.In("additional_chat_templates"));
        File.WriteAllText(model.In("additional_chat_templates/tool_use.jinja"), "tools");
        using GgufFile settings = Converted(model);
        Assert.AreEqual(("in the settings", "tools"), (settings.Metadata.GetString("tokenizer.chat_template"), settings.Metadata.GetString("tokenizer.chat_template.tool_use")));
        File.WriteAllText(model.In("chat_template.jinja"), "main");
        using GgufFile file = Converted(model);
        Assert.AreEqual(("main", "tool_use"), (file.Metadata.GetString("tokenizer.chat_template"), file.Metadata.GetArray("tokenizer.chat_templates").GetStrings().Single()));
    }

    [TestMethod]
    public void SeveralEndTokens()
    {
        using HfModel model = new HfModel("llama").Write();
        Edit(model, "tokenizer.json", json =>
        {
            var added = (JsonArray)json["added_tokens"]!;
            foreach (string text in (string[])["<|eot_id|>", "<|eom_id|>"])
            {
                JsonNode token = added[3]!.DeepClone();
                (token["id"], token["content"], token["special"]) = (257 + added.Count, text, true);
                added.Add(token);
            }
        });
        model.Write("generation_config.json", new JsonObject { ["eos_token_id"] = new JsonArray(2, 262, 261) });
        using GgufFile known = Converted(model);
        Assert.AreEqual((2, 261, 262), (known.Metadata.GetInt32("tokenizer.ggml.eos_token_id"), known.Metadata.GetInt32("tokenizer.ggml.eot_token_id"), known.Metadata.GetInt32("tokenizer.ggml.eom_token_id")));

        model.Write("generation_config.json", new JsonObject { ["eos_token_id"] = new JsonArray(2, 259, 100) }); // no text that readers know
        using GgufFile unknown = Converted(model);
        Vocabulary vocabulary = Tokenizer.FromGguf(unknown.Metadata).Vocabulary;
        foreach (int id in (int[])[2, 100, 259]) Assert.IsTrue(vocabulary.IsEndOfGeneration(id), $"{id}");
        model.Write("generation_config.json", new JsonObject { ["eos_token_id"] = new JsonArray(2, 259, 100, 101) });
        Refused(model, "no place for 101");
        model.Write("generation_config.json", new JsonObject { ["eos_token_id"] = new JsonArray(2, 300) });
        Refused(model, "expected ids from 0 to 299, found 300");
    }

    [TestMethod]
    public void SettingsOfGenerationAreTold()
    {
        using HfModel model = new HfModel("llama").Write();
        model.Write("generation_config.json", new JsonObject { ["temperature"] = 0.6, ["top_k"] = 20, ["max_new_tokens"] = 100 });
        Converted(model, "temperature 0.6, top_k 20").Dispose();
        model.Write("generation_config.json", new JsonObject { ["suppress_tokens"] = new JsonArray(7) });
        Refused(model, "suppress_tokens");
    }

    [TestMethod]
    public void TwoTokenizersMustAgree()
    {
        using var model = new HfModel("llama");
        (string, float, int)[] pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), .. Enumerable.Range(0, 256).Select(value => ($"<0x{value:X2}>", 0f, 6)), ("ab", -1, 1), ("a", -2, 1), ("b", -3, 1), ("▁", -4, 1)];
        File.WriteAllBytes(model.In("tokenizer.model"), TokenizerFiles.SentencePiece(pieces));
        model.Write("tokenizer.json", TokenizerFiles.FromPieces(pieces));
        using GgufFile both = Converted(model.Write());
        Edit(model, "tokenizer.json", json =>
        {
            json["normalizer"] = null;
            json["pre_tokenizer"] = JsonNode.Parse("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""");
        });
        using GgufFile noticed = Converted(model, "texts are cut as tokenizer.model has it");
        CollectionAssert.AreEqual(both.Metadata.GetArray("tokenizer.ggml.scores").GetFloats(), noticed.Metadata.GetArray("tokenizer.ggml.scores").GetFloats());
        Edit(model, "tokenizer.json", json => json["normalizer"] = JsonNode.Parse("""{"type":"Lowercase"}"""));
        Refused(model, "found Lowercase, Metaspace first");
        model.Write("tokenizer.json", TokenizerFiles.FromPieces([.. pieces, ("aa", -5, 1)]));
        Refused(model, "token 'aa' has the id 263, and in tokenizer.model -1");
    }

    [TestMethod]
    [DataRow("""{"rope_scaling":{"type":"linear","rope_type":"yarn","factor":2}}""", "say different things")]
    [DataRow("""{"rope_scaling":{"factor":2}}""", "missing key rope_type")]
    [DataRow("""{"rope_scaling":{"type":"linear","factor":2,"alpha":3}}""", "alpha")]
    [DataRow("""{"rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"linear","factor":4}}""", "rope_scaling and rope_parameters")]
    [DataRow("""{"rope_parameters":{"rope_theta":7.0}}""", "rope_theta")]
    [DataRow("""{"rope_parameters":{"full_attention":{"rope_type":"default"}}}""", "full_attention")]
    [DataRow("""{"rope_scaling":{"type":"yarn","factor":2,"mscale":0.7}}""", "mscale")]
    [DataRow("""{"partial_rotary_factor":0.5}""", "partial_rotary_factor")]
    [DataRow("""{"attention_bias":true}""", "missing tensor model.layers.0.self_attn.q_proj.bias")]
    [DataRow("""{"vocab_size":32000}""", "vocab_size")]
    [DataRow("""{"architectures":["LlamaForSequenceClassification"]}""", "LlamaForSequenceClassification")]
    [DataRow("""{"layer_types":["chunked_attention"]}""", "chunked_attention")]
    [DataRow("""{"logit_scale":2}""", "logit_scale: a key that is not known")]
    public void ConfigsThatAskForMore(string keys, string says)
    {
        using HfModel model = With("llama", keys);
        Refused(model, says);
    }

    [TestMethod]
    [DataRow("""{"rope_scaling":null,"rope_parameters":{"rope_type":"default"}}""", "", 10000f)]
    [DataRow("""{"rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"linear","factor":2.0,"rope_theta":10000}}""", "linear", 10000f)]
    [DataRow("""{"rope_theta":null,"rope_parameters":{"rope_theta":7.0}}""", "", 7f)]
    [DataRow("""{"rope_theta":7.0,"rope_parameters":{"type":"yarn","factor":2,"original_max_position_embeddings":128,"finetuned":true}}""", "yarn", 7f)]
    [DataRow("""{"rope_theta":null,"rope_scaling":{"rope_type":"yarn","rope_theta":7,"factor":2,"attention_factor":1.0693147}}""", "yarn", 7f)]
    public void RopeInItsOldAndNewForms(string keys, string type, float theta)
    {
        using HfModel model = With("llama", keys);
        using GgufFile file = Converted(model);
        Assert.AreEqual(theta, file.Metadata.GetFloat("llama.rope.freq_base"));
        Assert.AreEqual(type, file.Metadata.GetString("llama.rope.scaling.type", ""));
        if (type.Length > 0) Assert.AreEqual(2f, file.Metadata.GetFloat("llama.rope.scaling.factor"));
    }

    private static HfModel With(string family, string keys)
    {
        var model = new HfModel(family);
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(keys)!) model.Config[key] = value?.DeepClone();
        return model.Write();
    }

    private static void Edit(HfModel model, string file, Action<JsonNode> edit)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(model.In(file)))!;
        edit(json);
        model.Write(file, json);
    }

    private static GgufFile Converted(HfModel model, string? notice = null)
    {
        using (HfConverter converter = HfConverter.Open(model.Folder))
            if (notice is not null) Assert.Contains(said => said.Contains(notice, StringComparison.Ordinal), converter.Notices, string.Join('\n', converter.Notices));
        return GgufFile.Open(HfConverterTests.Convert(model));
    }

    private static void Refused(HfModel model, string says)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(model.Folder).Dispose());
        Assert.IsTrue(error.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported, error.Message);
        StringAssert.Contains(error.Message, says);
    }
}
