using System.Text.Json.Nodes;
using System.Text;
using Edge.Llm.Conversion;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Folders that are wrong in every way: a typed error, and nothing else.</summary>
[TestClass]
public sealed class HostileFolderTests
{
    private static readonly int s_rounds = Settings.Full ? 20000 : 400;

    [TestMethod]
    [DataRow("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}""", 16, null)]
    [DataRow("""{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"I64","shape":[0],"data_offsets":[4,4]}}   """, 4, null)]
    [DataRow("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}""", 15, "expected a range")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,12]}}""", 16, "takes 16")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[16,0]}}""", 16, "expected a range")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[-16,0]}}""", 16, "integers of 0 or more")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0]}}""", 16, "two numbers")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2,2]}}""", 16, "two numbers")]
    [DataRow("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807,4],"data_offsets":[0,16]}}""", 16, "takes")]
    [DataRow("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 16, "takes")]
    [DataRow("""{"a":{"dtype":"F32","shape":[1e3],"data_offsets":[0,4000]}}""", 4000, "integers")]
    [DataRow("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}""", 4, "9 dimensions")]
    [DataRow("""{"a":{"dtype":"F77","shape":[1],"data_offsets":[0,4]}}""", 4, "F77")]
    [DataRow("""{"a":{"shape":[1],"data_offsets":[0,4]}}""", 4, "dtype")]
    [DataRow("""{"a":{"dtype":3,"shape":[1],"data_offsets":[0,4]}}""", 4, "a string")]
    [DataRow("""{"a":[]}""", 4, "an object")]
    [DataRow("""[]""", 4, "an object")]
    [DataRow("""{"a":""", 4, "JSON")]
    [DataRow("""{"\ud800":{}}""", 4, "Unicode")]
    [DataRow("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[1],"data_offsets":[3,5]}}""", 8, "overlap")]
    [DataRow("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "uplicate")]
    public void HeadersOfSafetensors(string header, int dataBytes, string? says)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        With([.. BitConverter.GetBytes((ulong)json.Length), .. json, .. new byte[dataBytes]], says);
    }

    [TestMethod]
    [DataRow(ulong.MaxValue)]
    [DataRow(100ul)]
    [DataRow(11ul)]
    [DataRow(0ul)]
    public void LengthsOfHeaders(ulong length) => With([.. BitConverter.GetBytes(length), .. "{}        "u8], length == 0 ? "JSON" : "header of");

    [TestMethod]
    public void DeeplyNestedJson() => With([.. BitConverter.GetBytes(20000ul), .. Encoding.UTF8.GetBytes(new string('[', 20000))], "JSON");

    [TestMethod]
    public void AFileTooShortForAHeader() => With([1, 2, 3], "3 bytes");

    [TestMethod]
    [DataRow("config.json", "model_type", "\"rwkv\"", "rwkv")]
    [DataRow("config.json", "model_type", null, "missing key model_type")]
    [DataRow("config.json", "hidden_size", "0", "hidden_size")]
    [DataRow("config.json", "hidden_size", "1.5", "hidden_size")]
    [DataRow("config.json", "hidden_size", "\"48\"", "hidden_size")]
    [DataRow("config.json", "hidden_size", "1e300", "hidden_size")]
    [DataRow("config.json", "hidden_size", "64", "expected shape")]
    [DataRow("config.json", "num_key_value_heads", "3", "divisor")]
    [DataRow("config.json", "num_key_value_heads", "8", "num_key_value_heads")]
    [DataRow("config.json", "head_dim", "15", "even")]
    [DataRow("config.json", "num_hidden_layers", "3", "missing tensor model.layers.2")]
    [DataRow("config.json", "num_hidden_layers", "1", "has no place")]
    [DataRow("config.json", "rope_theta", "-1", "rope_theta")]
    [DataRow("config.json", "rope_scaling", "{\"type\":\"longrope\"}", "short_factor")]
    [DataRow("config.json", "rope_scaling", "{\"type\":\"llama3\",\"factor\":8}", "original_max_position_embeddings")]
    [DataRow("config.json", "rope_scaling", "{\"rope_type\":\"yarn\",\"factor\":8,\"attention_factor\":2}", "attention_factor")]
    [DataRow("config.json", "rope_scaling", "[]", "rope_scaling")]
    [DataRow("config.json", "hidden_act", "\"gelu\"", "gelu")]
    [DataRow("config.json", "quantization_config", "{}", "quantized")]
    [DataRow("tokenizer.json", "model", null, "missing key model")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"Unigram\"}", "Unigram")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}", "same id")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"BPE\",\"vocab\":{\"a\":300},\"merges\":[]}", "300 rows")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}", "-1")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"BPE\",\"vocab\":{\"a\":\"x\"},\"merges\":[]}", "integer")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"BPE\",\"vocab\":{},\"merges\":[\"ab\"]}", "two parts")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"BPE\",\"vocab\":{},\"merges\":[[\"a\"]]}", "two parts")]
    [DataRow("tokenizer.json", "model", "{\"type\":\"BPE\",\"vocab\":{\"a b\":0,\"c\":1,\"a bc\":2},\"merges\":[[\"a b\",\"c\"]]}", "space")]
    [DataRow("tokenizer.json", "added_tokens", "[{\"id\":1e9,\"content\":\"x\"}]", "gives it 123")]
    [DataRow("tokenizer.json", "added_tokens", "[{\"id\":5}]", "content")]
    [DataRow("tokenizer.json", "added_tokens", "[{\"id\":5,\"content\":\"\"}]", "0 characters")]
    [DataRow("tokenizer.json", "pre_tokenizer", "{\"type\":\"Whitespace\"}", "pre_tokenizer")]
    [DataRow("tokenizer_config.json", "added_tokens_decoder", "{\"x\":{\"content\":\"y\"}}", "ids")]
    [DataRow("tokenizer_config.json", "chat_template", "[{\"name\":\"x\"}]", "template")]
    [DataRow("tokenizer_config.json", "bos_token", "7", "bos_token")]
    public void WrongKeys(string file, string key, string? json, string says)
    {
        using HfModel model = new HfModel("llama").Write();
        var content = (JsonObject)JsonNode.Parse(File.ReadAllText(model.In(file)))!;
        content.Remove(key);
        if (json is not null) content[key] = JsonNode.Parse(json);
        model.Write(file, content);
        Refused(model.Folder, says);
    }

    [TestMethod]
    [DataRow("../model.safetensors")]
    [DataRow("/etc/passwd")]
    [DataRow("sub/model.safetensors")]
    [DataRow("..")]
    [DataRow("")]
    public void AnIndexNamesFilesOfItsFolderOnly(string part)
    {
        using HfModel model = new HfModel("llama").Write(shards: 2);
        var index = (JsonObject)JsonNode.Parse(File.ReadAllText(model.In("model.safetensors.index.json")))!;
        index["weight_map"]!["model.norm.weight"] = part;
        model.Write("model.safetensors.index.json", index);
        Refused(model.Folder, "name of a file in the folder");
    }

    [TestMethod]
    public void MissingFiles()
    {
        Refused("/no/such/folder", "no such folder");
        foreach ((string file, string says) in ((string, string)[])[("config.json", "config.json"), ("model.safetensors", "expected model.safetensors"), ("tokenizer.json", "tokenizer.json")])
        {
            using HfModel model = new HfModel("llama").Write();
            File.Delete(model.In(file));
            Refused(model.Folder, says);
            Refused(model.In("tokenizer_config.json"), "not a folder");
        }
        using HfModel parts = new HfModel("llama").Write(shards: 2);
        File.Delete(parts.In("model-00002-of-00002.safetensors"));
        Refused(parts.Folder, "model-00002-of-00002.safetensors");
    }

    [TestMethod]
    public void TensorsThatDoNotBelong()
    {
        using var model = new HfModel("llama");
        model.Add("model.layers.0.self_attn.rotary_emb.inv_freq", 8); // older checkpoints have these
        model.Write();
        HfConverter.Open(model.Folder).Dispose();
        model.Add("model.layers.0.self_attn.q_norm.weight", 16);
        model.Write();
        Refused(model.Folder, "q_norm");
        model.Remove("model.layers.0.self_attn.q_norm.weight");
        model.Remove("model.norm.weight");
        model.Write();
        Refused(model.Folder, "missing tensor model.norm.weight");
    }

    [TestMethod]
    [DataRow("model.safetensors")]
    [DataRow("tokenizer.model")]
    [DataRow("tokenizer.json")]
    [DataRow("config.json")]
    public void DamagedFilesDoNoHarm(string name)
    {
        using HfModel model = new HfModel("llama");
        if (name == "tokenizer.model")
            File.WriteAllBytes(model.In(name), TokenizerFiles.SentencePiece([("<unk>", 0, 2), .. Enumerable.Range(0, 256).Select(value => ($"<0x{value:X2}>", 0f, 6)), .. Enumerable.Range(0, 40).Select(i => ($"a{i}", -(float)i, 1))]));
        model.Write();
        Damage(model, name);
    }

    [TestMethod]
    [DataRow("gpt_oss", "config.json")]
    [DataRow("gpt_oss", "model.safetensors")]
    [DataRow("gemma3_text", "config.json")]
    [DataRow("phi3", "config.json")]
    [DataRow("ministral3", "config.json")]
    public void DamagedFilesOfOtherFamilies(string family, string name)
    {
        using HfModel model = HfFamilies.Make(family).Write();
        Damage(model, name);
    }

    /// <summary>Changes a few bytes of a file at random, or cuts it: the folder is converted or refused.</summary>
    internal static void Damage(HfModel model, string name)
    {
        byte[] good = File.ReadAllBytes(model.In(name));
        int head = name == "model.safetensors" ? 3000 : good.Length; // its values may be anything
        var random = new Random(name.Length);
        int refused = 0;
        for (int round = 0; round < s_rounds; round++)
        {
            byte[] bytes = [.. good];
            for (int i = random.Next(1, 5); i > 0; i--) bytes[random.Next(head)] = (byte)random.Next(256);
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            File.WriteAllBytes(model.In(name), bytes);
            try
            {
                using HfConverter converter = HfConverter.Open(model.Folder);
                converter.WriteTo(Stream.Null);
            }
            catch (EdgeLlmException e) when (e.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported)
            {
                refused++;
            }
        }
        Assert.IsGreaterThan(s_rounds / 10, refused);
    }

    private static void With(byte[] bytes, string? says)
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, bytes);
        try
        {
            if (says is null) SafetensorsFile.Open(path).Dispose();
            else Refused(() => SafetensorsFile.Open(path).Dispose(), says);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Refused(string folder, string says) => Refused(() => HfConverter.Open(folder).Dispose(), says);

    private static void Refused(Action action, string says)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.IsTrue(error.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported, error.Message);
        StringAssert.Contains(error.Message, says);
    }
}
