using System.Text.Json.Nodes;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Folders of models that make vectors: BERT and Nomic's, with a WordPiece tokenizer and a pooling module.</summary>
[TestClass]
public sealed class HfEncoderTests
{
    private const int Hidden = 32, Heads = 4, Intermediate = 48, Positions = 64, Layers = 2;
    private static readonly string[] s_words =
    [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "the", "un", "##want", "##ed", "runn", "##ing", "hello", "é", "中", ",", "!",
        .. "abcdefghijklmnopqrstuvwxyz".SelectMany(letter => (string[])[$"{letter}", $"##{letter}"]),
    ];

    private static readonly int[] s_tokens = [2, 6, 7, 8, 9, 12, 15, 16, 3];

    [TestMethod]
    [DataRow("bert", "mean")]
    [DataRow("bert", "cls")]
    [DataRow("nomic_bert", "mean")]
    public void OurVectorsAreThoseOfTheCheckpoint(string family, string pooling)
    {
        using HfModel model = Make(family, pooling).Write();
        using LanguageModel opened = LanguageModel.Open(HfConverterTests.Convert(model));
        using Context context = opened.CreateContext(new ContextOptions { ContextSize = Positions });
        double difference = Peer.RelativeDifference(context.Embed(s_tokens, normalize: false), Vector(model, pooling));
        Console.WriteLine($"relative difference {difference:E2}");
        Assert.IsLessThan(2e-5, difference);
    }

    [TestMethod]
    [DataRow("bert", "cls")]
    [DataRow("nomic_bert", "mean")]
    public void LlamaCppsVectorsAreThoseOfTheCheckpoint(string family, string pooling)
    {
        using HfModel model = Make(family, pooling).Write();
        string path = Path.Combine(model.Folder, "model.gguf");
        File.WriteAllBytes(path, HfConverterTests.Convert(model));
        double difference = Peer.RelativeDifference(Peer.Embed(path, s_tokens, pooling: null), Vector(model, pooling));
        Console.WriteLine($"relative difference {difference:E2}");
        Assert.IsLessThan(5e-3, difference);
    }

