using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Adapters;

/// <summary>Which adapters a sequence has, when they may change, and what happens when one is disposed of.</summary>
[TestClass]
public sealed class AdapterLifetimeTests : IDisposable
{
    private static readonly int[] s_tokens = [5, 9, 12, 44, 7, 31];

    private readonly LanguageModel _model;
    private readonly LoraAdapter _a, _b;
    private readonly Context _context;

    public AdapterLifetimeTests()
    {
        using var tiny = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "{{ messages[0].content }}");
        _model = LanguageModel.Open(File.ReadAllBytes(tiny.File));
        (_a, _b) = (_model.LoadAdapter(AdapterFile.Make(_model)), _model.LoadAdapter(AdapterFile.Make(_model, seed: 2)));
        _context = _model.CreateContext(new ContextOptions { ContextSize = 64, MaxSequences = 4, Threads = 1 });
    }

    public void Dispose()
    {
        _context.Dispose();
        _model.Dispose();
    }

    [TestMethod]
    public void ASequenceKeepsItsAdaptersWhileItHoldsTokens()
    {
        using Sequence sequence = _context.NewSequence();
        Assert.IsEmpty(sequence.Adapters);
        _context.Adapters = [new(_a), new(_b, 0)];
        CollectionAssert.AreEqual(new AdapterScale[] { new(_a) }, sequence.Adapters.ToArray(), "an empty one has those of the context");
        Run(sequence);
        _context.Adapters = [];
        Assert.HasCount(1, sequence.Adapters);
        _context.SetAdapters(sequence, [new(_a)]);
        StringAssert.Contains(Refused(() => _context.SetAdapters(sequence, [new(_b)])), "holds 6 tokens that were computed with other adapters");
        StringAssert.Contains(Refused(() => _context.SetAdapters(sequence, [])), "other adapters");
        using (Sequence fork = sequence.Fork()) Assert.AreEqual(new AdapterScale(_a), fork.Adapters.Single());
        sequence.Trim(0);
        _context.SetAdapters(sequence, null);
        Assert.IsEmpty(sequence.Adapters);
    }

    [TestMethod]
    public void AGenerationWithOtherAdaptersBeginsAtTheBeginning()
    {
        var options = new GenerateOptions { MaxTokens = 6, Sampling = new SamplingOptions { Temperature = 0 }, IgnoreEos = true };
        GenerateOptions withA = options with { Adapters = [new(_a)] };
        int[] plain = Tokens(_context.Generate(s_tokens, options)), adapted = Tokens(_context.Generate(s_tokens, withA));
        CollectionAssert.AreNotEqual(plain, adapted);
        using Sequence sequence = _context.NewSequence();
        CollectionAssert.AreEqual(plain, Tokens(_context.Generate(s_tokens, options, sequence)));
        using (Generation generation = _context.Generate(s_tokens, withA, sequence))
        {
            CollectionAssert.AreEqual(adapted, Tokens(generation));
            Assert.AreEqual(0, generation.Statistics.ReusedTokens);
        }
        using (Generation again = _context.Generate(s_tokens, options, sequence)) // the sequence's own, by now
        {
            CollectionAssert.AreEqual(adapted, Tokens(again));
            Assert.AreEqual(s_tokens.Length - 1, again.Statistics.ReusedTokens);
        }
        CollectionAssert.AreEqual(plain, Tokens(_context.Generate(s_tokens, options with { Adapters = [] }, sequence)));
    }

    [TestMethod]
    public void GenerationsWithDifferentAdaptersShareASetOfPasses()
    {
        var options = new GenerateOptions { MaxTokens = 8, Sampling = new SamplingOptions { Temperature = 0 }, IgnoreEos = true };
        AdapterScale[][] sets = [[new(_a)], [], [new(_a)], [new(_b, 0.5f)]];
        int[][] alone = Array.ConvertAll(sets, set => Tokens(_context.Generate(s_tokens, options with { Adapters = set })));
        using Context context = _model.CreateContext(new ContextOptions { ContextSize = 64, MaxSequences = 4, Threads = 2 });
        Generation[] generations = Array.ConvertAll(sets, set => context.Generate(s_tokens, options with { Adapters = set }));
        var found = Array.ConvertAll(generations, _ => new List<int>());
        for (int step = 0; step < options.MaxTokens; step++)
            for (int i = 0; i < generations.Length; i++)
                if (generations[i].MoveNext()) found[i].Add(generations[i].Current.Token);
        for (int i = 0; i < sets.Length; i++) CollectionAssert.AreEqual(alone[i], found[i]);
        Assert.IsLessThan(2L * options.MaxTokens, context.Passes);
        foreach (Generation generation in generations) generation.Dispose();
    }

    [TestMethod]
    public void ASavedStateHasAdapters()
    {
        using Sequence saved = _context.NewSequence([new(_a, 0.5f)]), same = _context.NewSequence([new(_a, 0.5f)]), plain = _context.NewSequence();
        using Sequence scaled = _context.NewSequence([new(_a)]), other = _context.NewSequence([new(_b, 0.5f)]);
        float[] expected = Run(saved);
        saved.Trim(5);
        using var state = new MemoryStream();
        _context.Save(saved, state);
        foreach (Sequence wrong in (Sequence[])[plain, scaled, other])
        {
            state.Position = 0;
            StringAssert.Contains(Refused(() => _context.Load(wrong, state)), "other adapters");
            Assert.AreEqual(0, wrong.Length);
        }
        state.Position = 0;
        _context.Load(same, state);
        CollectionAssert.AreEqual(expected, Run(same, s_tokens[5..]));
    }

    [TestMethod]
    public void OneThatIsDisposedOfFailsItsOwnTextsOnly()
    {
        var options = new GenerateOptions { MaxTokens = 8, Sampling = new SamplingOptions { Temperature = 0 }, IgnoreEos = true };
        int[] plain = Tokens(_context.Generate(s_tokens, options));
        using Generation without = _context.Generate(s_tokens, options), with = _context.Generate(s_tokens, options with { Adapters = [new(_a)] });
        Assert.IsTrue(without.MoveNext());
        Assert.IsTrue(with.MoveNext());
        _a.Dispose();
        int[] rest = Tokens(without);
        CollectionAssert.AreEqual(plain[1..], rest);
        StringAssert.Contains(Refused(() => Tokens(with)), "the adapter was disposed of");
        Refused(() => _context.Adapters = [new(_a)]);
        Refused(() => _context.NewSequence([new(_a)]));
        using Sequence sequence = _context.NewSequence([new(_b)]);
        _b.Dispose();
        _b.Dispose();
        Refused(() => Run(sequence));
    }

    [TestMethod]
    public void OneThatIsDisposedOfDuringAPassServesItToItsEnd()
    {
        using Sequence expected = _context.NewSequence([new(_a)]), sequence = _context.NewSequence([new(_a)]);
        float[] logits = Run(expected);
        _context.Cpu.Tracer = (_, _, _) => _a.Dispose();
        CollectionAssert.AreEqual(logits, Run(sequence));
        _context.Cpu.Tracer = null;
        Refused(() => Run(sequence));
    }

    [TestMethod]
    public void AFileThatChangesItsSizeFailsItsOwnTextsOnly()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, AdapterFile.Make(_model));
            using LoraAdapter adapter = _model.LoadAdapter(path);
            var options = new GenerateOptions { MaxTokens = 4, Sampling = new SamplingOptions { Temperature = 0 }, IgnoreEos = true };
            using Generation with = _context.Generate(s_tokens, options with { Adapters = [new(adapter)] }), without = _context.Generate(s_tokens, options);
            Assert.IsTrue(with.MoveNext());
            File.AppendAllText(path, "more");
            Assert.HasCount(4, Tokens(without));
            StringAssert.Contains(Refused(() => Tokens(with)), path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestMethod]
    public void ConversationsAndVectorsTakeAdapters()
    {
        var options = new GenerateOptions { MaxTokens = 6, Sampling = new SamplingOptions { Temperature = 0 }, IgnoreEos = true };
        int[] Answer(IReadOnlyList<AdapterScale>? adapters)
        {
            using var conversation = new Conversation(_context, adapters: adapters);
            return [.. conversation.Ask("abc", options).Select(step => step.Token)];
        }
        int[] plain = Answer(null), named = Answer([new(_a)]);
        float[] vector = _context.Embed(s_tokens), changed = _context.Embed(s_tokens, adapters: [new(_a)]);
        _context.Adapters = [new(_a)];
        CollectionAssert.AreNotEqual(plain, named);
        CollectionAssert.AreEqual(named, Answer(null));
        CollectionAssert.AreEqual(plain, Answer([]));
        CollectionAssert.AreNotEqual(vector, changed);
        CollectionAssert.AreEqual(changed, _context.Embed(s_tokens));
        CollectionAssert.AreEqual(vector, _context.Embed(s_tokens, adapters: []));
    }

    [TestMethod]
    public void TheModelsEndIsItsAdapters()
    {
        byte[] another = AdapterFile.Make(_model);
        _model.Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => _model.LoadAdapter(another));
        Assert.ThrowsExactly<ObjectDisposedException>(() => _a.Metadata.GetString("general.type"));
    }

    [TestMethod]
    public void WhatCannotBeAppliedIsRefused()
    {
        using LanguageModel other = LanguageModel.Open(ModelSpecFile.Make("llama"));
        using LoraAdapter foreign = other.LoadAdapter(AdapterFile.Make(other));
        StringAssert.Contains(Refused(() => _context.Adapters = [new(foreign)]), "another model");
        StringAssert.Contains(Refused(() => _context.Adapters = [new(_a), new(_a, 2)]), "named twice");
        StringAssert.Contains(Refused(() => _context.NewSequence([new(_a, float.NaN)])), "finite scale");
        StringAssert.Contains(Refused(() => _context.Generate(s_tokens, new GenerateOptions { Adapters = [default] })), "found null");
        StringAssert.Contains(Refused(() => _model.CreateContext(new ContextOptions { Adapters = [new(foreign)] })), "another model");
    }

    private float[] Run(Sequence sequence, int[]? tokens = null)
    {
        float[] last = [];
        _context.Evaluate(sequence, tokens ?? s_tokens, (tokens ?? s_tokens).Length - 1, (logits, _) => last = logits.Count > 0 ? logits[0].ToArray() : last);
        return last;
    }

    private static int[] Tokens(Generation generation) => [.. generation.Select(step => step.Token).Where(token => token >= 0)];

    private static string Refused(Action action)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code, error.Message);
        return error.Message;
    }
}
