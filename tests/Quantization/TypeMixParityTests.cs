using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Quantization;

/// <summary>The type of every tensor against llama.cpp's choice, for every file type, over models of many shapes.</summary>
[TestClass]
public sealed class TypeMixParityTests
{
    private static readonly string s_folder = Directory.CreateTempSubdirectory().FullName;
    private static PeerQuantizer? s_peer;

    [ClassCleanup]
    public static void Cleanup()
    {
        s_peer?.Dispose();
        Directory.Delete(s_folder, recursive: true);
    }

    /// <summary>Names that a mix might mistake for others, or must leave alone.</summary>
    private static readonly (string, long[])[] s_oddNames =
    [
        .. ((string[])["fooweight", "blk.0.foo.bias", "blk.0.foo", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight",
            "blk.1.attn_kv_b.weight", "blk.0.ssm_conv1d.weight", "blk.0.cross_attn_v.weight", "blk.0.attn_rel_b.weight",
            "blk.0.indexer.k_proj.weight", "blk.1.nextn.eh_proj.weight", "blk.1.ffn_down_shexp.weight", "v.patch_embd.weight",
            "blk.0.ssm_in.weight", "blk.0.attn_k_b.weight", "blk.1.time_mix_w1.weight", "blk.0.altup_proj.weight"])
            .Select(name => (name, (long[])[256, 2])),
        ("blk.0.ffn_gate_inp_shexp.weight", [256, 1]), ("blk.1.attn_v_b.weight", [256, 2, 2]), ("blk.1.stack.weight", [256, 1, 2]),
    ];

    private static readonly Dictionary<string, SampleModel> s_shapes = new()
    {
        ["one layer"] = new() { Layers = 1 },
        ["two layers, tied"] = new() { Layers = 2, Tied = true },
        ["seven layers, grouped queries"] = new() { Layers = 7, HeadsKv = 1 },
        ["32 layers"] = new() { Layers = 32 },
        ["33 layers, pairs of queries, tied"] = new() { Layers = 33, HeadsKv = 2, Tied = true },
        ["80 layers, all heads"] = new() { Layers = 80 },
        ["80 layers, pairs of queries"] = new() { Layers = 80, HeadsKv = 2 },
        ["80 layers, qwen2"] = new() { Layers = 80, Architecture = "qwen2" },
        ["80 layers, qwen3"] = new() { Layers = 80, Architecture = "qwen3", HeadsKv = 2 },
        ["eight experts"] = new() { Layers = 16, Experts = 8 },
        ["four experts, tied"] = new() { Layers = 9, Experts = 4, HeadsKv = 1, Tied = true },
        ["falcon"] = new() { Layers = 32, Architecture = "falcon", FusedQkv = true, HeadsKv = 1 },
        ["fused, 12 layers"] = new() { Layers = 12, FusedQkv = true },
        ["rows of 96"] = new() { Width = 96, Layers = 5 },
        ["rows of 288, tied"] = new() { Width = 288, Layers = 5, Tied = true },
        ["rows of 100"] = new() { Width = 100, Layers = 3 },
        ["a prediction layer"] = new()
        {
            Layers = 17, Architecture = "glm4moe", Experts = 4,
            MoreKeys = [("nextn_predict_layers", 1), ("leading_dense_block_count", 0), ("expert_feed_forward_length", 256), ("expert_shared_count", 0)],
        },
        ["layers that run twice"] = new() { Layers = 12, Architecture = "nanbeige", MoreKeys = [("num_loops", 2)] },
        ["tied, embeddings for each layer"] = new() { Layers = 4, Tied = true, Extra = [("per_layer_token_embd.weight", [256, 2])] },
        ["odd names"] = new() { Layers = 4, Extra = s_oddNames },
    };

    private static IEnumerable<string> Architectures => ModelSpecFile.Names;

    public static IEnumerable<object[]> Shapes => s_shapes.Keys.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void AnyShape(string shape)
    {
        string path = s_shapes[shape].Write(Path.Combine(s_folder, "shape.gguf"));
        foreach (FileType type in FileType.All)
            foreach (bool imatrix in (bool[])[false, true])
                if (imatrix ? s_shapes[shape].Layers < 80 : type.Name != "Q2_K_S") AssertSame(path, type, imatrix, [], new QuantizeOptions());
    }

    [TestMethod]
    [DataRow("llama3")]
    [DataRow("llama-moe")]
    public void MadeModels(string architecture)
    {
        string path = Peer.MakeModel(architecture, "f32");
        foreach (FileType type in FileType.All)
            if (type.Name != "Q2_K_S") AssertSame(path, type, false, [], new QuantizeOptions());
    }

    [TestMethod]
    [DataRow("f16")]
    [DataRow("bf16")]
    public void OtherSources(string source)
    {
        string path = Peer.MakeModel("qwen2", source);
        foreach (FileType type in FileType.All)
            if (type.Name != "Q2_K_S") AssertSame(path, type, false, [], new QuantizeOptions());
    }

