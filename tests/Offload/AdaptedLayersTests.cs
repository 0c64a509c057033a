using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>Devices know no adapters: what an adapter changes stays on the CPU, and texts with one have the CPU's bits.</summary>
[TestClass]
[DoNotParallelize]
public sealed class AdaptedLayersTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 40).Select(i => 3 + (i * 37 % 120))];
    private static readonly ContextOptions s_options = new() { ContextSize = 64, BatchSize = 16, LogitsRows = 16, MaxSequences = 2 };

    [TestMethod]
    [DataRow("llama", "^blk.0.", false)]
    [DataRow("llama", "^output", false)]
    [DataRow("llama", "^token_embd", true)]
    [DataRow("llama", "", true)]
    [DataRow("qwen3moe", "^blk.0.", true)]
    [DataRow("qwen3moe", "exps", true)]
    public void LayersThatAnAdapterLeavesAloneGo(string name, string part, bool kqv)
    {
        byte[] bytes = ModelSpecFile.Make(name);
        OffloadOptions wish = ReferencePlugin.Layers(-1) with { Kqv = kqv };
        using LanguageModel cpu = LanguageModel.Open(bytes), model = LanguageModel.Open(bytes, new ModelOptions { Offload = wish });
        byte[] file = AdapterFile.Make(cpu, which: tensor => Regex.IsMatch(tensor, part));
        AdapterScale own = new(cpu.LoadAdapter(file)), other = new(model.LoadAdapter(file));
        using Context expected = cpu.CreateContext(s_options), context = model.CreateContext(s_options);
        OffloadReport report = context.Offload;
        Assert.AreEqual(part.Length == 0, report.Layers == 0, string.Join('\n', report.Lines()));
        if (part != "^token_embd" && part != "exps") StringAssert.Contains(report.Note, "changes ");
        AssertSame(Logits(expected, []), Logits(context, []));
        AssertSame(Logits(expected, [own]), Logits(context, [other]));
    }

    [TestMethod]
    public void AnAdapterOfADevicesLayersIsRefusedWhereverItIsNamed()
    {
        byte[] bytes = ModelSpecFile.Make("llama", withTokens: true);
        using LanguageModel model = LanguageModel.Open(bytes, new ModelOptions { Offload = ReferencePlugin.Layers(-1) });
        using Context context = model.CreateContext(s_options);
        using LoraAdapter late = model.LoadAdapter(AdapterFile.Make(model));
        using LoraAdapter table = model.LoadAdapter(AdapterFile.Make(model, which: name => name == AdapterFile.TokenTable));
        AdapterScale[] named = [new(late)];
        using Sequence sequence = context.NewSequence();
        AssertRefused(() => context.Adapters = named);
        AssertRefused(() => context.SetAdapters(sequence, named));
        AssertRefused(() => context.NewSequence(named));
        AssertRefused(() => context.Generate(s_tokens, new GenerateOptions { Adapters = named }));
        AssertRefused(() => context.GenerateChoices(s_tokens, 2, new GenerateOptions { Adapters = named }));
        AssertRefused(() => context.Embed(s_tokens, adapters: named));
        context.Adapters = [new(late, 0)];
        context.Adapters = [new(table)];
        context.Evaluate(sequence, s_tokens, s_tokens.Length);

        // A context that is made later knows of it, and so does one whose device is lost.
        using (Context next = model.CreateContext(s_options with { Adapters = named })) Assert.AreEqual(0, next.Offload.Layers);
        using LanguageModel some = LanguageModel.Open(bytes, new ModelOptions { Offload = ReferencePlugin.Layers(2) });
        using LoraAdapter all = some.LoadAdapter(AdapterFile.Make(some));
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => some.CreateContext(s_options));
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        StringAssert.Contains(error.Message, "changes ");
    }

    [TestMethod]
    public void AdaptersWorkWhenTheDeviceIsLost()
    {
        byte[] bytes = ModelSpecFile.Make("llama");
        using LanguageModel cpu = LanguageModel.Open(bytes), model = LanguageModel.Open(bytes, new ModelOptions { Offload = ReferencePlugin.Layers(2) });
        byte[] first = AdapterFile.Make(cpu, which: name => name.StartsWith("blk.0.", StringComparison.Ordinal)), all = AdapterFile.Make(cpu, seed: 2);
        AdapterScale[] expected = [new(cpu.LoadAdapter(first)), new(cpu.LoadAdapter(all))];
        AdapterScale below = new(model.LoadAdapter(first));
        using Context own = cpu.CreateContext(s_options), context = model.CreateContext(s_options);
        Assert.AreEqual(2, context.Offload.Layers);
        AdapterScale both = new(model.LoadAdapter(all));
        AssertSame(Logits(own, [expected[0]]), Logits(context, [below]));
        using (ReferencePlugin.Fault("lost")) Assert.ThrowsExactly<EdgeLlmException>(() => Logits(context, [below]));
        AssertSame(Logits(own, [expected[0]]), Logits(context, [below]));
        AssertSame(Logits(own, expected), Logits(context, [below, both]));
    }

    private static float[] Logits(Context context, AdapterScale[] adapters)
    {
        using Sequence sequence = context.NewSequence(adapters);
        var all = new List<float>();
        context.Evaluate(sequence, s_tokens, 0, (logits, _) =>
        {
            for (int i = 0; i < logits.Count; i++) all.AddRange(logits[i]);
        });
        return [.. all];
    }

    private static void AssertRefused(Action action)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.AreEqual(ErrorCode.Unsupported, error.Code, error.Message);
        StringAssert.Contains(error.Message, "on a device");
    }

    private static void AssertSame(float[] expected, float[] actual) =>
        Assert.IsTrue(MemoryMarshal.AsBytes(expected.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(actual.AsSpan())));
}
