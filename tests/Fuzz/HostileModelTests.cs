using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Fuzz;

/// <summary>A damaged model file loads and runs, or is refused by <see cref="EdgeLlmException"/>: no other exception, no crash, no hang,
/// no memory beyond what the file holds.</summary>
[TestClass]
public sealed class HostileModelTests
{
    private const long AllowedBytes = 64L << 20;
    private static readonly TimeSpan s_allowedTime = TimeSpan.FromSeconds(20); // of the processor: the clock goes on where the process does not

    [TestMethod]
    public void DamagedModelsRunOrAreRefused()
    {
        int count = Settings.Full ? 10_000 : 500;
        using var sample = new ScriptedModel([" once", " upon"], ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1);
        byte[] bytes = File.ReadAllBytes(sample.File);
        int header = HeaderBytes(bytes);
        int ran = 0, loaded = 0;
        for (int seed = 0; seed < count; seed++)
        {
            byte[] damaged = GgufMutator.Mutate(bytes, header, seed);
            bool mapped = seed % 50 == 0;
            Outcome outcome = Try(damaged, mapped, $"seed {seed}");
            if (outcome >= Outcome.Loaded) loaded++;
            if (outcome == Outcome.Ran) ran++;
        }
        Console.WriteLine($"{count} damaged files: {loaded} loaded, {ran} ran");
        // A mutator that breaks everything, or nothing, tests nothing.
        Assert.IsTrue(ran > count / 50 && ran < count * 19 / 20, $"{ran} of {count} ran");
    }

    private enum Outcome
    {
        Refused,
        Loaded,
        Ran,
    }

    private static Outcome Try(byte[] bytes, bool mapped, string what)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        long before = GC.GetAllocatedBytesForCurrentThread();
        Outcome outcome = Outcome.Refused;
        string? path = mapped ? Path.GetTempFileName() : null;
        try
        {
            if (path is not null) File.WriteAllBytes(path, bytes);
            using LanguageModel model = path is null ? Load(bytes) : LanguageModel.Open(path);
            Tokenizer tokenizer = Tokenizer.FromGguf(model.File.Metadata);
            outcome = Outcome.Loaded;
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.IsTrue(allocated <= AllowedBytes, $"{what}: loading allocated {allocated} bytes");
            Run(model, tokenizer);
            outcome = Outcome.Ran;
        }
        catch (EdgeLlmException e)
        {
            Assert.AreNotEqual(ErrorCode.Internal, e.Code, $"{what}: {e}");
            Assert.IsFalse(string.IsNullOrWhiteSpace(e.Message), what);
        }
        catch (Exception e) when (e is not AssertFailedException)
        {
            Assert.Fail($"{what}: {e}");
        }
        finally
        {
            if (path is not null) File.Delete(path);
        }
        TimeSpan taken = Environment.CpuUsage.TotalTime - start;
        Assert.IsTrue(taken < s_allowedTime, $"{what}: took {taken}");
        return outcome;
    }

    private static LanguageModel Load(byte[] bytes)
    {
        GgufFile file = GgufFile.Open(bytes);
        try
        {
            return LanguageModel.Open(file, new ModelOptions());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void Run(LanguageModel model, Tokenizer tokenizer)
    {
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 16, BatchSize = 4, Threads = 1 });
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(sequence, tokenizer.Encode("once upon").AsSpan()[..2]);
        Logits logits = context.Forward(batch);
        _ = tokenizer.Decode([logits[0].IndexOf(logits[0][0])]);
    }

    private static int HeaderBytes(byte[] bytes)
    {
        using GgufFile file = GgufFile.Open(bytes);
        return (int)(bytes.Length - file.Tensors.Sum(tensor => (tensor.Bytes + 31) / 32 * 32));
    }
}