    [TestMethod]
    public void WordsAreCutAsBefore()
    {
        using HfModel model = Make("bert", "mean").Write();
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model));
        Tokenizer tokenizer = Tokenizer.FromGguf(file.Metadata);
        int Id(string word) => Array.IndexOf(s_words, word);
        CollectionAssert.AreEqual((int[])[2, Id("un"), Id("##want"), Id("##ed"), Id(","), Id("runn"), Id("##ing"), Id("!"), 3], tokenizer.Encode("UNwantéd,running!"));
        CollectionAssert.AreEqual((int[])[2, Id("中"), 1, 4, 3], tokenizer.Encode("中 ж [MASK]"));
        Assert.AreEqual((2, 3, 0), (file.Metadata.GetInt32("tokenizer.ggml.cls_token_id"), file.Metadata.GetInt32("tokenizer.ggml.seperator_token_id"),
            file.Metadata.GetInt32("tokenizer.ggml.padding_token_id")));
        Assert.AreEqual((2, 1, false), (file.Metadata.GetInt32("tokenizer.ggml.token_type_count"), file.Metadata.GetInt32("bert.pooling_type"),
            file.Metadata.GetBool("bert.attention.causal", true)));
    }

    [TestMethod]
    public void CasesAndAccentsMayStay()
    {
        using HfModel model = Make("bert", "mean");
        Edit(model, "tokenizer.json", json => json["normalizer"]!["lowercase"] = false);
        Edit(model, "tokenizer_config.json", json => json["do_lower_case"] = false);
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model.Write()));
        Assert.IsFalse(file.Metadata.GetBool("tokenizer.ggml.normalizer.lowercase", true));
        CollectionAssert.AreEqual((int[])[2, Array.IndexOf(s_words, "é"), 1, 3], Tokenizer.FromGguf(file.Metadata).Encode("é The"));
        Edit(model, "tokenizer_config.json", json => json["do_lower_case"] = true);
        Refused(model, "do_lower_case: expected false");
    }

    [TestMethod]
    public void VocabTxt()
    {
        using HfModel model = Make("bert", "mean").Write();
        using GgufFile expected = GgufFile.Open(HfConverterTests.Convert(model));
        File.Delete(model.In("tokenizer.json"));
        File.WriteAllText(model.In("vocab.txt"), string.Join("\r\n", s_words) + "\r\n");
        using GgufFile found = GgufFile.Open(HfConverterTests.Convert(model));
        foreach (string text in (string[])["UNwantéd,running!", "the [MASK]", "中hello ж"])
            CollectionAssert.AreEqual(Tokenizer.FromGguf(expected.Metadata).Encode(text), Tokenizer.FromGguf(found.Metadata).Encode(text), text);
    }

    [TestMethod]
    [DataRow("bert", "config.json", "position_embedding_type", "\"relative_key\"", "position_embedding_type")]
    [DataRow("bert", "config.json", "hidden_act", "\"relu\"", "relu")]
    [DataRow("bert", "config.json", "architectures", "[\"BertForSequenceClassification\"]", "BertForSequenceClassification")]
    [DataRow("bert", "config.json", "num_attention_heads", "5", "divisor")]
    [DataRow("bert", "config.json", "max_position_embeddings", "63", "expected shape")]
    [DataRow("nomic_bert", "config.json", "qkv_proj_bias", "true", "qkv_proj_bias")]
    [DataRow("nomic_bert", "config.json", "rotary_scaling_factor", "2", "rotary_scaling_factor")]
    [DataRow("nomic_bert", "config.json", "prenorm", "true", "prenorm")]
    [DataRow("nomic_bert", "config.json", "activation_function", "\"gelu\"", "gelu")]
    [DataRow("bert", "tokenizer.json", "normalizer", "null", "BertNormalizer")]
    [DataRow("bert", "tokenizer.json", "normalizer", "{\"type\":\"BertNormalizer\",\"clean_text\":false}", "clean_text")]
    [DataRow("bert", "tokenizer.json", "pre_tokenizer", "{\"type\":\"Whitespace\"}", "BertPreTokenizer")]
    [DataRow("bert", "tokenizer.json", "post_processor", "null", "post_processor")]
    [DataRow("bert", "1_Pooling/config.json", "pooling_mode_max_tokens", "true", "pooling_mode_max_tokens")]
    [DataRow("bert", "1_Pooling/config.json", "pooling_mode_cls_token", "true", "found 2")]
    [DataRow("bert", "1_Pooling/config.json", "surprise", "1", "surprise")]
    public void WhatAFileCannotSay(string family, string file, string key, string json, string says)
    {
        using HfModel model = Make(family, "mean").Write();
        Edit(model, file, content => content[key] = JsonNode.Parse(json));
        Refused(model, says, write: false);
    }

    [TestMethod]
    [DataRow("""[{"type":"sentence_transformers.models.Dense","path":"2_Dense"}]""", "Dense")]
    [DataRow("""[{"type":"sentence_transformers.models.Pooling","path":"../1_Pooling"}]""", "name of a folder")]
    [DataRow("""[{"type":"sentence_transformers.models.Pooling","path":"3_Pooling"}]""", "3_Pooling")]
    [DataRow("""[{"path":"1_Pooling"}]""", "type")]
    [DataRow("""{}""", "expected an array")]
    [DataRow("""[1]""", "expected an object")]
    public void Modules(string json, string says)
    {
        using HfModel model = Make("bert", "mean").Write();
        File.WriteAllText(model.In("modules.json"), json);
        Refused(model, says, write: false);
    }

    [TestMethod]
    public void AModelThatGeneratesMayPoolAsWell()
    {
        using HfModel model = new HfModel("qwen3").Write();
        File.WriteAllText(model.In("modules.json"), """[{"type":"sentence_transformers.base.modules.Pooling","path":"1_Pooling"}]""");
        Directory.CreateDirectory(model.In("1_Pooling"));
        model.Write("1_Pooling/config.json", new JsonObject { ["pooling_mode_cls_token"] = false, ["pooling_mode_lasttoken"] = true });
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model));
        Assert.AreEqual(3, file.Metadata.GetInt32("qwen3.pooling_type"));
    }

    [TestMethod]
    [DataRow("config.json")]
    [DataRow("tokenizer.json")]
    [DataRow("modules.json")]
    [DataRow("1_Pooling/config.json")]
    public void DamagedFilesDoNoHarm(string name)
    {
        using HfModel model = Make("bert", "mean").Write();
        HostileFolderTests.Damage(model, name);
    }

    private static void Edit(HfModel model, string file, Action<JsonNode> edit)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(model.In(file)))!;
        edit(json);
        model.Write(file, json);
    }

    private static void Refused(HfModel model, string says, bool write = true)
    {
        if (write) model.Write();
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(model.Folder).Dispose());
        Assert.IsTrue(error.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported, error.Message);
        StringAssert.Contains(error.Message, says);
    }

    internal static HfModel Make(string family, string pooling)
    {
        var model = new HfModel(family);
        foreach (string name in model.Names.ToArray()) model.Remove(name);
        model.Config.Clear();
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(family == "bert"
            ? $$$"""
                {"architectures":["BertModel"],"model_type":"bert","hidden_size":{{{Hidden}}},"num_hidden_layers":{{{Layers}}},"num_attention_heads":{{{Heads}}},
                 "intermediate_size":{{{Intermediate}}},"max_position_embeddings":{{{Positions}}},"layer_norm_eps":1e-12,"type_vocab_size":2,"hidden_act":"gelu",
                 "position_embedding_type":"absolute","vocab_size":{{{s_words.Length}}},"pad_token_id":0}
                """
            : $$$"""
                {"architectures":["NomicBertModel"],"model_type":"nomic_bert","n_embd":{{{Hidden}}},"n_layer":{{{Layers}}},"n_head":{{{Heads}}},"n_inner":{{{Intermediate}}},
                 "n_positions":{{{Positions}}},"layer_norm_epsilon":1e-12,"type_vocab_size":2,"activation_function":"swiglu","rotary_emb_base":1000,
                 "rotary_emb_fraction":1.0,"rotary_scaling_factor":null,"qkv_proj_bias":false,"mlp_fc1_bias":false,"mlp_fc2_bias":false,"prenorm":false,
                 "causal":false,"vocab_size":{{{s_words.Length}}}}
                """)!)
            model.Config[key] = value?.DeepClone();
        AddTensors(model, family);
        model.Write("tokenizer.json", WordPiece());
        model.Write("tokenizer_config.json", (JsonObject)JsonNode.Parse(
            """{"cls_token":"[CLS]","sep_token":"[SEP]","unk_token":"[UNK]","pad_token":"[PAD]","mask_token":"[MASK]","do_lower_case":true,"tokenizer_class":"BertTokenizer"}""")!);
        File.WriteAllText(model.In("modules.json"), """
            [{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},{"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
             {"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]
            """);
        Directory.CreateDirectory(model.In("1_Pooling"));
        model.Write("1_Pooling/config.json", new JsonObject
        {
            ["word_embedding_dimension"] = Hidden, ["pooling_mode_cls_token"] = pooling == "cls", ["pooling_mode_mean_tokens"] = pooling == "mean",
            ["pooling_mode_max_tokens"] = false, ["pooling_mode_mean_sqrt_len_tokens"] = false,
        });
        return model;
    }

    private static void AddTensors(HfModel model, string family)
    {
        void Norm(string name)
        {
            model.Add(name + ".weight", Hidden);
            model.Add(name + ".bias", Hidden);
        }

        void Linear(string name, int outputs, int inputs, bool bias)
        {
            model.Add(name + ".weight", outputs, inputs);
            if (bias) model.Add(name + ".bias", outputs);
        }

        bool bert = family == "bert";
        model.Add("embeddings.word_embeddings.weight", s_words.Length, Hidden);
        model.Add("embeddings.token_type_embeddings.weight", 2, Hidden);
        if (bert) model.Add("embeddings.position_embeddings.weight", Positions, Hidden);
        Norm(bert ? "embeddings.LayerNorm" : "emb_ln");
        for (int i = 0; i < Layers; i++)
        {
            string p = bert ? $"encoder.layer.{i}." : $"encoder.layers.{i}.";
            if (bert)
            {
                foreach (string name in (string[])["query", "key", "value"]) Linear($"{p}attention.self.{name}", Hidden, Hidden, true);
                Linear(p + "intermediate.dense", Intermediate, Hidden, true);
            }
            else
            {
                Linear(p + "attn.Wqkv", 3 * Hidden, Hidden, false);
                Linear(p + "mlp.fc11", Intermediate, Hidden, false);
                Linear(p + "mlp.fc12", Intermediate, Hidden, false);
            }
            Linear(p + (bert ? "attention.output.dense" : "attn.out_proj"), Hidden, Hidden, bert);
            Linear(p + (bert ? "output.dense" : "mlp.fc2"), Hidden, Intermediate, bert);
            Norm(p + (bert ? "attention.output.LayerNorm" : "norm1"));
            Norm(p + (bert ? "output.LayerNorm" : "norm2"));
        }
        if (bert) Linear("pooler.dense", Hidden, Hidden, true);
    }

    private static JsonObject WordPiece()
    {
        var vocab = new JsonObject();
        foreach (string word in s_words) vocab[word] = vocab.Count;
        var added = new JsonArray([.. s_words.Take(5).Select((word, id) => (JsonNode)new JsonObject
        {
            ["id"] = id, ["content"] = word, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true,
        })]);
        var json = (JsonObject)JsonNode.Parse("""
            {"version":"1.0","truncation":null,"padding":null,
             "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
             "pre_tokenizer":{"type":"BertPreTokenizer"},
             "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
              "pair":[],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
             "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
             "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100}}
            """)!;
        json["added_tokens"] = added;
        json["model"]!["vocab"] = vocab;
        return json;
    }

    // GELU in the form with tanh, which readers of GGUF files take for BERT's.
    private static float[] Vector(HfModel model, string pooling)
    {
        bool bert = model.Find("embeddings.position_embeddings.weight") is not null;
        double[][] x = [.. s_tokens.Select((token, position) =>
        {
            double[] row = HfForward.Row(model.Find("embeddings.word_embeddings.weight")!, token, Hidden), type = HfForward.Row(model.Find("embeddings.token_type_embeddings.weight")!, 0, Hidden);
            double[] place = bert ? HfForward.Row(model.Find("embeddings.position_embeddings.weight")!, position, Hidden) : new double[Hidden];
            return row.Select((value, i) => value + type[i] + place[i]).ToArray();
        })];
        x = LayerNorm(model, bert ? "embeddings.LayerNorm" : "emb_ln", x);
        for (int layer = 0; layer < Layers; layer++)
        {
            string p = bert ? $"encoder.layer.{layer}." : $"encoder.layers.{layer}.";
            double[][] q, k, v;
            if (bert) (q, k, v) = (HfForward.Linear(model, p + "attention.self.query", x), HfForward.Linear(model, p + "attention.self.key", x), HfForward.Linear(model, p + "attention.self.value", x));
            else
            {
                double[][] all = HfForward.Linear(model, p + "attn.Wqkv", x);
                double[] frequencies = HfForward.Frequencies(Hidden / Heads, 1000);
                q = HfForward.Rotate(HfForward.Columns(all, 0, Hidden), Hidden / Heads, frequencies);
                k = HfForward.Rotate(HfForward.Columns(all, Hidden, Hidden), Hidden / Heads, frequencies);
                v = HfForward.Columns(all, 2 * Hidden, Hidden);
            }
            double[][] attended = HfForward.Attend(q, k, v, Hidden / Heads, 1 / Math.Sqrt(Hidden / Heads), 0, null, (_, _) => true);
            x = LayerNorm(model, p + (bert ? "attention.output.LayerNorm" : "norm1"),
                HfForward.Add(x, HfForward.Linear(model, p + (bert ? "attention.output.dense" : "attn.out_proj"), attended)));
            double[][] inner = bert
                ? [.. HfForward.Linear(model, p + "intermediate.dense", x).Select(row => Array.ConvertAll(row, HfForward.Gelu))]
                : [.. HfForward.Linear(model, p + "mlp.fc11", x).Zip(HfForward.Linear(model, p + "mlp.fc12", x), (up, gate) => up.Zip(gate, (u, g) => u * HfForward.Silu(g)).ToArray())];
            x = LayerNorm(model, p + (bert ? "output.LayerNorm" : "norm2"), HfForward.Add(x, HfForward.Linear(model, p + (bert ? "output.dense" : "mlp.fc2"), inner)));
        }
        return pooling == "cls" ? Array.ConvertAll(x[0], value => (float)value) : [.. Enumerable.Range(0, Hidden).Select(i => (float)x.Average(row => row[i]))];
    }

    private static double[][] LayerNorm(HfModel model, string name, double[][] x)
    {
        float[] weight = model.Find(name + ".weight")!, bias = model.Find(name + ".bias")!;
        return [.. x.Select(row =>
        {
            double mean = row.Average(), scale = 1 / Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + 1e-12);
            return row.Select((value, i) => ((value - mean) * scale * weight[i]) + bias[i]).ToArray();
        })];
    }
}
