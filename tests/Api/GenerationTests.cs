using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

[TestClass]
public sealed class GenerationTests
{
    private static readonly GenerateOptions s_greedy = new() { Sampling = SamplingOptions.Greedy };
    private static readonly string[] s_words = [" one", " two", " three", " four"];
    private static readonly int[] s_story = [ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1, ScriptedModel.FirstWord + 2, ScriptedModel.FirstWord + 3];

    [TestMethod]
    public void TheScriptIsToldUntilItsEnd()
    {
        using var run = new Run(s_words, s_story);
        List<GeneratedToken> steps = run.Generate([ScriptedModel.Bos, s_story[0]], s_greedy);
        Assert.AreEqual(" two three four", Text(steps));
        CollectionAssert.AreEqual(s_story[1..], steps.SkipLast(1).Select(step => step.Token).ToArray());
        Assert.AreEqual(FinishReason.Eos, steps[^1].Finish);
        Assert.IsTrue(steps.SkipLast(1).All(step => step.Finish is null));
        using Generation read = run.Begin([ScriptedModel.Bos, s_story[0]], s_greedy);
        Assert.AreEqual(4, read.Count());
        Assert.IsFalse(read.MoveNext(), "it is disposed of, but has come to its end");
        Assert.AreEqual((2, 3), (run.Statistics.PromptTokens, run.Statistics.GeneratedTokens));
    }

    [TestMethod]
    public void ATextIsContinuedWhereTheModelAsksForAnEndOfText()
    {
        using var scripted = new ScriptedModel(["▁one", "▁two"], [ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1], null, addEos: true);
        using LanguageModel model = LanguageModel.Open(scripted.File);
        CollectionAssert.AreEqual(new[] { ScriptedModel.Bos, ScriptedModel.FirstWord, ScriptedModel.Eos }, model.Tokenizer.Encode("one"));
        CollectionAssert.AreEqual(new[] { ScriptedModel.Bos, ScriptedModel.FirstWord }, model.Tokenizer.EncodePrompt("one"));
        CollectionAssert.AreEqual(new[] { ScriptedModel.Bos, ScriptedModel.FirstWord }, model.Tokenizer.EncodePrompt("one"u8));
        using Context context = model.CreateContext();
        Assert.AreEqual(" two", string.Concat(context.Generate("one", s_greedy).Select(token => token.Text)));
    }

    [TestMethod]
    public void TokensTellHowLikelyTheyWere()
    {
        using var run = new Run(s_words, s_story);
        foreach (GeneratedToken step in run.Generate([s_story[0]], s_greedy with { LogProbabilities = 2 }).SkipLast(1))
        {
            ChoiceProbabilities told = step.Probabilities!;
            Assert.AreEqual((step.Token, told.Model), (told.TopOfModel[0].Token, told.TopOfModel[0].LogProbability));
            Assert.IsGreaterThanOrEqualTo(told.TopOfModel[1].LogProbability, told.Model);
            Assert.AreEqual(0, told.Sampled, "nothing else was left");
            Assert.AreEqual(new TokenLogProbability(step.Token, 0), told.TopOfSampled.Single());
        }
        Assert.IsTrue(run.Generate([s_story[0]], s_greedy).TrueForAll(step => step.Probabilities is null));
        Assert.AreEqual(ErrorCode.InvalidArgument,
            Assert.ThrowsExactly<EdgeLlmException>(() => run.Generate([s_story[0]], s_greedy with { LogProbabilities = -1 })).Code);
    }

    [TestMethod]
    public void TheDefaultSamplingTellsItToo()
    {
        using var run = new Run(s_words, s_story);
        Assert.AreEqual(" two three four", Text(run.Generate([s_story[0]], new GenerateOptions())));
    }

    [TestMethod]
    [DataRow(0, "")]
    [DataRow(1, " two")]
    [DataRow(2, " two three")]
    public void ALimitEndsIt(int tokens, string expected)
    {
        using var run = new Run(s_words, s_story);
        List<GeneratedToken> steps = run.Generate([s_story[0]], s_greedy with { MaxTokens = tokens });
        Assert.AreEqual(expected, Text(steps));
        Assert.AreEqual(FinishReason.Length, steps[^1].Finish);
        Assert.AreEqual(tokens, run.Statistics.GeneratedTokens);
    }

