using System.Diagnostics;

namespace Edge.Llm;

/// <summary>One conversation with a model: prompt in, tokens out. Its cache outlives a generation: the next prompt pays only for what
/// differs from the text so far. It has one generation at a time: a new one ends the one before; two threads at once, or a new
/// generation from within <see cref="GenerateOptions.OnPrefill"/>, get an error.</summary>
public sealed class Session : IDisposable
{
    private const int NoToken = -1;

    private readonly InferenceContext _context;
    private readonly Tokenizer _tokenizer;
    private readonly Sequence _sequence;
    private readonly bool _ownsSequence;
    private readonly Batch _batch = new();
    private object? _generation; // the one begun last
    private int _busy;

    /// <summary>Starts a conversation in a context, which stays the caller's.</summary>
    /// <param name="context">What runs the model.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="sequence">Where it goes on; it stays the caller's. Null starts with an empty one.</param>
    /// <exception cref="EdgeLlmException">InvalidFile: model and tokenizer have different numbers of tokens.</exception>
    public Session(InferenceContext context, Tokenizer tokenizer, Sequence? sequence = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (tokenizer.Vocabulary.Count != context.Model.VocabSize)
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"the tokenizer has {tokenizer.Vocabulary.Count} tokens; token_embd.weight has {context.Model.VocabSize} rows");
        _context = context;
        _tokenizer = tokenizer;
        _ownsSequence = sequence is null;
        _sequence = sequence ?? context.NewSequence();
    }

    /// <summary>Counts and times of the last generation.</summary>
    public GenerationStatistics Statistics { get; private set; } = new();

    /// <summary>Tokens that fit, prompt and answer together.</summary>
    public int ContextSize => _sequence.MaxLength;

    /// <summary>The tokens in the cache: prompt and answer, but for the token chosen last.</summary>
    public ReadOnlySpan<int> Tokens => _sequence.Tokens;

    /// <summary>Generates what follows the prompt, token by token as the caller asks for them. The last item, and only it, has a finish
    /// reason; it may carry text that was held back.</summary>
    /// <param name="prompt">All tokens of the text so far.</param>
    /// <param name="options">What to generate.</param>
    /// <param name="cancellation">Ends the generation with <see cref="FinishReason.Cancelled"/>.</param>
    /// <exception cref="EdgeLlmException">ContextFull: the prompt does not fit. InvalidArgument, also: another generation has begun in this
    /// session. Busy: one computes at this moment. NonFinite.</exception>
    public IEnumerable<GeneratedToken> Generate(
        IReadOnlyList<int> prompt, GenerateOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        options ??= new GenerateOptions();
        ArgumentNullException.ThrowIfNull(options.Sampling);
        ArgumentNullException.ThrowIfNull(options.Stop);
        Check(prompt, options);
        var sampler = new SamplerChain(options.IgnoreEos ? WithoutEos(options.Sampling) : options.Sampling, _tokenizer.Vocabulary.Count);
        var stops = new StopStrings(options.Stop);
        Statistics = new GenerationStatistics { PromptTokens = prompt.Count, Seed = sampler.Seed };
        return Generate([.. prompt], options, sampler, stops, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsSequence) _sequence.Dispose();
    }

    private IEnumerable<GeneratedToken> Generate(
        int[] prompt, GenerateOptions options, SamplerChain sampler, StopStrings stops, CancellationToken cancellation)
    {
        var decoder = new StreamingDecoder(_tokenizer, options.RenderSpecial, continuation: true);
        var generation = new object();
        int token = Prefill(generation, prompt, options, sampler, cancellation);
        FinishReason finish = token == NoToken ? FinishReason.Cancelled : FinishReason.Length;

        for (int made = 1; token != NoToken && options.MaxTokens != 0; made++)
        {
            if (!options.IgnoreEos && _tokenizer.Vocabulary.IsEndOfGeneration(token))
            {
                finish = FinishReason.Eos;
                break;
            }
            Statistics.GeneratedTokens = made;
            string text = stops.Append(decoder.Append(token), out bool stopped);
            yield return new GeneratedToken(token, text, null);
            if (stopped) finish = FinishReason.Stop;
            if (stopped || made == options.MaxTokens || _sequence.Length == _sequence.MaxLength) break;

            token = Decode(generation, token, sampler, cancellation);
            if (token == NoToken) finish = FinishReason.Cancelled;
        }

        string rest = "";
        if (finish != FinishReason.Stop)
        {
            rest = stops.Append(decoder.Flush(), out bool stopped) + stops.Flush();
            if (stopped) finish = FinishReason.Stop;
        }
        yield return new GeneratedToken(NoToken, rest, finish);
    }

    // Evaluates what the cache lacks of the prompt, a batch at a time, and chooses the first token.
    private int Prefill(object generation, int[] prompt, GenerateOptions options, SamplerChain sampler, CancellationToken cancellation)
    {
        Enter();
        try
        {
            _generation = generation;
            long start = Stopwatch.GetTimestamp();
            int known = prompt.AsSpan().CommonPrefixLength(_sequence.Tokens);
            _sequence.Trim(Math.Min(known, prompt.Length - 1)); // the logits after the last token are not in the cache
            Statistics.ReusedTokens = _sequence.Length;
            int token = NoToken;
            while (_sequence.Length < prompt.Length)
            {
                int count = Math.Min(_context.Options.BatchSize, prompt.Length - _sequence.Length);
                bool last = _sequence.Length + count == prompt.Length;
                token = Forward(prompt.AsSpan(_sequence.Length, count), last ? sampler : null, cancellation);
                if (!cancellation.IsCancellationRequested) options.OnPrefill?.Invoke(_sequence.Length, prompt.Length);
                if (cancellation.IsCancellationRequested) return NoToken;
            }
            Statistics.PromptTime = Stopwatch.GetElapsedTime(start);
            return token;
        }
        finally
        {
            Leave();
        }
    }

    private int Decode(object generation, int token, SamplerChain sampler, CancellationToken cancellation)
    {
        Enter();
        try
        {
            if (_generation != generation) throw new EdgeLlmException(ErrorCode.InvalidArgument, "another generation has begun in this session");
            long start = Stopwatch.GetTimestamp();
            int next = Forward([token], sampler, cancellation);
            Statistics.GenerationTime += Stopwatch.GetElapsedTime(start);
            return next;
        }
        finally
        {
            Leave();
        }
    }

    // A step has sequence and batch for itself.
    private void Enter()
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0) throw new EdgeLlmException(ErrorCode.Busy, "a generation computes in this session at this moment");
    }

    private void Leave() => Volatile.Write(ref _busy, 0);

    // Runs tokens and chooses the one that follows them; NoToken without a sampler, and when cancelled.
    private int Forward(ReadOnlySpan<int> tokens, SamplerChain? sampler, CancellationToken cancellation)
    {
        _batch.Clear();
        for (int i = 0; i < tokens.Length; i++) _batch.Add(tokens[i], _sequence, sampler is not null && i == tokens.Length - 1);
        try
        {
            Logits logits = _context.Forward(_batch, cancellation);
            return sampler?.Sample(logits[0], _sequence.Tokens, _sequence.Length) ?? NoToken;
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.Cancelled)
        {
            return NoToken;
        }
    }

    private void Check(IReadOnlyList<int> prompt, GenerateOptions options)
    {
        if (options.MaxTokens < -1)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"MaxTokens: expected -1 or more, found {options.MaxTokens}");
        if (prompt.Count == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the prompt has no tokens");
        if (prompt.Count > _sequence.MaxLength)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"the prompt has {prompt.Count} tokens; the context holds {_sequence.MaxLength}");
    }

    private SamplingOptions WithoutEos(SamplingOptions sampling)
    {
        var bias = new Dictionary<int, float>(sampling.LogitBias ?? new Dictionary<int, float>());
        foreach (int id in _tokenizer.Vocabulary.EndOfGenerationIds) bias[id] = float.NegativeInfinity;
        return sampling with { LogitBias = bias };
    }
}
