using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>What requests of /api/chat and /api/generate have in common.</summary>
internal sealed record OllamaRequest
{
    private const int DefaultKeep = 4; // Ollama's

    private static readonly Field s_noOptions = new(JsonElement.Parse("{}"u8), "options");
    private static readonly JsonElement s_true = JsonElement.Parse("true"u8), s_false = JsonElement.Parse("false"u8);

    /// <summary>The model, as the request and the answer name it.</summary>
    public required string Model { get; init; }

    public bool Streams { get; init; }

    /// <summary>How long the model stays in memory behind the request; null: as before.</summary>
    public TimeSpan? KeepAlive { get; init; }

    public required GenerateOptions Generate { get; init; }

    /// <summary>Tokens of prompt and answer at most; null: as many as the model's context has.</summary>
    public int? Window { get; init; }

    /// <summary>Layers that the client wants on devices; null: it does not say.</summary>
    public int? GpuLayers { get; init; }

    /// <summary>Tokens of the prompt's beginning that stay where its middle is left out.</summary>
    public int Keep { get; init; }

    /// <summary>Whether a prompt that is too long is made shorter.</summary>
    public bool Truncates { get; init; }

    /// <summary>Whether the model is to write to itself, and how much: true, false, or a level.</summary>
    public Field? Think { get; init; }

    public static OllamaRequest Read(Field body, RequestContext context)
    {
        Field options = body["options"] ?? s_noOptions;
        GenerateOptions generate = RequestOptions.Generate(options, context);
        return new OllamaRequest
        {
            Model = ModelName(body),
            Streams = body["stream"]?.Flag() ?? true,
            KeepAlive = KeepAliveOf(body),
            Window = options["num_ctx"]?.Integer(1),
            GpuLayers = GpuLayersOf(options),
            Keep = options["num_keep"]?.Integer(-1) ?? DefaultKeep,
            Truncates = body["truncate"]?.Flag() ?? true,
            Think = body["think"] is { } think ? CheckThink(think) : null,
            Generate = generate with
            {
                MaxTokens = options["num_predict"]?.Integer(-2) is { } most ? Math.Max(most, -1) : generate.MaxTokens,
                Grammar = body["format"] is { } format ? Format(format) : null,
                LogProbabilities = body["logprobs"]?.Flag() == true ? body["top_logprobs"]?.Integer(0, Limits.TopLogProbabilities) ?? 0 : null,
            },
        };
    }

    /// <summary>The model's name, which each request must have.</summary>
    public static string ModelName(Field body) =>
        body["model"]?.Text() is { Length: > 0 } model ? model
            : body["name"]?.Text() is { Length: > 0 } name ? name : throw new ApiException(400, "model is required", "model");

    public static int? GpuLayersOf(Field options) => options["num_gpu"]?.Integer(-1);

    public static TimeSpan? KeepAliveOf(Field body) => body["keep_alive"] is { } time ? Ollama.KeepAlive.Read(time) : null;

    /// <summary>The model, held until the request ends.</summary>
    public async ValueTask<LoadedModel> UseModelAsync(RequestContext context)
    {
        ModelLease lease = await context.LeaseAsync(Model).ConfigureAwait(false);
        if (KeepAlive is { } time) lease.KeepFor(time);
        WishedLayers.Compare(GpuLayers, lease.Model, context.Server.Log);
        return lease.Model;
    }

    /// <summary>Adds to an answer's options what the request says of thinking.</summary>
    /// <exception cref="ApiException">The model does not think.</exception>
    public AnswerOptions WithThink(AnswerOptions answer, LoadedModel model)
    {
        if (Think is not { } think) return answer;
        bool hasReasoning = model.RequireChat().HasReasoning;
        if (!think.IsText && !think.Flag())
            return hasReasoning ? answer with { ReasoningBudget = 0, Variables = Switches(s_false) } : answer;
        if (!hasReasoning) throw think.Error($"\"{Model}\" does not support thinking");
        Dictionary<string, JsonElement> variables = Switches(s_true);
        if (think.IsText) variables["reasoning_effort"] = think.Json;
        return answer with { Variables = variables };

        // Templates have one of two names for it.
        static Dictionary<string, JsonElement> Switches(JsonElement value) => new() { ["enable_thinking"] = value, ["thinking"] = value };
    }

    private static Field CheckThink(Field think)
    {
        if (think.IsText) think.OneOf("low", "medium", "high");
        else think.Flag();
        return think;
    }

    private static Grammar? Format(Field format)
    {
        if (format.IsObject) return Grammar.JsonSchema(format.Raw());
        return format.OneOf("", "json") == "json" ? Grammar.JsonSchema("""{"type":"object"}""") : null;
    }
}
