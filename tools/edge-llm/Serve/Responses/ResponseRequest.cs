using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>A request of /v1/responses: what is to be answered, and what the reply repeats of it.</summary>
internal sealed class ResponseRequest
{
    private readonly Field _body;
    private readonly ResponseTools _tools;

    public ResponseRequest(Field body, RequestContext context)
    {
        _body = body;
        RefuseWhatNeedsAStore();
        RequireWhatIsRepeated();
        _tools = new ResponseTools(body);
        GenerateOptions generate = RequestOptions.Generate(body, context);
        long found = 0;
        Chat = new ChatRequest
        {
            Model = body["model"]?.Text(),
            Messages = ResponseInput.Read(body, reference => context.Server.Items.Find(context.Salt, reference, ref found)),
            Answer = _tools.Options with
            {
                ReasoningBudget = context.Options.ReasoningBudget,
                Variables = RequestOptions.WithEffort(RequestOptions.Variables(body["chat_template_kwargs"]), body["reasoning"]?["effort"]),
            },
            Generate = generate with
            {
                MaxTokens = body["max_output_tokens"]?.Integer(1) ?? generate.MaxTokens,
                Grammar = body["text"]?["format"] is { } format ? RequestOptions.FormatOf(format) : null,
                LogProbabilities = WantsLogProbabilities() ? TopLogProbabilities : null,
            },
        };
        Streams = body["stream"]?.Flag() ?? false;
        Stores = body["store"]?.Flag() ?? true;
    }

    public ChatRequest Chat { get; }

    public bool Streams { get; }

    /// <summary>Whether its items may be named later.</summary>
    public bool Stores { get; }

    private int TopLogProbabilities => _body["top_logprobs"]?.Integer(0, Limits.TopLogProbabilities) ?? 0;

    /// <summary>Writes the members of a response that say what was asked for, with what holds where the request is silent.</summary>
    public void WriteMembers(Utf8JsonWriter json)
    {
        SamplingOptions sampling = Chat.Generate.Sampling;
        json.WriteString("instructions", _body["instructions"]?.Text());
        if (_body["max_output_tokens"]?.Integer() is { } limit) json.WriteNumber("max_output_tokens", limit);
        else json.WriteNull("max_output_tokens");
        json.WriteBoolean("parallel_tool_calls", Chat.Answer.ParallelToolCalls);
        json.WriteNull("previous_response_id");
        json.WriteBoolean("background", false);
        json.WriteBoolean("store", false);
        json.WriteStartObject("reasoning");
        json.WriteString("effort", _body["reasoning"]?["effort"]?.Text());
        json.WriteString("summary", _body["reasoning"]?["summary"]?.Text());
        json.WriteEndObject();
        json.WriteString("service_tier", "default");
        json.WriteNumber("temperature", sampling.Temperature);
        json.WriteNumber("top_p", sampling.TopP);
        json.WriteNumber("top_logprobs", TopLogProbabilities);
        json.WriteString("truncation", "disabled");
        WriteText(json);
        _tools.WriteMembers(json);
        foreach (string name in (string[])["user", "safety_identifier", "prompt_cache_key"])
            if (_body[name]?.Text() is { } text) json.WriteString(name, text);
        json.WritePropertyName("metadata");
        if (_body["metadata"] is { } metadata) metadata.Json.WriteTo(json);
        else json.WriteRawValue("{}");
    }

    private void WriteText(Utf8JsonWriter json)
    {
        json.WriteStartObject("text");
        json.WritePropertyName("format");
        if (_body["text"]?["format"] is { } format) format.Json.WriteTo(json);
        else json.WriteRawValue("""{"type":"text"}""");
        if (_body["text"]?["verbosity"]?.Text() is { } verbosity) json.WriteString("verbosity", verbosity);
        json.WriteEndObject();
    }

    private bool WantsLogProbabilities() => _body["include"]?.Items(64).Any(item => item.Text() == "message.output_text.logprobs") ?? false;

    private void RefuseWhatNeedsAStore()
    {
        foreach (string name in (string[])["previous_response_id", "conversation", "prompt"])
            if (_body[name] is { } asked) throw asked.Error("is not supported: this server stores nothing; send the whole input", "unsupported_parameter");
        if (_body["background"]?.Flag() == true) throw _body["background"]!.Value.Error("is not supported: this server stores nothing", "unsupported_parameter");
    }

    private void RequireWhatIsRepeated()
    {
        _body["reasoning"]?["summary"]?.OneOf("auto", "concise", "detailed");
        _body["text"]?["verbosity"]?.OneOf("low", "medium", "high");
        _body["text"]?["format"]?["name"]?.Text(64);
        if (_body["text"]?["format"] is { } format && format["type"]?.Text() == "json_schema") format.Require("name");
        _body["instructions"]?.Text();
        foreach (string name in (string[])["user", "safety_identifier", "prompt_cache_key"]) _body[name]?.Text(512);
        foreach ((_, Field value) in _body["metadata"]?.Members() ?? []) value.Text(512);
    }
}
