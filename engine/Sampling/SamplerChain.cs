using System.Numerics;
using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Sampling;

namespace Edge.Llm;

/// <summary>Chooses a token by the stages of <see cref="SamplingOptions"/> and a draw. A choice is a pure function of the logits, the history,
/// the seed, the choice number and the position; with Mirostat also of the choices before it. Not thread-safe: one a sequence.</summary>
public sealed class SamplerChain
{
    private readonly ISamplerStage[] _stages;
    private readonly Mirostat? _mirostat;
    private readonly Candidates _candidates;
    private readonly int _vocabularySize;
    private readonly uint _choice;
    private Ranking? _ranking; // of the model's logits, for who asks
    private readonly IReadOnlyDictionary<int, float>? _bias;

    /// <summary>Makes a sampler for a vocabulary; <paramref name="choice"/> numbers the answers to one prompt.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: an option is out of range, or needs the texts of tokens (DRY with breakers).</exception>
    public SamplerChain(SamplingOptions options, int vocabularySize, uint choice = 0) : this(options, vocabularySize, null, choice)
    {
    }

    /// <summary>Makes a sampler for the tokens of a tokenizer; <paramref name="choice"/> numbers the answers to one prompt.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: an option is out of range.</exception>
    public SamplerChain(SamplingOptions options, Tokenizer tokenizer, uint choice = 0) : this(
        options, (tokenizer ?? throw new ArgumentNullException(nameof(tokenizer))).Vocabulary.Count, tokenizer, choice)
    {
    }

    private SamplerChain(SamplingOptions options, int vocabularySize, Tokenizer? tokenizer, uint choice)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(vocabularySize);
        DryBreakers breakers = DryBreakers.None;
        if (options.HasDry && options.DrySequenceBreakers.Count > 0)
            breakers = tokenizer is null
                ? throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{nameof(options.DrySequenceBreakers)}: the sampler needs a tokenizer to find them")
                : DryBreakers.Of(tokenizer, options.DrySequenceBreakers);
        _stages = SamplerStages.Of(options, vocabularySize, breakers);
        _mirostat = _stages.OfType<Mirostat>().FirstOrDefault();
        _candidates = new Candidates(vocabularySize);
        (_vocabularySize, _choice, _bias, Seed) = (vocabularySize, choice, options.LogitBias, options.Seed ?? RandomSeed());
    }

    /// <summary>The seed in use: the options' own, or the one taken at random.</summary>
    public ulong Seed { get; }

    /// <summary>How many tokens were left to draw from the last time.</summary>
    internal int CandidateCount => _candidates.Count;

    /// <summary>The candidate of a rank the last time; 0 was the likeliest.</summary>
    internal int Candidate(int rank) => _candidates.TokenAt(rank);

    /// <summary>Chooses the token at <paramref name="position"/>; <paramref name="history"/> is every token before it. With a mask it chooses among
    /// the tokens that the mask allows.</summary>
    /// <exception cref="EdgeLlmException">NonFinite, if a logit is not a finite number. GrammarError, if the mask and the logit bias together
    /// leave no token.</exception>
    public int Sample(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, long position, TokenMask? mask = null)
    {
        if (mask is not null && mask.VocabularySize != _vocabularySize)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"a mask of {mask.VocabularySize} tokens: expected {_vocabularySize}");
        if (logits.Length != _vocabularySize)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{logits.Length} logits: expected {_vocabularySize}, one a token");
        if (!Finite.All(logits)) ThrowNonFinite(logits);
        _candidates.Reset(logits);
        mask?.Apply(_candidates.Logits);
        var step = new SamplingStep(history, Seed, _choice, (ulong)position);
        foreach (ISamplerStage stage in _stages)
        {
            if (stage.ChangesLogits) _candidates.BeginChange();
            else if (!_candidates.AreRanked) Rank(mask);
            stage.Apply(_candidates, step);
        }
        if (!_candidates.AreRanked) Rank(mask);
        int token = _candidates.Count == 1 ? _candidates.TokenAt(0) : _candidates.Draw(Philox.Uniform(Seed, _choice, (ulong)position));
        _mirostat?.Accept(_candidates, token);
        return token;
    }

    /// <summary>How likely the last choice was.</summary>
    /// <param name="logits">The logits that it was made of.</param>
    /// <param name="token">The token chosen.</param>
    /// <param name="top">How many of the likeliest tokens to name.</param>
    internal ChoiceProbabilities Explain(ReadOnlySpan<float> logits, int token, int top)
    {
        double logSum = LogProbabilities.LogSumExp(logits), logTotal = DoubleMath.Log(_candidates.Total());
        return new ChoiceProbabilities((float)(logits[token] - logSum), _candidates.LogProbability(token, logTotal),
            LogProbabilities.Top(logits, top, logSum, _ranking ??= new Ranking(_vocabularySize)), _candidates.Top(top, logTotal));
    }

    /// <summary>Whether the logit bias never lets a token be chosen.</summary>
    internal bool Bans(int token) => _bias is not null && _bias.TryGetValue(token, out float bias) && bias == float.NegativeInfinity;

    /// <summary>Takes in a token that was the only one, as if it had been drawn: it surprises nobody.</summary>
    internal void SkipForced() => _mirostat?.AcceptOnly();

    /// <summary>Takes back the last choices: they were not kept.</summary>
    internal void Rollback(int choices) => _mirostat?.Rollback(choices);

    /// <summary>The likeliest token, the lowest id among equals.</summary>
    internal static int ArgMax(ReadOnlySpan<float> logits)
    {
        float max = logits[0];
        int id = 0;
        if (logits.Length >= Vector<float>.Count)
        {
            var best = new Vector<float>(logits);
            for (; id <= logits.Length - Vector<float>.Count; id += Vector<float>.Count) best = Vector.Max(best, new Vector<float>(logits[id..]));
            for (int lane = 0; lane < Vector<float>.Count; lane++) max = Math.Max(max, best[lane]);
        }
        for (; id < logits.Length; id++) max = Math.Max(max, logits[id]);
        id = 0;
        while (id <= logits.Length - Vector<float>.Count && !Vector.EqualsAny(new Vector<float>(logits[id..]), new Vector<float>(max))) id += Vector<float>.Count;
        while (id < logits.Length - 1 && logits[id] != max) id++; // NaN is equal to nothing
        return id;
    }

    private void Rank(TokenMask? mask)
    {
        _candidates.Rank();
        if (_candidates.Max > float.NegativeInfinity) return;
        throw mask is null ? new EdgeLlmException(ErrorCode.InvalidArgument, "the logit bias bans every token of the vocabulary")
            : new EdgeLlmException(ErrorCode.GrammarError, "no token is left that the grammar allows and the logit bias does not ban");
    }

    // Not from a cryptographic generator: .NET's needs OpenSSL on Linux, and ends the process where that is missing.
    private static ulong RandomSeed()
    {
        ulong seed = 0;
        Random.Shared.NextBytes(MemoryMarshal.AsBytes(new Span<ulong>(ref seed)));
        return seed;
    }

    private static void ThrowNonFinite(ReadOnlySpan<float> logits)
    {
        int id = 0;
        while (float.IsFinite(logits[id])) id++;
        throw new EdgeLlmException(ErrorCode.NonFinite, FormattableString.Invariant($"the logit of token {id} is {logits[id]}, not a finite number"));
    }
}
