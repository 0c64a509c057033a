using System.CommandLine;
using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>The options that say how tokens are chosen.</summary>
internal sealed class SamplingOptionsBinding
{
    private static readonly SamplingOptions s_defaults = new();

    private const string Letters = "edskypmxt"; // llama.cpp's, of the stages in the order of SamplerKind

    private readonly Option<float> _temperature = Opt.Number("--temp", ["--temperature"],
        "Higher is more random; 0 always takes the likeliest token.", s_defaults.Temperature);
    private readonly Option<int> _topK = Opt.Integer("--top-k", [], "Choose among the k likeliest; 0: all.", s_defaults.TopK, int.MinValue);
    private readonly Option<float> _topP = Opt.Number("--top-p", [], "Choose among the likeliest that sum to p; 1: all.", s_defaults.TopP, 0, 1);
    private readonly Option<float> _minP = Opt.Number("--min-p", [], "Leave out what is less than p times as likely as the likeliest; 0: nothing.",
        s_defaults.MinP, 0, 1);
    private readonly Option<float> _repeatPenalty = Opt.Number("--repeat-penalty", [], "Penalty on recent tokens; 1: none.", s_defaults.RepeatPenalty,
        float.Epsilon);
    private readonly Option<int> _repeatLastN = Opt.Integer("--repeat-last-n", [], "How far back penalties look; -1: all.", s_defaults.RepeatLastN, -1);
    private readonly Option<float> _presence = Opt.Number("--presence-penalty", [], "Penalty on tokens that occurred.", s_defaults.PresencePenalty);
    private readonly Option<float> _frequency = Opt.Number("--frequency-penalty", [], "Penalty for each time a token occurred.", s_defaults.FrequencyPenalty);
    private readonly Option<float> _dynamicRange = Opt.Number("--dynatemp-range", [], "Let the temperature follow the entropy in this range around it; 0: off.",
        s_defaults.DynamicTemperatureRange, 0);
    private readonly Option<float> _dynamicExponent = Opt.Number("--dynatemp-exp", [], "Power of the entropy for that.", s_defaults.DynamicTemperatureExponent, float.Epsilon);
    private readonly Option<float> _topNSigma = Opt.Number("--top-nsigma", ["--top-n-sigma"], "Keep logits within n standard deviations of the highest; 0 or less: all.",
        s_defaults.TopNSigma);
    private readonly Option<float> _typical = Opt.Number("--typical", ["--typical-p"], "Keep tokens of usual surprise that sum to p; 1: all.", s_defaults.TypicalP, 0, 1);
    private readonly Option<float> _xtcProbability = Opt.Number("--xtc-probability", [], "How likely top choices are excluded; 0: off.", s_defaults.XtcProbability, 0, 1);
    private readonly Option<float> _xtcThreshold = Opt.Number("--xtc-threshold", [], "What makes a top choice; above 0.5: off.", s_defaults.XtcThreshold, 0, 1);
    private readonly Option<float> _dryMultiplier = Opt.Number("--dry-multiplier", [], "Penalty on going on with a repetition; 0: off.", s_defaults.DryMultiplier, 0);
    private readonly Option<float> _dryBase = Opt.Number("--dry-base", [], "How it grows with each token.", s_defaults.DryBase, 1);
    private readonly Option<int> _dryLength = Opt.Integer("--dry-allowed-length", [], "The shortest repetition it is for.", s_defaults.DryAllowedLength, 1);
    private readonly Option<int> _dryLastN = Opt.Integer("--dry-penalty-last-n", [], "How far back it looks; -1: all.", s_defaults.DryPenaltyLastN, -1);

    private readonly Option<string[]> _dryBreakers = new("--dry-sequence-breaker")
    {
        Description = "Text that ends a repetition, instead of newline, ':', '\"' and '*'; may be repeated; none: no text does.", HelpName = "TEXT",
    };

    private readonly Option<int> _mirostat = Opt.Integer("--mirostat", [], "Mirostat 1 or 2 instead of the other stages; 0: off.", s_defaults.Mirostat, 0);
    private readonly Option<float> _mirostatTau = Opt.Number("--mirostat-ent", [], "The surprise that it aims at, in bits.", s_defaults.MirostatTau, 0);
    private readonly Option<float> _mirostatEta = Opt.Number("--mirostat-lr", [], "How fast it corrects itself.", s_defaults.MirostatEta, 0);

    private readonly Option<string?> _samplers = new("--samplers")
    {
        Description = "The stages in their order, separated by ';'. Default: penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature.", HelpName = "NAMES",
    };

