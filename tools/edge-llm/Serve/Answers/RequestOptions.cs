using System.Text.Json;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>Reads what a request says about sampling and its answer, by the names that OpenAI, llama.cpp and vLLM have in common.</summary>
internal static class RequestOptions
{
    private const double Any = float.MaxValue;
    private static readonly JsonElement s_false = JsonElement.Parse("false"u8);

    /// <summary>The stages and their numbers.</summary>
    /// <param name="body">The request.</param>
    /// <param name="defaults">What holds where it is silent.</param>
    public static SamplingOptions Sampling(Field body, SamplingOptions defaults) => defaults with
    {
        Temperature = (float)(body["temperature"]?.Number(0, 2) ?? defaults.Temperature),
        TopP = (float)(body["top_p"]?.Number(0, 1) ?? defaults.TopP),
        TopK = body["top_k"]?.Integer(-1) ?? defaults.TopK,
        MinP = (float)(body["min_p"]?.Number(0, 1) ?? defaults.MinP),
        TypicalP = (float)(body["typical_p"]?.Number(0, 1) ?? defaults.TypicalP),
        TopNSigma = (float)(body["top_n_sigma"]?.Number(-1, Any) ?? defaults.TopNSigma),
        PresencePenalty = (float)(body["presence_penalty"]?.Number(-2, 2) ?? defaults.PresencePenalty),
        FrequencyPenalty = (float)(body["frequency_penalty"]?.Number(-2, 2) ?? defaults.FrequencyPenalty),
        RepeatPenalty = (float)((body["repeat_penalty"] ?? body["repetition_penalty"])?.Number(0.001, 10) ?? defaults.RepeatPenalty),
        RepeatLastN = body["repeat_last_n"]?.Integer(-1) ?? defaults.RepeatLastN,
        DynamicTemperatureRange = (float)(body["dynatemp_range"]?.Number(0, 10) ?? defaults.DynamicTemperatureRange),
        DynamicTemperatureExponent = (float)(body["dynatemp_exponent"]?.Number(0, 100) ?? defaults.DynamicTemperatureExponent),
        XtcProbability = (float)(body["xtc_probability"]?.Number(0, 1) ?? defaults.XtcProbability),
        XtcThreshold = (float)(body["xtc_threshold"]?.Number(0, 1) ?? defaults.XtcThreshold),
        DryMultiplier = (float)(body["dry_multiplier"]?.Number(0, 100) ?? defaults.DryMultiplier),
        DryBase = (float)(body["dry_base"]?.Number(0, 100) ?? defaults.DryBase),
        DryAllowedLength = body["dry_allowed_length"]?.Integer(0) ?? defaults.DryAllowedLength,
        DryPenaltyLastN = body["dry_penalty_last_n"]?.Integer(-1) ?? defaults.DryPenaltyLastN,
        DrySequenceBreakers = body["dry_sequence_breakers"]?.Items(Limits.Stops).Select(text => text.Text(Limits.StopLength)).ToArray() ?? defaults.DrySequenceBreakers,
        Mirostat = body["mirostat"]?.Integer(0, 2) ?? defaults.Mirostat,
        MirostatTau = (float)(body["mirostat_tau"]?.Number(0, 100) ?? defaults.MirostatTau),
        MirostatEta = (float)(body["mirostat_eta"]?.Number(0, 100) ?? defaults.MirostatEta),
        Samplers = body["samplers"] is { } names ? SamplingOptions.ParseSamplers(string.Join(';', names.Items(64).Select(name => name.Text(64)))) : defaults.Samplers,
        LogitBias = body["logit_bias"] is { } biases ? Biases(biases) : defaults.LogitBias,
        Seed = body["seed"]?.Long() is { } seed ? seed == -1 ? null : (ulong)seed : defaults.Seed,
    };

    /// <summary>What to generate, but for its length and its form.</summary>
    public static GenerateOptions Generate(Field body, RequestContext context) => new()
    {
        Sampling = Sampling(body, context.Options.Sampling),
        Stop = body["stop"] is { } stop ? Stops(stop) : [],
        IgnoreEos = body["ignore_eos"]?.Flag() ?? false,
        Priority = Priority(body, context.Options),
        Salt = context.Salt,
        Deadline = context.Options.RequestTimeout,
        MaxTokens = context.Options.MaxTokens,
        ContextShift = context.Options.ContextShift is { } shift && body["n_keep"]?.Integer(-1) is { } keep ? shift with { Keep = keep } : context.Options.ContextShift,
    };

