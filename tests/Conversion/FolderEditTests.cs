using System.Text.Json.Nodes;
using Edge.Llm.Conversion;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Every key of a folder's files, dropped, renamed, given twice or with a value of another kind: the file that the folder gives unedited, or the
/// one that it gives with what Hugging Face's classes take for an absent key, or a refusal.</summary>
[TestClass]
public sealed class FolderEditTests
{
    private static IEnumerable<string> Families => HfFamilies.Decoders;

    [TestMethod]
    [DataRow("llama")]
    [DataRow("mistral")]
    public void KeysOfConfig(string family)
    {
        using HfModel model = new(family);
        foreach ((string key, JsonNode? value) in Rich(family)) model.Config[key] = value?.DeepClone();
        model.Write();
        AssertEdits(model, "config.json", new JsonObject
        {
            ["pad_token_id"] = null,
            ["rope_theta"] = 10000.0, ["rms_norm_eps"] = 1e-6, ["rope_scaling"] = null, ["eos_token_id"] = 2, ["sliding_window"] = 4096,
            ["rope_scaling.beta_fast"] = 32, ["rope_scaling.beta_slow"] = 1, ["rope_scaling.original_max_position_embeddings"] = 256,
        }, other: ["eos_token_id: 7"]);
    }

    [TestMethod]
    [DynamicData(nameof(Families))]
    public void KeysOfConfigOfOtherFamilies(string name)
    {
        using HfModel model = HfFamilies.Make(name).Write();
        ModelFamily family = ModelFamily.Of(CheckedJson.Load(model.In("config.json")));
        var defaults = (JsonObject)JsonNode.Parse(family.Defaults)!;
        foreach ((string key, JsonNode value) in new Dictionary<string, JsonNode>
        {
            ["rope_theta"] = family.RopeTheta, ["rms_norm_eps"] = family.Epsilon, ["eos_token_id"] = 2, ["rope_local_base_freq"] = 10000.0,
            ["embedding_multiplier"] = 1.0, ["residual_multiplier"] = 1.0, ["attention_multiplier"] = 1.0, ["logits_scaling"] = 1.0,
            ["rope_parameters.beta_fast"] = 32, ["rope_parameters.beta_slow"] = 1, ["rope_scaling.beta_fast"] = 32, ["rope_scaling.beta_slow"] = 1,
            ["rope_parameters.original_max_position_embeddings"] = 256, ["rope_scaling.original_max_position_embeddings"] = 256,
            ["original_max_position_embeddings"] = 256,
        })
            defaults.TryAdd(key, value);
        foreach (string key in (string[])["rope_scaling", "rope_parameters", "rope_parameters.mscale", "rope_parameters.mscale_all_dim",
            "rope_parameters.llama_4_scaling_beta", "sliding_window", "final_logit_softcapping"])
            defaults.TryAdd(key, null);
        AssertEdits(model, "config.json", defaults, other: ["eos_token_id: 7"]);
    }

    [TestMethod]
    public void KeysOfGenerationConfig()
    {
        using HfModel model = new HfModel("llama").Write();
        model.Write("generation_config.json", (JsonObject)JsonNode.Parse("""
            {"_from_model_config":true,"bos_token_id":1,"eos_token_id":[2,100],"pad_token_id":0,"do_sample":true,"temperature":0.6,"top_p":0.9,"max_length":256,
             "suppress_tokens":[],"transformers_version":"4.45.0"}
            """)!);
        AssertEdits(model, "generation_config.json", new JsonObject { ["eos_token_id"] = new JsonArray(2, 0), ["pad_token_id"] = null }, other: ["eos_token_id: 7"]);
    }

    [TestMethod]
    public void KeysOfTokenizerConfig()
    {
        using HfModel model = new HfModel("llama").Write();
        model.Write("tokenizer_config.json", (JsonObject)JsonNode.Parse("""
            {"bos_token":"<s>","eos_token":{"__type":"AddedToken","content":"</s>","lstrip":false,"rstrip":false,"single_word":false,"normalized":false},
             "add_bos_token":true,"add_eos_token":false,"add_prefix_space":false,"model_max_length":1000000,"tokenizer_class":"PreTrainedTokenizerFast",
             "additional_special_tokens":["</s>"],"legacy":false,"split_special_tokens":false,"clean_up_tokenization_spaces":false,
             "added_tokens_decoder":{"260":{"content":"<think>","lstrip":false,"rstrip":false,"single_word":false,"normalized":false,"special":false}}}
            """)!);
        AssertEdits(model, "tokenizer_config.json", [], other: ["eos_token: \"x\"", "add_eos_token: true", "added_tokens_decoder.260.special: true"]);
    }

