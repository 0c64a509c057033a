using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

/// <summary>A context, its sequences by number, the logits last computed, and the generation under way. One call at a time has it: see
/// <see cref="Enter"/>.</summary>
internal sealed unsafe class ContextResource : Resource
{
    public const int MaxSequences = 1024;

    private readonly Dictionary<int, Sequence> _sequences = [];
    private readonly List<nint> _rows = []; // of logits, where the context has them
    private readonly Batch _batch = new();
    private readonly ModelResource? _draft;
    private SamplerChain? _sampler;
    private SamplingOptions? _samplerOptions;
    private int _busy;
    private long _evaluatedTokens, _evaluationTicks;

    /// <summary>Makes a context over a model.</summary>
    public ContextResource(ModelResource model, ContextOptions options, ulong seed, ModelResource? draft)
    {
        Model = model;
        Seed = seed;
        Context = model.Model.CreateContext(options, draft?.Model);
        _draft = draft;
        draft?.AddUse();
        model.AddUse();
        model.Log(LogLevel.Info, $"context: {Context.Options.ContextSize} tokens, {Context.Options.Threads} thread(s), {model.Model.Plan(Context.Options, draft?.Model)}");
    }

    public override string Kind => "context";

    public ModelResource Model { get; }

    public Context Context { get; }

    /// <summary>The handle of the model that drafts, as the caller gave it; 0: none.</summary>
    public nint DraftModel { get; init; }

    /// <summary>For sampling options without one; ulong.MaxValue: none.</summary>
    public ulong Seed { get; }

    /// <summary>Cancellation and deadline.</summary>
    public Interruption Interruption { get; } = new();

    /// <summary>The generation whose steps the caller pulls, or null.</summary>
    public GenerationReader? Generation { get; private set; }

    /// <summary>About the last generation.</summary>
    public GenerationStatistics Statistics { get; set; } = new();

    /// <summary>How it ended, or null.</summary>
    public FinishReason? Finish { get; set; }

