using System.Collections.Concurrent;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>A device is lost at a random call, while texts are generated, found, saved, loaded, forked and trimmed on several threads. Each answer is
/// the CPU's, or says that a device was lost. The reference plug-in refuses a second call beside one, and aborts where a stage in use is destroyed.</summary>
[TestClass]
[DoNotParallelize]
public sealed class LossStressTests
{
    private const int Texts = 6, OnDisk = 3, Calls = 400; // in a round, about
    private static readonly ContextOptions s_options = new() { ContextSize = 256, MaxSequences = 8, BatchSize = 96, Threads = 1 };
    private static readonly GenerateOptions s_generate = new() { MaxTokens = 8, IgnoreEos = true, Sampling = new SamplingOptions { Temperature = 0.8f, Seed = 3 } };
    private static readonly int[][] s_prompts = [.. Enumerable.Range(0, Texts).Select(Prompt)];
    private static readonly int[][] s_answers = new int[Texts][];
    private static readonly byte[][] s_saved = new byte[Texts][];
    private static TinyModel s_file = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context)
    {
        s_file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "{{ messages }}");
        using LanguageModel model = LanguageModel.Open(s_file.File);
        using Context cpu = model.CreateContext(s_options);
        for (int i = 0; i < Texts; i++)
        {
            using Sequence sequence = cpu.NewSequence();
            s_answers[i] = Generate(cpu, i, sequence);
            s_saved[i] = Save(cpu, sequence);
        }
    }

    [ClassCleanup]
    public static void DeleteModel() => s_file.Dispose();

    [TestMethod]
    public void EachAnswerIsTheCpusOrALoss()
    {
        int losses = 0, answers = 0;
        for (int round = 0; round < (Settings.Full ? 60 : 6); round++)
        {
            (int lost, int answered) = Run(round);
            losses += lost;
            answers += answered;
        }
        Assert.IsGreaterThan(0, losses);
        Assert.IsGreaterThan(0, answers);
    }

    private static (int Losses, int Answers) Run(int round)
    {
        var random = new Random(round);
        string folder = Directory.CreateTempSubdirectory("edge-llm-loss").FullName;
        try
        {
            ContextOptions options = s_options with { PromptCache = folder };
            using LanguageModel cpu = LanguageModel.Open(s_file.File);
            using (Context first = cpu.CreateContext(options))
                for (int i = 0; i < OnDisk; i++) Generate(first, i);

            OffloadOptions layers = ReferencePlugin.Layers(random.Next(1, TinyModel.Layers + 2)) with { Kqv = random.Next(4) > 0 };
            using IDisposable fault = ReferencePlugin.Fault($"slow={random.Next(3)},lost-call@{random.Next(1, Calls)}");
            using LanguageModel model = LanguageModel.Open(s_file.File, new ModelOptions { Offload = layers });
            using Context context = model.CreateContext(options);
            var wrong = new ConcurrentQueue<string>();
            int answers = 0;
            Thread[] threads = [.. Enumerable.Range(0, 4).Select(number => new Thread(() => Work(context, new Random((round * 10) + number), wrong, ref answers)))];
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();
            Assert.AreEqual("", wrong.FirstOrDefault() ?? "", $"round {round}");
            for (int i = 0; i < Texts; i++)
            {
                if (context.DeviceLosses > 0) CollectionAssert.AreEqual(s_answers[i], Generate(context, i), $"round {round}, text {i} after the loss");
                using Context onDisk = cpu.CreateContext(options);
                CollectionAssert.AreEqual(s_answers[i], Generate(onDisk, i), $"round {round}, text {i} on disk");
            }
            return (context.DeviceLosses, answers);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What one thread does: mostly answers, and with a sequence of its own also the rest.
    private static void Work(Context context, Random random, ConcurrentQueue<string> wrong, ref int answers)
    {
        using Sequence own = context.NewSequence();
        for (int step = 0; step < 12; step++)
        {
            int text = random.Next(Texts), what = random.Next(6);
            try
            {
                if (what < 3) Expect(Generate(context, text).SequenceEqual(s_answers[text]), "an answer");
                else
                {
                    if (what == 3) Alone(() => Load(context, own, s_saved[text]));
                    else Expect(Generate(context, text, own).SequenceEqual(s_answers[text]), "an answer in a sequence");
                    if (what != 5) Expect(Alone(() => Save(context, own)).SequenceEqual(s_saved[text]), "a saved text");
                    using Sequence fork = own.Fork();
                    fork.Trim(random.Next(fork.Length));
                    Expect(Generate(context, text, fork).SequenceEqual(s_answers[text]), "an answer in a fork");
                }
                Interlocked.Increment(ref answers);
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.PluginError && (e.Message.Contains("the fault lost") || e.Message.Contains("a device that failed")))
            {
                own.Trim(0); // what was under way
            }
            catch (Exception e)
            {
                wrong.Enqueue($"{what}, text {text}: {e}");
            }
        }
    }

    // Until no other thread computes in the context.
    private static T Alone<T>(Func<T> work)
    {
        while (true)
            try
            {
                return work();
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.Busy)
            {
                Thread.Yield();
            }
    }

    private static void Expect(bool same, string what)
    {
        if (!same) throw new InvalidOperationException($"{what} differs from the CPU's");
    }

    // Two beginnings of two blocks, and ends that differ.
    private static int[] Prompt(int text) => [.. Enumerable.Range(0, 128).Select(i => 3 + (i * (text % 2 == 0 ? 53 : 37) % 120)), .. Enumerable.Range(10 * text, 5 + (text * 6))];

    private static int[] Generate(Context context, int text, Sequence? sequence = null)
    {
        using Generation generation = context.Generate(s_prompts[text], s_generate, sequence);
        var tokens = new List<int>();
        while (Alone(generation.MoveNext)) tokens.Add(generation.Current.Token);
        return [.. tokens];
    }

    private static bool Load(Context context, Sequence sequence, byte[] saved)
    {
        context.Load(sequence, new MemoryStream(saved));
        return true;
    }

    private static byte[] Save(Context context, Sequence sequence)
    {
        using var saved = new MemoryStream();
        context.Save(sequence, saved);
        return saved.ToArray();
    }
}