    /// <summary>One text or several that end an answer.</summary>
    public static string[] Stops(Field stop) => stop.IsText ? [stop.Text(Limits.StopLength)] : [.. stop.Items(Limits.Stops).Select(text => text.Text(Limits.StopLength))];

    /// <summary>The adapters that a request names by number, as llama.cpp has them: those that it does not name are off.</summary>
    public static IReadOnlyList<AdapterScale>? Adapters(Field body, LoadedModel model)
    {
        if (body["lora"] is not { } lora) return null;
        var adapters = new List<AdapterScale>();
        foreach (Field item in lora.Items(1024))
        {
            if (model.Adapters.Count == 0) throw item.Error("the server has loaded no adapters");
            int id = item.Require("id").Integer(0, model.Adapters.Count - 1);
            adapters.Add(new AdapterScale(model.Adapters[id].Adapter, (float)(item["scale"]?.Number() ?? 1)));
        }
        return adapters;
    }

    /// <summary>The grammar of a response_format as chat requests have it, or of llama.cpp's <c>grammar</c> and <c>json_schema</c>; null: any text.</summary>
    public static Grammar? Format(Field body)
    {
        if (body["grammar"] is { } gbnf && gbnf.Text(Limits.GrammarBytes) is { Length: > 0 } text) return Grammar.Gbnf(text);
        if (body["json_schema"] is { } schema) return Grammar.JsonSchema(schema.Raw());
        return body["response_format"] is { } format ? FormatOf(format) : null;
    }

    /// <summary>The grammar of a form that an answer is to have; null: any text.</summary>
    public static Grammar? FormatOf(Field format) => format.Require("type").OneOf("text", "json_object", "json_schema") switch
    {
        "json_schema" => format["json_schema"] is { } named ? Grammar.JsonSchema(named["schema"]?.Raw() ?? "{}") : Grammar.JsonSchema(format.Require("schema").Raw()),
        "json_object" => format["schema"] is { } shape ? Grammar.JsonSchema(shape.Raw()) : Grammar.JsonSchema("""{"type":"object"}"""),
        _ => null,
    };

    /// <summary>More variables for the template. Those that are the conversation itself cannot be set.</summary>
    public static IReadOnlyDictionary<string, JsonElement>? Variables(Field? given)
    {
        if (given is not { } variables) return null;
        var values = new Dictionary<string, JsonElement>();
        foreach ((string name, Field value) in variables.Members())
            values[name] = name is "messages" or "tools" or "bos_token" or "eos_token" or "add_generation_prompt"
                ? throw value.Error("is part of the conversation; a variable of the template cannot replace it") : value.Json;
        return values;
    }

    /// <summary>The variables of templates with what a request says of the model's effort.</summary>
    public static IReadOnlyDictionary<string, JsonElement>? WithEffort(IReadOnlyDictionary<string, JsonElement>? variables, Field? effort)
    {
        if (effort is not { } given) return variables;
        string level = given.OneOf("none", "minimal", "low", "medium", "high", "xhigh", "max");
        var values = new Dictionary<string, JsonElement>(variables ?? new Dictionary<string, JsonElement>());
        if (level == "none") values.TryAdd("enable_thinking", s_false);
        else values.TryAdd("reasoning_effort", given.Json);
        return values;
    }

    // A request that came before the others would be every client's wish.
    private static int Priority(Field body, ServerOptions options) =>
        body["priority"]?.Integer(-Limits.Priority, Limits.Priority) is { } priority && options.ClientPriority ? priority : 0;

    // OpenAI's object, or llama.cpp's list of pairs.
    private static Dictionary<int, float> Biases(Field biases)
    {
        var values = new Dictionary<int, float>();
        if (biases.IsList)
            foreach (Field pair in biases.Items(Limits.LogitBiases))
            {
                if (pair.Items(2) is not [var token, var bias]) throw pair.Error("expected a token and a number");
                values[token.Integer(0)] = bias.IsFlag && !bias.Flag() ? float.NegativeInfinity : Bias(bias);
            }
        else
            foreach ((string name, Field bias) in biases.Members())
            {
                if (values.Count == Limits.LogitBiases) throw biases.Error($"expected at most {Limits.LogitBiases} members");
                if (!int.TryParse(name, out int token)) throw bias.Error("expected the number of a token as name");
                values[token] = Bias(bias);
            }
        return values;
    }

    private static float Bias(Field bias) => bias.Number(-100, 100) is > -100 and var value ? (float)value : float.NegativeInfinity; // OpenAI's number for a ban
}