    [TestMethod]
    public void KeysOfTheIndex()
    {
        using HfModel model = new HfModel("llama").Write(shards: 2);
        AssertEdits(model, "model.safetensors.index.json", []);
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void KeysOfTokenizerJson(bool pieces)
    {
        using var model = new HfModel("llama", vocab: MadeUpTokenizers.Rows);
        model.Write("tokenizer.json", pieces ? MadeUpTokenizers.PiecesBase() : MadeUpTokenizers.ByteLevelBase());
        model.Write();
        // What a valid file without a key means is what the tokenizers library says (TokenizersLibraryTests): here keys are renamed and given twice.
        AssertEdits(model, "tokenizer.json", [], kinds: ["rename", "twice"]);
    }

    private static JsonObject Rich(string family)
    {
        var rich = (JsonObject)JsonNode.Parse("""
            {"_name_or_path":"x","torch_dtype":"float32","transformers_version":"4.45.0","initializer_range":0.02,"attention_dropout":0.0,"use_cache":true,
             "rope_theta":500.0,"pad_token_id":0,"attention_bias":false,"is_encoder_decoder":false,"partial_rotary_factor":1.0}
            """)!;
        rich["rope_scaling"] = JsonNode.Parse(family == "llama"
            ? """{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":128}"""
            : """{"type":"yarn","factor":4.0,"beta_fast":16.0,"beta_slow":2.0,"original_max_position_embeddings":64}""");
        if (family == "mistral") rich["sliding_window"] = 64;
        else rich["mlp_bias"] = false;
        return rich;
    }

    // Defaults: what Hugging Face takes for an absent key, where that is not what the file says. Other: edits that make another valid folder.
    private static void AssertEdits(HfModel model, string file, JsonObject defaults, string[]? kinds = null, params string[] other)
    {
        var root = (JsonObject)JsonNode.Parse(File.ReadAllText(model.In(file)))!;
        byte[] unedited = HfConverterTests.Convert(model);
        int edits = 0, refused = 0, same = 0, byDefault = 0;
        var wrong = new List<string>();
        foreach (JsonEdits.Edit edit in JsonEdits.Of(root, "vocab").Where(edit => kinds is null || kinds.Contains(edit.Kind)))
        {
            edits++;
            File.WriteAllText(model.In(file), edit.Text);
            byte[]? found = Converted(model);
            if (found is null) refused++;
            else if (found.AsSpan().SequenceEqual(unedited)) same++;
            else if (edit.Kind is not ("rename" or "twice") && defaults.ContainsKey(edit.Key) && found.AsSpan().SequenceEqual(With(model, file, root, edit.Key, defaults[edit.Key]))) byDefault++;
            else if (!other.Contains($"{edit.Key}: {edit.Kind}")) wrong.Add($"{edit.Key}: {edit.Kind}");
        }
        Console.WriteLine($"{file}: {edits} edits: {refused} refused, {same} the same file, {byDefault} the one of an absent key");
        Assert.IsEmpty(wrong, string.Join('\n', wrong));
        Assert.IsGreaterThan(edits / 4, refused);
    }

    // What the file is with a value put in words.
    private static byte[] With(HfModel model, string file, JsonObject root, string key, JsonNode? value)
    {
        var copy = (JsonObject)root.DeepClone();
        string[] path = key.Split('.');
        JsonNode parent = path.Length == 1 ? copy : copy[path[0]]!;
        parent[path[^1]] = value?.DeepClone();
        model.Write(file, copy);
        return HfConverterTests.Convert(model);
    }

    private static byte[]? Converted(HfModel model)
    {
        try
        {
            return HfConverterTests.Convert(model);
        }
        catch (EdgeLlmException e) when (e.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported)
        {
            return null;
        }
    }
}
