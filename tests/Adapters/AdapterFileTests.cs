using Edge.Llm.Tests.Fuzz;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Adapters;

/// <summary>Files that are no adapters, or none for the model, are refused with what was expected and found; damaged ones never do harm.</summary>
[TestClass]
public sealed class AdapterFileTests
{
    private static readonly LanguageModel s_model = LanguageModel.Open(ModelSpecFile.Make("qwen3moe"));

    [ClassCleanup]
    public static void Close() => s_model.Dispose();

    [TestMethod]
    [DataRow("general.type", "model", ErrorCode.InvalidFile, "key general.type: expected 'adapter', found 'model'")]
    [DataRow("general.type", null, ErrorCode.InvalidFile, "key general.type: expected 'adapter', found ''")]
    [DataRow("adapter.type", "cvec", ErrorCode.Unsupported, "key adapter.type: expected 'lora', found 'cvec'")]
    [DataRow("general.architecture", "llama", ErrorCode.InvalidArgument, "key general.architecture: expected 'qwen3moe', found 'llama'")]
    [DataRow("adapter.lora.alpha", "4", ErrorCode.InvalidFile, "key adapter.lora.alpha: expected a number, found string")]
    [DataRow("adapter.lora.alpha", float.NaN, ErrorCode.InvalidFile, "key adapter.lora.alpha: expected a finite number, found NaN")]
    [DataRow("adapter.alora.invocation_tokens", new[] { 1 }, ErrorCode.Unsupported, "key adapter.alora.invocation_tokens: adapters that begin at invocation tokens")]
    public void KeysMustBeThoseOfAnAdapterForTheModel(string key, object? value, ErrorCode code, string message)
    {
        byte[] file = AdapterFile.Make(s_model, keys: keys =>
        {
            if (value is null) keys.Remove(key);
            else keys[key] = value;
        });
        AssertRefused(file, code, message);
    }

    [TestMethod]
    [DataRow("blk.0.attn_q.weight.lora_a 64,4", ErrorCode.InvalidFile, "expected its partner blk.0.attn_q.weight.lora_b, found none")]
    [DataRow("blk.0.attn_q.weight.lora_b 4,128", ErrorCode.InvalidFile, "expected its partner blk.0.attn_q.weight.lora_a, found none")]
    [DataRow("blk.0.attn_q.weight 64,128", ErrorCode.Unsupported, "tensor blk.0.attn_q.weight: expected a name that ends with .lora_a or .lora_b")]
    [DataRow("blk.0.attn_norm.weight 64", ErrorCode.Unsupported, "tensor blk.0.attn_norm.weight: expected a name that ends with")]
    [DataRow("blk.9.attn_q.weight.lora_a 64,4 blk.9.attn_q.weight.lora_b 4,128", ErrorCode.InvalidArgument, "the model has no tensor blk.9.attn_q.weight")]
    [DataRow("blk.0.attn_norm.weight.lora_a 64,4 blk.0.attn_norm.weight.lora_b 4,1", ErrorCode.InvalidArgument, "blk.0.attn_norm.weight, which the model does not multiply with")]
    [DataRow("blk.0.attn_k.weight.lora_a 63,4 blk.0.attn_k.weight.lora_b 4,OUT", ErrorCode.InvalidArgument, "lora_a: expected dimensions [64, 4, 1], found [63, 4, 1, 1]")]
    [DataRow("blk.0.attn_k.weight.lora_a 64,4 blk.0.attn_k.weight.lora_b 3,OUT", ErrorCode.InvalidArgument, "lora_a: expected dimensions [64, 3, 1], found [64, 4, 1, 1]")]
    [DataRow("blk.0.attn_k.weight.lora_a 64,4 blk.0.attn_k.weight.lora_b 4,7", ErrorCode.InvalidArgument, "lora_b: expected dimensions [4, OUT, 1], found [4, 7, 1, 1]")]
    [DataRow("blk.0.ffn_down_exps.weight.lora_a IN,4 blk.0.ffn_down_exps.weight.lora_b 4,64", ErrorCode.InvalidArgument, "lora_a: expected dimensions [IN, 4, EXPERTS], found [IN, 4, 1, 1]")]
    [DataRow("token_embd.weight.lora_a 64,4 token_embd.weight.lora_b 4,300", ErrorCode.InvalidArgument, "lora_a: expected dimensions [4, 300, 1], found [64, 4, 1, 1]")]
    [DataRow("output.weight.lora_a 64,70000 output.weight.lora_b 70000,300", ErrorCode.Unsupported, "rank 70000, expected at most 65536")]
    [DataRow("", ErrorCode.InvalidFile, "the adapter has no tensors")]
    public void TensorsMustFitTheModels(string tensors, ErrorCode code, string message)
    {
        Tensor down = s_model.File.GetTensor("blk.0.ffn_down_exps.weight"), keys = s_model.File.GetTensor("blk.0.attn_k.weight");
        string Numbers(string text) => text.Replace("IN", $"{down.Ne0}", StringComparison.Ordinal).Replace("EXPERTS", $"{down.Ne2}", StringComparison.Ordinal)
            .Replace("OUT", $"{keys.Ne1}", StringComparison.Ordinal);
        string[] words = Numbers(tensors).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<Tensor> made = words.Chunk(2).Select(pair =>
        {
            long[] ne = Array.ConvertAll(pair[1].Split(','), long.Parse);
            return new Tensor(pair[0], GgmlType.F32, 0, ne[0], ne.Length > 1 ? ne[1] : 1);
        });
        AssertRefused(File(made), code, Numbers(message));
    }