    /// <summary>Takes the context for one call.</summary>
    /// <exception cref="EdgeLlmException">Busy.</exception>
    public Entered Enter()
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0) throw new EdgeLlmException(ErrorCode.Busy, "another call is under way in this context");
        return new Entered(this);
    }

    /// <summary>The same, for a call that changes sequences or logits: a generation that was begun is over.</summary>
    public Entered EnterToChange()
    {
        Entered entered = Enter();
        Replace(null);
        return entered;
    }

    /// <summary>Ends the generation there is and begins another one, or none.</summary>
    public void Replace(GenerationReader? next)
    {
        Generation?.Dispose();
        Generation = next;
        _rows.Clear();
    }

    /// <summary>A sequence by its number; one that was never used is empty.</summary>
    public Sequence Sequence(int number)
    {
        if ((uint)number >= MaxSequences)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"sequence {number}: expected 0 to {MaxSequences - 1}");
        if (!_sequences.TryGetValue(number, out Sequence? sequence)) _sequences.Add(number, sequence = Context.NewSequence());
        return sequence;
    }

    /// <summary>Makes one sequence hold what another one holds.</summary>
    public void Copy(int from, int to)
    {
        Sequence source = Sequence(from), old = Sequence(to);
        if (from == to) return;
        _sequences[to] = source.Fork();
        old.Dispose();
    }

    /// <summary>Empties a sequence.</summary>
    public void Remove(int number)
    {
        Sequence(number).Dispose();
        _sequences.Remove(number);
    }

    /// <summary>Runs the next tokens of a sequence, a batch at a time.</summary>
    public void Evaluate(int number, ReadOnlySpan<int> tokens)
    {
        if (tokens.IsEmpty) throw new EdgeLlmException(ErrorCode.InvalidArgument, "there are no tokens");
        Sequence sequence = Sequence(number);
        foreach (int token in tokens)
            if ((uint)token >= (uint)Model.Model.VocabSize)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"token {token}: expected 0 to {Model.Model.VocabSize - 1}");
        int first = sequence.Length, start = first;
        if (tokens.Length > sequence.MaxLength - first)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"a sequence of {first} tokens and {tokens.Length} more do not fit the context of {sequence.MaxLength}");
        CancellationToken cancellation = Interruption.Begin();
        try
        {
            _rows.Clear();
            long begun = Stopwatch.GetTimestamp();
            Context.Evaluate(sequence, tokens, wantedFrom: tokens.Length - 1, (logits, _) =>
            {
                Count(sequence.Length - start, Stopwatch.GetTimestamp() - begun);
                (start, begun) = (sequence.Length, Stopwatch.GetTimestamp());
                Keep(logits);
            }, cancellation);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.Cancelled)
        {
            throw Interruption.Error();
        }
        catch
        {
            sequence.Trim(first);
            throw;
        }
        finally
        {
            Interruption.End();
        }
    }

    /// <summary>Runs one batch of several sequences.</summary>
    public void Evaluate(ReadOnlySpan<int> tokens, ReadOnlySpan<int> sequences, ReadOnlySpan<byte> wantLogits)
    {
        _batch.Clear();
        for (int i = 0; i < tokens.Length; i++)
            _batch.Add(Sequence(sequences.IsEmpty ? 0 : sequences[i]), tokens[i],
                wantLogits.IsEmpty ? i == tokens.Length - 1 : Pointers.Flag(wantLogits[i], "want_logits"));
        Interruptibly(cancellation => Forward(_batch, cancellation));
    }

    /// <summary>The vector of a text.</summary>
    public float[] Embed(int[] tokens, bool normalize)
    {
        float[] vector = [];
        long start = Stopwatch.GetTimestamp();
        Interruptibly(cancellation => vector = Context.Embed(tokens, normalize, cancellation: cancellation));
        Count(tokens.Length, Stopwatch.GetTimestamp() - start);
        return vector;
    }

    /// <summary>The scores of a query and a document.</summary>
    public float[] Rank(int[] tokens)
    {
        float[] scores = [];
        long start = Stopwatch.GetTimestamp();
        Interruptibly(cancellation => scores = Context.Rank(tokens, cancellation: cancellation));
        Count(tokens.Length, Stopwatch.GetTimestamp() - start);
        return scores;
    }

    /// <summary>A row of the logits last computed.</summary>
    public ReadOnlySpan<float> Logits(nuint row)
    {
        if (row >= (nuint)_rows.Count)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"row {row} of the logits: there are {_rows.Count}");
        return new ReadOnlySpan<float>((void*)_rows[(int)row], Model.Model.VocabSize);
    }

    /// <summary>Chooses a token from a row of logits.</summary>
    public int Sample(nuint row, int number, SamplingOptions options)
    {
        // One is kept: it holds arrays of the vocabulary's size. A bias is a dictionary, which records do not compare.
        if (_sampler is null || options != _samplerOptions || options.Seed is null)
            (_sampler, _samplerOptions) = (Sampler(options), options.LogitBias is null ? options : null);
        Sequence sequence = Sequence(number);
        return _sampler.Sample(Logits(row), sequence.Tokens, sequence.Length);
    }

    // DRY looks at the texts of tokens; a model may be without a tokenizer.
    private SamplerChain Sampler(SamplingOptions options) =>
        options.DryMultiplier == 0 ? new SamplerChain(options, Model.Model.VocabSize) : new SamplerChain(options, Model.Model.Tokenizer);

    /// <summary>Counts work that a generation did.</summary>
    public void Count(long tokens, long ticks)
    {
        _evaluatedTokens += tokens;
        _evaluationTicks += ticks;
    }

    /// <summary>Counts, times and memory.</summary>
    public ContextCounters Counters() => new()
    {
        Finish = (int)Finish.GetValueOrDefault(), Seed = Statistics.Seed, PromptTokens = Statistics.PromptTokens, ReusedTokens = Statistics.ReusedTokens,
        GeneratedTokens = Statistics.GeneratedTokens, PromptNanoseconds = Nanoseconds(Statistics.PromptTime),
        GenerationNanoseconds = Nanoseconds(Statistics.GenerationTime), EvaluatedTokens = _evaluatedTokens,
        EvaluationNanoseconds = Nanoseconds(Stopwatch.GetElapsedTime(0, _evaluationTicks)), KvBytes = Context.CacheBytes,
        ActivationBytes = Context.ActivationBytes, RestoredTokens = Statistics.RestoredTokens, ForcedTokens = Statistics.ForcedTokens,
        DraftedTokens = Statistics.DraftedTokens, AcceptedTokens = Statistics.AcceptedTokens, ShiftedTokens = Statistics.ShiftedTokens,
    };

    protected override void Free()
    {
        Generation?.Dispose();
        foreach (Sequence sequence in _sequences.Values) sequence.Dispose();
        Context.Dispose();
        Interruption.Dispose();
        _draft?.EndUse();
        Model.EndUse();
    }

    private void Forward(Batch batch, CancellationToken cancellation)
    {
        _rows.Clear();
        long start = Stopwatch.GetTimestamp();
        Logits logits = Context.Forward(batch, cancellation);
        Count(batch.Count, Stopwatch.GetTimestamp() - start);
        Keep(logits);
    }

    private void Keep(Logits logits)
    {
        for (int row = 0; row < logits.Count; row++) _rows.Add((nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(logits[row])));
    }

    private void Interruptibly(Action<CancellationToken> work)
    {
        CancellationToken cancellation = Interruption.Begin();
        try
        {
            work(cancellation);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.Cancelled)
        {
            throw Interruption.Error();
        }
        finally
        {
            Interruption.End();
        }
    }

    private static long Nanoseconds(TimeSpan time) => (long)time.TotalNanoseconds;

    /// <summary>The context is the call's until this is disposed of.</summary>
    public readonly ref struct Entered(ContextResource? context)
    {
        public void Dispose()
        {
            if (context is not null) Volatile.Write(ref context._busy, 0); // there is none where nothing was taken
        }
    }
}