    [TestMethod]
    public void AFullContextEndsItAndOnlyAPromptThatDoesNotFitIsAnError()
    {
        int[] circle = [ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1, ScriptedModel.FirstWord];
        using var run = new Run(s_words, circle, contextSize: 10);
        int[] prompt = [.. Enumerable.Repeat(circle[0], 10)];
        // Eight tokens fill the cache from two; the token after the last position is known too.
        Assert.AreEqual((9, FinishReason.Length), Count(run.Generate(prompt[..2], s_greedy)));
        Assert.AreEqual((1, FinishReason.Length), Count(run.Generate(prompt, s_greedy)));
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => run.Generate([.. prompt, 5], s_greedy));
        Assert.AreEqual(ErrorCode.ContextFull, error.Code);
        StringAssert.Contains(error.Message, "11");
        StringAssert.Contains(error.Message, "10");
    }

    [TestMethod]
    public void AStopStringAcrossTokensNeverLeaks()
    {
        using var run = new Run(s_words, s_story);
        List<GeneratedToken> steps = run.Generate([s_story[0]], s_greedy with { Stop = ["o thr"] });
        Assert.AreEqual(" tw", Text(steps));
        Assert.AreEqual(FinishReason.Stop, steps[^1].Finish);
    }

    [TestMethod]
    public void TextHeldBackForAStopStringComesWithTheEnd()
    {
        using var run = new Run(s_words, s_story);
        List<GeneratedToken> steps = run.Generate([s_story[0]], s_greedy with { Stop = ["four score"] });
        Assert.AreEqual(" two three four", Text(steps));
        Assert.AreEqual("four", steps[^1].Text);
        Assert.AreEqual(FinishReason.Eos, steps[^1].Finish);
    }

    [TestMethod]
    public void PiecesAreWholeCharacters()
    {
        int[] script = [ScriptedModel.FirstWord, .. ScriptedModel.Bytes("é€😀")];
        using var run = new Run(s_words, script);
        List<GeneratedToken> steps = run.Generate([script[0]], s_greedy);
        CollectionAssert.AreEqual((string[])["é", "€", "😀"], steps.Select(step => step.Text).Where(text => text.Length > 0).ToArray());
    }

    [TestMethod]
    public void AnUnfinishedCharacterAtTheEndIsReplaced()
    {
        int[] script = [ScriptedModel.FirstWord, .. ScriptedModel.Bytes("€")[..2]];
        using var run = new Run(s_words, script);
        Assert.AreEqual("\uFFFD", Text(run.Generate([script[0]], s_greedy)));
    }

    [TestMethod]
    public void IgnoringTheEndGoesOnToTheLimit()
    {
        using var run = new Run(s_words, s_story);
        List<GeneratedToken> steps = run.Generate([s_story[0]], s_greedy with { MaxTokens = 20, IgnoreEos = true });
        Assert.AreEqual((20, FinishReason.Length), Count(steps));
        Assert.IsFalse(steps.Any(step => step.Token == ScriptedModel.Eos));
    }

    [TestMethod]
    public void CancellingEndsIt()
    {
        int[] circle = [ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1, ScriptedModel.FirstWord];
        using var run = new Run(s_words, circle);
        using var cancellation = new CancellationTokenSource();
        var steps = new List<GeneratedToken>();
        foreach (GeneratedToken step in run.Begin([circle[0]], s_greedy, cancellation.Token))
        {
            steps.Add(step);
            if (steps.Count == 3) cancellation.Cancel();
        }
        Assert.AreEqual((3, FinishReason.Cancelled), Count(steps));

        // Before the first token, too; and the sequence stays usable.
        Assert.AreEqual((0, FinishReason.Cancelled), Count([.. run.Begin([circle[0], circle[1]], s_greedy, cancellation.Token)]));
        Assert.AreEqual((2, FinishReason.Length), Count(run.Generate([circle[0]], s_greedy with { MaxTokens = 2 })));
    }

    [TestMethod]
    public void TheNextTurnReusesTheCommonPrefix()
    {
        using var run = new Run(s_words, s_story);
        List<GeneratedToken> steps = run.Generate([ScriptedModel.Bos, s_story[0]], s_greedy with { MaxTokens = 2 });
        Assert.AreEqual(" two three", Text(steps));
        CollectionAssert.AreEqual((int[])[ScriptedModel.Bos, s_story[0], s_story[1]], run.Sequence.Tokens.ToArray());

        Assert.AreEqual(" two three", Text(run.Generate([ScriptedModel.Bos, s_story[0], s_story[1], s_story[2], s_story[0]], s_greedy with { MaxTokens = 2 })));
        Assert.AreEqual(3, run.Statistics.ReusedTokens);
        // The same prompt again: its last token is evaluated again, for the logits.
        run.Generate([ScriptedModel.Bos, s_story[0]], s_greedy with { MaxTokens = 1 });
        Assert.AreEqual(1, run.Statistics.ReusedTokens);
        run.Generate([s_story[3]], s_greedy with { MaxTokens = 1 });
        Assert.AreEqual(0, run.Statistics.ReusedTokens);
    }

    [TestMethod]
    public void ThePromptIsReadInBatchesAndReported()
    {
        using var run = new Run(s_words, s_story, batchSize: 4);
        var reports = new List<(int, int)>();
        int[] prompt = [.. Enumerable.Repeat(5, 9), s_story[0]];
        Assert.AreEqual(" two three four", Text(run.Generate(prompt, s_greedy with { OnPrefill = (done, total) => reports.Add((done, total)) })));
        CollectionAssert.AreEqual((List<(int, int)>)[(4, 10), (8, 10), (10, 10)], reports);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    public void CancelledAfterABatchOfThePromptItGivesNoToken(int batches)
    {
        using var run = new Run(s_words, s_story, batchSize: 2);
        using var source = new CancellationTokenSource();
        GenerateOptions options = s_greedy with { OnPrefill = (done, _) => { if (done > 2 * (batches - 1)) source.Cancel(); } };
        GeneratedToken[] steps = [.. run.Begin([ScriptedModel.Bos, .. s_story[..2]], options, source.Token)];
        Assert.AreEqual((-1, FinishReason.Cancelled), (steps.Single().Token, steps[0].Finish));
    }

    [TestMethod]
    public void ASequenceHasOneGenerationAtATime()
    {
        using var run = new Run(s_words, s_story);
        using (Generation first = run.Begin(s_story[..1], s_greedy))
        {
            Assert.IsTrue(first.MoveNext());
            Assert.AreEqual(ErrorCode.Busy, Assert.ThrowsExactly<EdgeLlmException>(() => run.Begin(s_story[..2], s_greedy)).Code);
            Assert.AreEqual(" three", run.Step(first));
        }
        Assert.AreEqual(" three four", Text(run.Generate(s_story[..2], s_greedy)));
    }

    [TestMethod]
    public void OneThatIsDisposedOfLeavesItsSequenceWithWhatWasRead()
    {
        using var run = new Run(s_words, s_story);
        Generation generation = run.Begin(s_story[..1], s_greedy);
        Assert.AreEqual(" two", run.Step(generation));
        Assert.AreEqual(" three", run.Step(generation));
        generation.Dispose();
        generation.Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => generation.MoveNext(), "it has not come to its end");
        CollectionAssert.AreEqual(s_story[..2], run.Sequence.Tokens.ToArray());
    }

    [TestMethod]
    public void ADeadlineEndsIt()
    {
        int[] circle = [ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1, ScriptedModel.FirstWord];
        using var run = new Run(s_words, circle);
        Assert.AreEqual((0, FinishReason.Deadline), Count(run.Generate([circle[0]], s_greedy with { Deadline = TimeSpan.Zero })));
        using Generation generation = run.Begin([circle[0]], s_greedy with { Deadline = TimeSpan.FromMilliseconds(200), IgnoreEos = true });
        Assert.IsTrue(generation.MoveNext());
        Thread.Sleep(300);
        Assert.IsTrue(generation.MoveNext());
        Assert.AreEqual(FinishReason.Deadline, generation.Finish);
        Assert.AreEqual((2, FinishReason.Length), Count(run.Generate([circle[0]], s_greedy with { MaxTokens = 2, Deadline = TimeSpan.MaxValue })));
    }

    [TestMethod]
    public void OneWithinAnotherIsRefusedAndTheOuterGoesOn()
    {
        using var run = new Run(s_words, s_story, batchSize: 2);
        var codes = new List<ErrorCode>();
        GenerateOptions options = s_greedy with
        {
            OnPrefill = (_, _) => codes.Add(Assert.ThrowsExactly<EdgeLlmException>(() => run.Generate([5, 6, 7], s_greedy, new())).Code),
        };
        Assert.AreEqual(" three four", Text(run.Generate([ScriptedModel.Bos, .. s_story[..2]], options)));
        CollectionAssert.AreEqual(new[] { ErrorCode.Busy, ErrorCode.Busy }, codes);
    }

    [TestMethod]
    public void WhatACallbackThrowsIsItsReaders()
    {
        using var run = new Run(s_words, s_story);
        using Generation generation = run.Begin(s_story[..1], s_greedy with { OnPrefill = (_, _) => throw new InvalidOperationException("no") });
        Assert.ThrowsExactly<InvalidOperationException>(() => generation.MoveNext());
        Assert.IsFalse(generation.MoveNext());
        Assert.AreEqual(" two three four", Text(run.Generate(s_story[..1], s_greedy)));
    }

    [TestMethod]
    public void BadRequestsAreErrors()
    {
        using var run = new Run(s_words, s_story);
        foreach ((int[] prompt, GenerateOptions options) in ((int[], GenerateOptions)[])
            [([], s_greedy), ([1], s_greedy with { MaxTokens = -2 }), ([1], s_greedy with { Stop = [""] }), ([-1], s_greedy), ([1000], s_greedy),
             ([1], s_greedy with { Sampling = new SamplingOptions { TopP = 2 } })])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => run.Generate(prompt, options)).Code);
        Assert.ThrowsExactly<ArgumentNullException>(() => run.Generate([1], s_greedy with { Sampling = null! }));
        Assert.ThrowsExactly<ArgumentNullException>(() => run.Generate([1], s_greedy with { Stop = null! }));
    }

    [TestMethod]
    public void ATokenizerThatDoesNotFitTheEmbeddingIsAnError()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "{{ messages }}", change: tensor =>
            tensor.Name == "token_embd.weight" ? tensor with { Ne1 = tensor.Ne1 - 1 } : tensor);
        using var model = LanguageModel.Open(file.File);
        Assert.AreEqual(ErrorCode.InvalidFile, Assert.ThrowsExactly<EdgeLlmException>(() => model.Tokenizer).Code);
        using Context context = model.CreateContext();
        Assert.AreEqual(ErrorCode.InvalidFile, Assert.ThrowsExactly<EdgeLlmException>(() => context.Generate([1])).Code);
    }

    private static string Text(List<GeneratedToken> steps) => steps.Aggregate(new StringBuilder(), (text, step) => text.Append(step.Text)).ToString();

    private static (int, FinishReason?) Count(List<GeneratedToken> steps) => (steps.Count - 1, steps[^1].Finish);

    private sealed class Run : IDisposable
    {
        private readonly ScriptedModel _file;
        private readonly LanguageModel _model;
        private readonly Context _context;

        public Run(string[] words, int[] script, int contextSize = 0, int batchSize = 512)
        {
            _file = new ScriptedModel(words, script);
            _model = LanguageModel.Open(_file.File);
            _context = _model.CreateContext(new ContextOptions { ContextSize = contextSize, BatchSize = batchSize, Threads = 1 });
            Sequence = _context.NewSequence();
        }

        public Sequence Sequence { get; }

        public GenerationStatistics Statistics { get; private set; } = new();

        public Generation Begin(int[] prompt, GenerateOptions options, CancellationToken cancellation = default) =>
            _context.Generate(prompt, options, Sequence, cancellation);

        public List<GeneratedToken> Generate(int[] prompt, GenerateOptions options)
        {
            using Generation generation = Begin(prompt, options);
            Statistics = generation.Statistics;
            return [.. generation];
        }

        // In a sequence of its own.
        public List<GeneratedToken> Generate(int[] prompt, GenerateOptions options, CancellationToken cancellation) =>
            [.. _context.Generate(prompt, options, cancellation: cancellation)];

        public string Step(Generation generation)
        {
            Assert.IsTrue(generation.MoveNext());
            return generation.Current.Text;
        }

        public void Dispose()
        {
            Sequence.Dispose();
            _context.Dispose();
            _model.Dispose();
            _file.Dispose();
        }
    }
}