    /// <summary>Of every architecture all tensors, with rows of whole super-blocks and, in full, as narrow as in the tests of the models.</summary>
    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void EveryArchitecture(string name)
    {
        string path = Path.Combine(s_folder, $"{name}.gguf");
        foreach (bool wide in Settings.Full ? (bool[])[true, false] : [true])
        {
            File.WriteAllBytes(path, ModelSpecFile.Make(name, wide ? ModelSpecFile.WidenRows : null));
            foreach (FileType type in FileType.All)
                foreach (bool imatrix in Settings.Full && wide ? (bool[])[false, true] : [false])
                    if (imatrix || type.Name != "Q2_K_S") AssertSame(path, type, imatrix, [], new QuantizeOptions());
        }
        File.Delete(path);
    }

    [TestMethod]
    public void OrderedTypes()
    {
        foreach (bool tied in (bool[])[false, true])
        {
            string path = new SampleModel { Layers = 8, Tied = tied, Extra = [("per_layer_token_embd.weight", [256, 2])] }.Write(Path.Combine(s_folder, "in.gguf"));
            void Check(string type, QuantizeOptions options, params (string, object)[] job)
            {
                Assert.IsTrue(FileType.TryParse(type, out FileType? file));
                AssertSame(path, file, false, job, options);
            }

            foreach (string type in (string[])["Q4_K_M", "Q3_K_M", "MXFP4_MOE", "Q8_0"])
            {
                Check(type, new() { Pure = true }, ("pure", true));
                Check(type, new() { LeaveOutput = true }, ("leave_output_tensor", true));
                Check(type, new() { OutputType = GgmlType.Q5_0 }, ("output_type", "Q5_0"));
                Check(type, new() { EmbeddingType = GgmlType.Q4_1 }, ("embedding_type", "Q4_1"));
                Check(type, new() { OutputType = GgmlType.Q5_0, EmbeddingType = GgmlType.Q4_1, Pure = true },
                    ("output_type", "Q5_0"), ("embedding_type", "Q4_1"), ("pure", true));
                string[][] rules =
                    [["blk\\.[012]\\.(attn_v|ffn_down)", "Q8_0"], ["ffn_", "Q5_0"], ["token_embd|output", "F16"], ["^attn_q", "Q2_K"], ["norm", "Q4_0"]];
                TensorTypeRule[] parsed = [.. rules.Select(rule => TensorTypeRule.Parse(string.Join('=', rule)))];
                Check(type, new() { TensorTypes = parsed }, ("tensor_type", rules));
                Check(type, new() { TensorTypes = parsed, Pure = true }, ("tensor_type", rules), ("pure", true));
            }
        }
    }

    [TestMethod]
    public void QuantizedSources()
    {
        string original = new SampleModel { Layers = 4 }.Write(Path.Combine(s_folder, "original.gguf"));
        foreach (string source in (string[])["Q8_0", "Q4_K_M", "F16"])
        {
            string path = Path.Combine(s_folder, "source.gguf");
            Ask(new() { ["input"] = original, ["output"] = path, ["type"] = source });
            foreach (FileType type in FileType.All)
            {
                if (type.Name == "Q2_K_S") continue;
                AssertSame(path, type, false, [], new QuantizeOptions());
                AssertSame(path, type, false, [("allow_requantize", true)], new QuantizeOptions { AllowRequantize = true });
            }
        }
    }

    private static void AssertSame(string path, FileType type, bool imatrix, (string Key, object Value)[] more, QuantizeOptions options)
    {
        using GgufFile file = GgufFile.Open(path);
        var job = new Dictionary<string, object> { ["input"] = path, ["output"] = Path.Combine(s_folder, "peer.gguf"), ["type"] = type.Name };
        foreach ((string key, object value) in more) job[key] = value;
        if (imatrix)
        {
            var matrix = new ImportanceMatrix();
            foreach (Tensor tensor in file.Tensors)
                matrix.Set(tensor.Name, [.. Enumerable.Repeat(1f, (int)(tensor.Ne0 * tensor.Ne2))], [.. Enumerable.Repeat(1f, (int)tensor.Ne2)]);
            job["imatrix"] = matrix.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.SumsOfSquares.Length);
            options = options with { Importance = matrix };
        }
        Dictionary<string, string>? expected = Ask(job);
        string what = $"{Path.GetFileName(path)} to {type.Name}{(imatrix ? " with imatrix" : "")} {string.Join(' ', more.Select(pair => pair.Key))}";
        if (expected is null)
        {
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => QuantizePlan.Make(file, type, options), what);
            Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
            return;
        }
        QuantizePlan plan = QuantizePlan.Make(file, type, options);
        Assert.HasCount(expected.Count, plan.Tensors);
        foreach (PlannedTensor tensor in plan.Tensors)
            Assert.AreEqual(expected[tensor.Source.Name], GgmlTypes.Get(tensor.Type).Name, $"{what}: {tensor.Source.Name}");
    }

    /// <summary>llama.cpp's types, or null where it refuses.</summary>
    private static Dictionary<string, string>? Ask(Dictionary<string, object> job)
    {
        s_peer ??= new PeerQuantizer();
        return s_peer.Run(job);
    }
}
