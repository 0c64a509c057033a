using System.Runtime.CompilerServices;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

/// <summary>Models, contexts, sequences and generations, disposed of in any order, on any thread, or never.</summary>
[TestClass]
public sealed class DisposalTests
{
    private const int One = ScriptedModel.FirstWord, Two = One + 1;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private static readonly GenerateOptions s_endless = new() { Sampling = SamplingOptions.Greedy, IgnoreEos = true };

    [TestMethod]
    public void AReaderIsToldWhenItsGenerationIsDisposedOfElsewhere()
    {
        using ScriptedModel file = Circle();
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 1 << 16 });
        using Generation generation = context.Generate([One], s_endless);
        Assert.IsTrue(generation.MoveNext());
        Task reading = Task.Run(() =>
        {
            while (generation.MoveNext()) continue;
        });
        generation.Dispose();
        AggregateException error = Assert.ThrowsExactly<AggregateException>(() => reading.Wait(s_patience));
        Assert.IsInstanceOfType<ObjectDisposedException>(error.InnerException);
    }

    [TestMethod]
    public void AReaderThatWaitsForAnotherOnesStepIsToldAsWell()
    {
        using ScriptedModel file = Circle();
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 1 << 14, MaxSequences = 2 });
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        using Generation first = context.Generate([One, Two, One], s_endless with
        {
            MaxTokens = 1, OnPrefill = (_, _) =>
            {
                begun.Set();
                goOn.Wait();
            },
        });
        Task driving = Task.Run(() => first.MoveNext());
        begun.Wait();
        using Sequence sequence = context.NewSequence();
        using Generation second = context.Generate([One], s_endless, sequence);
        Task waiting = Task.Run(() =>
        {
            while (second.MoveNext()) continue;
        });
        Task disposing = Task.Run(second.Dispose);
        goOn.Set();
        Assert.IsTrue(Task.WaitAll([driving, disposing], s_patience));
        Assert.IsInstanceOfType<ObjectDisposedException>(Assert.ThrowsExactly<AggregateException>(() => waiting.Wait(s_patience)).InnerException);
        using Generation third = context.Generate([One], s_endless with { MaxTokens = 1 }, sequence);
        Assert.AreEqual(2, third.Count(), "the sequence is free again");
    }

    [TestMethod]
    public void AContextThatACallbackDisposesOfStaysForTheStep()
    {
        using ScriptedModel file = Circle();
        using LanguageModel model = LanguageModel.Open(file.File);
        Context context = model.CreateContext(new ContextOptions { Threads = 2 });
        bool held = false;
        using Generation generation = context.Generate([One], s_endless with
        {
            OnPrefill = (_, _) =>
            {
                context.Dispose();
                held = context.CacheBytes > 0; // the pass is over; its logits are not read yet
            },
        });
        Assert.IsTrue(generation.MoveNext());
        Assert.AreEqual((" two", true), (generation.Current.Text, held));
        Assert.AreEqual(0, context.CacheBytes);
        Assert.ThrowsExactly<ObjectDisposedException>(() => generation.MoveNext());
        Assert.ThrowsExactly<ObjectDisposedException>(() => context.NewSequence());
        Assert.ThrowsExactly<ObjectDisposedException>(() => context.Generate([One]));
        Assert.ThrowsExactly<ObjectDisposedException>(() => context.Embed([One]));
    }

    [TestMethod]
    public void ALogitsHandlerMayDisposeOfItsContext()
    {
        using ScriptedModel file = Circle();
        using LanguageModel model = LanguageModel.Open(file.File);
        Context context = model.CreateContext(new ContextOptions { Threads = 1, BatchSize = 2 });
        using Sequence sequence = context.NewSequence();
        int likeliest = -1;
        Assert.ThrowsExactly<ObjectDisposedException>(() =>
        {
            context.Evaluate(sequence, [One, Two, One], wantedFrom: 0, (logits, _) =>
            {
                context.Dispose();
                float[] row = logits[0].ToArray();
                likeliest = Array.IndexOf(row, row.Max());
            });
            context.NewSequence();
        });
        Assert.AreEqual(Two, likeliest);
    }

    [TestMethod]
    public void ASequenceThatIsRunMeanwhileKeepsNoGenerationFromBeingDisposedOf()
    {
        using ScriptedModel file = Circle();
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 256, MaxSequences = 2 });
        using Sequence sequence = context.NewSequence();
        using Generation other = context.Generate([One], s_endless);
        using Generation generation = context.Generate([One], s_endless, sequence);
        Assert.IsTrue(generation.MoveNext());
        for (int i = 0; i < 4; i++) Assert.IsTrue(other.MoveNext()); // which makes tokens that the first one has not read
        context.Cpu.Tracer = (name, _, _) =>
        {
            if (name == "inp_embd") generation.Dispose();
        };
        var batch = new Batch();
        batch.Add(sequence, [Two]);
        context.Forward(batch);
        context.Cpu.Tracer = null;
        using Generation next = context.Generate([One], s_endless with { MaxTokens = 1 }, sequence);
        Assert.AreEqual(2, next.Count(), "the sequence is free again");
    }

    [TestMethod]
    public void AnyOrderOfDisposingWorks()
    {
        using ScriptedModel file = Circle();
        int[][] orders = [.. Permutations([0, 1, 2, 3])];
        Assert.HasCount(24, orders);
        foreach (int[] order in orders)
        {
            LanguageModel model = LanguageModel.Open(file.File);
            Context context = model.CreateContext(new ContextOptions { Threads = 1 });
            Sequence sequence = context.NewSequence();
            Generation generation = context.Generate([One, Two, One], s_endless, sequence);
            Assert.IsTrue(generation.MoveNext());
            IDisposable[] all = [model, context, sequence, generation];
            bool told = false; // with the sequence's end the generation has come to its own
            foreach (int which in order)
            {
                all[which].Dispose();
                all[which].Dispose();
                if (told) continue;
                Exception error = Assert.Throws<Exception>(() => generation.MoveNext());
                told = error is EdgeLlmException { Code: ErrorCode.InvalidArgument };
                Assert.IsTrue(told || error is ObjectDisposedException, $"{string.Join(' ', order)}: {error}");
            }
        }
    }

    [TestMethod]
    public void ADisposedModelMakesNothing()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "{{ messages }}");
        LanguageModel model = LanguageModel.Open(file.File), read = LanguageModel.Open(file.File);
        _ = read.Tokenizer;
        foreach (LanguageModel each in (LanguageModel[])[model, read]) each.Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => model.CreateContext());
        Assert.ThrowsExactly<ObjectDisposedException>(() => model.Plan());
        Assert.ThrowsExactly<ObjectDisposedException>(() => model.Tokenizer);
        Assert.ThrowsExactly<ObjectDisposedException>(() => model.ChatTemplate);
        Assert.ThrowsExactly<ObjectDisposedException>(() => model.File.Metadata.GetString("general.architecture"));
        Assert.ThrowsExactly<ObjectDisposedException>(() => Tokenizer.FromGguf(model.File.Metadata));
        Assert.AreEqual(TinyModel.Vocab, read.Tokenizer.Vocabulary.Count, "it does not need the file");
    }

    [TestMethod]
    public void WhatReadsTheFileIsDoneBeforeItIsClosed()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "{{ messages }}");
        byte[] bytes = File.ReadAllBytes(file.File);
        int rounds = Settings.Full ? 2000 : 100, done = 0;
        Action<LanguageModel>[] readers =
        [
            model => _ = model.Tokenizer, model => _ = model.ChatTemplate, model => model.CreateContext(new ContextOptions { Threads = 1 }).Dispose(),
            model => _ = model.File.Metadata.GetArray("tokenizer.ggml.tokens").GetStrings(), model => _ = Tokenizer.FromGguf(model.File.Metadata),
            model => model.File.Metadata.ToList().ForEach(entry => _ = entry.Value.ToString()),
            model => _ = model.File.Metadata.GetArray("tokenizer.ggml.scores").GetFloats(),
        ];
        for (int round = 0; round < rounds; round++)
            foreach (Action<LanguageModel> read in readers)
            {
                LanguageModel model = LanguageModel.Open(file.File);
                using var both = new Barrier(2);
                Task reading = Task.Run(() =>
                {
                    both.SignalAndWait();
                    read(model);
                    Interlocked.Increment(ref done);
                });
                both.SignalAndWait();
                Thread.SpinWait(round * 20);
                model.Dispose();
                try
                {
                    Assert.IsTrue(reading.Wait(s_patience));
                }
                catch (AggregateException e)
                {
                    Assert.IsInstanceOfType<ObjectDisposedException>(e.InnerException);
                }
            }
        Assert.IsGreaterThan(0, done);
        CollectionAssert.AreEqual(bytes, File.ReadAllBytes(file.File));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AContextThatIsNeverDisposedOfIsCollectedWithItsThreads()
    {
        using ScriptedModel file = Circle();
        using LanguageModel model = LanguageModel.Open(file.File);
        GC.Collect(); // what other tests have left
        GC.WaitForPendingFinalizers();
        int before = WorkerThreads();
        UseAndForget(model);
        Assert.AreEqual(before + 6, WorkerThreads());
        Generation generation = Begun(model);
        Assert.IsTrue(SpinWait.SpinUntil(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return WorkerThreads() <= before + 2;
        }, s_patience), "the threads are still there");
        Assert.AreEqual(" one two one", string.Concat(generation.Take(3).Select(step => step.Text)), "a generation keeps its context");
        Assert.AreEqual(before + 2, WorkerThreads());
    }

    [TestMethod]
    public void AGenerationThatIsDroppedGivesItsSequenceBack()
    {
        using ScriptedModel file = Circle();
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence();
        BeginAndForget(context, sequence);
        Assert.IsTrue(SpinWait.SpinUntil(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            try
            {
                using Generation next = context.Generate([One], s_endless with { MaxTokens = 1 }, sequence);
                return next.Count() == 2;
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.Busy)
            {
                return false;
            }
        }, s_patience), "the sequence is still its own");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void BeginAndForget(Context context, Sequence sequence) => context.Generate([One], s_endless, sequence).MoveNext();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void UseAndForget(LanguageModel model)
    {
        for (int i = 0; i < 2; i++)
        {
            Context context = model.CreateContext(new ContextOptions { Threads = 4 });
            context.Embed([One, Two]);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Generation Begun(LanguageModel model) => model.CreateContext(new ContextOptions { Threads = 3 }).Generate([One, Two], s_endless);

    private static int WorkerThreads() => Directory.GetDirectories("/proc/self/task")
        .Count(task => File.Exists(Path.Combine(task, "comm")) && Name(task).StartsWith("edge-llm ", StringComparison.Ordinal));

    private static string Name(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException) // it has ended
        {
            return "";
        }
    }

    private static IEnumerable<int[]> Permutations(int[] items) => items.Length == 0 ? [[]]
        : items.SelectMany(first => Permutations([.. items.Where(item => item != first)]).Select(rest => (int[])[first, .. rest]));

    private static ScriptedModel Circle() => new(["▁one", "▁two"], One, Two, One);
}