    private readonly Option<string?> _sequence = new("--sampling-seq", "--sampler-seq")
    {
        Description = $"The same by letters. Default: {Letters}.", HelpName = "LETTERS",
    };

    private readonly Option<Seed> _seed = Opt.Seed("--seed", ["-s"], "The same seed gives the same text; -1: a new one each time.");

    private readonly Option<string[]> _logitBias = new("--logit-bias", "-l")
    {
        Description = "Add to a token's logit, as in 15043+1.5 or 15043-inf; may be repeated.", HelpName = "ID(+|-)BIAS",
    };

    /// <summary>All of them.</summary>
    public IEnumerable<Option> Options =>
    [
        _temperature, _topK, _topP, _minP, _repeatPenalty, _repeatLastN, _presence, _frequency, _dynamicRange, _dynamicExponent, _topNSigma, _typical,
        _xtcProbability, _xtcThreshold, _dryMultiplier, _dryBase, _dryLength, _dryLastN, _dryBreakers, _mirostat, _mirostatTau, _mirostatEta,
        _samplers, _sequence, _seed, _logitBias,
    ];

    /// <summary>What they say.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="text">Reads a text of it.</param>
    public SamplingOptions Get(ParseResult parsed, Func<string, string> text) => new()
    {
        Temperature = parsed.GetValue(_temperature), TopK = parsed.GetValue(_topK), TopP = parsed.GetValue(_topP), MinP = parsed.GetValue(_minP),
        RepeatPenalty = parsed.GetValue(_repeatPenalty), RepeatLastN = parsed.GetValue(_repeatLastN),
        PresencePenalty = parsed.GetValue(_presence), FrequencyPenalty = parsed.GetValue(_frequency),
        DynamicTemperatureRange = parsed.GetValue(_dynamicRange), DynamicTemperatureExponent = parsed.GetValue(_dynamicExponent),
        TopNSigma = parsed.GetValue(_topNSigma), TypicalP = parsed.GetValue(_typical),
        XtcProbability = parsed.GetValue(_xtcProbability), XtcThreshold = parsed.GetValue(_xtcThreshold),
        DryMultiplier = parsed.GetValue(_dryMultiplier), DryBase = parsed.GetValue(_dryBase), DryAllowedLength = parsed.GetValue(_dryLength),
        DryPenaltyLastN = parsed.GetValue(_dryLastN), DrySequenceBreakers = Breakers(parsed, text),
        Mirostat = parsed.GetValue(_mirostat), MirostatTau = parsed.GetValue(_mirostatTau), MirostatEta = parsed.GetValue(_mirostatEta),
        Samplers = Stages(parsed), Seed = parsed.GetValue(_seed).Value, LogitBias = ParseBias(parsed.GetValue(_logitBias) ?? []),
    };

    private IReadOnlyList<string> Breakers(ParseResult parsed, Func<string, string> text) => parsed.GetValue(_dryBreakers) switch
    {
        null or [] => s_defaults.DrySequenceBreakers,
        ["none"] => [],
        string[] breakers => Array.ConvertAll(breakers, breaker => text(breaker)),
    };

    private IReadOnlyList<SamplerKind> Stages(ParseResult parsed)
    {
        if (parsed.GetValue(_samplers) is { } names) return SamplingOptions.ParseSamplers(names);
        if (parsed.GetValue(_sequence) is not { } letters) return s_defaults.Samplers;
        return [.. letters.Select(letter => Letters.IndexOf(letter, StringComparison.Ordinal) is >= 0 and int at ? (SamplerKind)at
            : throw new UsageException($"--sampling-seq: expected letters of {Letters}, found '{letter}'"))];
    }

    private static Dictionary<int, float>? ParseBias(string[] texts)
    {
        if (texts.Length == 0) return null;
        var bias = new Dictionary<int, float>();
        foreach (string text in texts)
        {
            int sign = text.AsSpan().IndexOfAny('+', '-');
            if (sign <= 0 || !int.TryParse(text.AsSpan(0, sign), NumberStyles.None, null, out int token) || !TryBias(text[sign..], out float value))
                throw new UsageException($"--logit-bias: expected ID+BIAS or ID-BIAS, found '{text}'");
            bias[token] = value;
        }
        return bias;
    }

    private static bool TryBias(string text, out float value)
    {
        value = float.NegativeInfinity;
        return text.Equals("-inf", StringComparison.OrdinalIgnoreCase)
            || (float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value));
    }
}