    [TestMethod]
    public void TypesMustHaveKernels() => AssertRefused(
        File([new Tensor("output.weight.lora_a", GgmlType.I32, 0, 64, 4), new Tensor("output.weight.lora_b", GgmlType.F32, 0, 4, 300)]),
        ErrorCode.Unsupported, "output.weight.lora_a is of type I32, which has no kernels");

    [TestMethod]
    public void ExpertsWithScalesOfTheirOwnAreRefused()
    {
        const string Name = "blk.0.ffn_up_exps";
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in s_model.File.Metadata) writer.AddMetadata(key, value);
        foreach (Tensor tensor in s_model.File.Tensors) writer.AddTensor(tensor, tensor.Name == Name + ".weight" ? GgmlType.NVFP4 : tensor.Type);
        writer.AddTensor(Name + ".scale", GgmlType.F32, s_model.File.GetTensor(Name + ".weight").Ne2);
        using var stream = new MemoryStream();
        writer.WriteTo(stream, (tensor, output) => output.Write(TinyModel.Data(tensor)));
        using LanguageModel scaled = LanguageModel.Open(stream.ToArray());
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => { scaled.LoadAdapter(AdapterFile.Make(scaled)); });
        Assert.AreEqual(ErrorCode.Unsupported, error.Code, error.Message);
        StringAssert.Contains(error.Message, "blk.0.ffn_up_exps.weight is of type NVFP4 with a scale for each expert");
    }

    [TestMethod]
    public void AModelIsNoAdapter() => AssertRefused(ModelSpecFile.Make("qwen3moe"), ErrorCode.InvalidFile, "expected 'adapter'");

    [TestMethod]
    public void WhatItWasMadeForCanBeRead()
    {
        using LoraAdapter adapter = s_model.LoadAdapter(AdapterFile.Make(s_model, rank: 5, alpha: 3, which: name => name == "output.weight", keys: keys =>
        {
            keys["adapter.lora.task_name"] = "to be brief";
            keys["adapter.lora.prompt_prefix"] = "Briefly:";
        }));
        Assert.AreEqual((5, 3f, 1, "to be brief", "Briefly:"), (adapter.Rank, adapter.Alpha, adapter.TensorCount, adapter.TaskName, adapter.PromptPrefix));
    }

    [TestMethod]
    public void ValuesThatAreNotFiniteEndTheText()
    {
        byte[] file = AdapterFile.Make(s_model, which: name => name == "blk.0.attn_output.weight");
        BitConverter.TryWriteBytes(file.AsSpan(file.Length - 64), float.NaN);
        using LoraAdapter adapter = s_model.LoadAdapter(file);
        using Context context = s_model.CreateContext(new ContextOptions { ContextSize = 64, Threads = 1, Adapters = [new(adapter)] });
        Assert.AreEqual(ErrorCode.NonFinite, Assert.ThrowsExactly<EdgeLlmException>(() => context.AllLogits([1, 2, 3], 1)).Code);
    }

    [TestMethod]
    public void DamagedFilesAreRefusedOrRun()
    {
        byte[] file = AdapterFile.Make(s_model, which: name => name.StartsWith("blk.0.", StringComparison.Ordinal) || name == AdapterFile.TokenTable);
        (int refused, int ran) = (0, 0);
        using Context context = s_model.CreateContext(new ContextOptions { ContextSize = 64, Threads = 1 });
        for (int seed = Settings.Full ? 20000 : 1500; seed > 0; seed--)
        {
            try
            {
                using LoraAdapter adapter = s_model.LoadAdapter(GgufMutator.Mutate(file, headerBytes: 1400, seed));
                context.Adapters = [new(adapter)];
                context.AllLogits([5, 6], 1);
                ran++;
            }
            catch (EdgeLlmException)
            {
                refused++;
            }
            catch (Exception error) when (error is not AssertFailedException)
            {
                Assert.Fail($"seed {seed}: {error}");
            }
        }
        Assert.IsGreaterThan(0, ran);
        Assert.IsGreaterThan(0, refused);
        context.Adapters = [];
        context.AllLogits([5, 6], 1);
    }

    private static byte[] File(IEnumerable<Tensor> tensors)
    {
        var keys = new Dictionary<string, object> { ["general.type"] = "adapter", ["adapter.type"] = "lora", ["general.architecture"] = "qwen3moe" };
        return AdapterFile.Write(keys, tensors, tensor => new byte[tensor.Bytes]);
    }

    private static void AssertRefused(byte[] file, ErrorCode code, string message)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => { s_model.LoadAdapter(file); });
        Assert.AreEqual(code, error.Code, error.Message);
        StringAssert.Contains(error.Message, message);
    }
}
