using System.CommandLine;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>The options of commands that generate: how much, and how tokens are chosen.</summary>
internal sealed class GenerateOptionsBinding(int defaultTokens)
{
    private static readonly SamplingOptions s_defaults = new();

    private readonly Option<int> _tokens = Opt.Integer("--n-predict", ["-n", "--predict"],
        "Tokens to generate at most; -1: until the context is full.", defaultTokens, -1);
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
    private readonly Option<Seed> _seed = Opt.Seed("--seed", ["-s"], "The same seed gives the same text; -1: a new one each time.");
    private readonly Option<bool> _ignoreEos = Opt.Flag("--ignore-eos", "Never end a text before its limit.");

    private readonly GrammarBinding _grammar = new();

    private readonly Option<string[]> _logitBias = new("--logit-bias", "-l")
    {
        Description = "Add to a token's logit, as in 15043+1.5 or 15043-inf; may be repeated.", HelpName = "ID(+|-)BIAS",
    };

    private readonly Option<string[]> _stop = new("--stop", "-r", "--reverse-prompt")
    {
        Description = "End before this text; may be repeated.", HelpName = "TEXT",
    };

    private readonly Option<bool> _escape = Opt.Flag("--escape", "Read \\n, \\r, \\t, \\\\, \\' and \\\" in texts of the command line as escapes.", "-e");

    public GenerateOptionsBinding AddTo(Command command)
    {
        foreach (Option option in (Option[])
            [_tokens, _temperature, _topK, _topP, _minP, _repeatPenalty, _repeatLastN, _presence, _frequency, _seed, _stop, _escape, _ignoreEos, _logitBias])
            command.Add(option);
        _grammar.AddTo(command);
        return this;
    }

    public GenerateOptions Get(ParseResult parsed) => new()
    {
        MaxTokens = parsed.GetValue(_tokens),
        Stop = [.. (parsed.GetValue(_stop) ?? []).Select(stop => Text(parsed, stop))],
        IgnoreEos = parsed.GetValue(_ignoreEos),
        Grammar = _grammar.Get(parsed),
        Sampling = new SamplingOptions
        {
            Temperature = parsed.GetValue(_temperature), TopK = parsed.GetValue(_topK), TopP = parsed.GetValue(_topP), MinP = parsed.GetValue(_minP),
            RepeatPenalty = parsed.GetValue(_repeatPenalty), RepeatLastN = parsed.GetValue(_repeatLastN),
            PresencePenalty = parsed.GetValue(_presence), FrequencyPenalty = parsed.GetValue(_frequency),
            Seed = parsed.GetValue(_seed).Value, LogitBias = ParseBias(parsed.GetValue(_logitBias) ?? []),
        },
    };

    /// <summary>A text of the command line, escapes replaced if asked for.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    public string? Text(ParseResult parsed, string? text) => text is not null && parsed.GetValue(_escape) ? Input.Unescape(text) : text;

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
