using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.LlamaCpp;

/// <summary>A request of /completion. What has no meaning here is not read: cache_prompt, id_slot, n_keep.</summary>
internal sealed record CompletionRequest
{
    private const int MostTokens = 1 << 20;

    public required GenerateOptions Generate { get; init; }

    public int Choices { get; init; }

    public bool Streams { get; init; }

    /// <summary>Whether the tokens of the answer stand beside its text.</summary>
    public bool ReturnsTokens { get; init; }

    /// <summary>Whether each event has counts and times.</summary>
    public bool TimesEach { get; init; }

    /// <summary>Whether probabilities are those that tokens were drawn by, and not the model's own.</summary>
    public bool AfterSampling { get; init; }

    public static CompletionRequest Read(Field body, RequestContext context)
    {
        GenerateOptions generate = RequestOptions.Generate(body, context);
        return new CompletionRequest
        {
            Generate = generate with
            {
                MaxTokens = (body["n_predict"] ?? body["max_tokens"])?.Integer(-2) is { } most ? Math.Max(most, -1) : generate.MaxTokens,
                Grammar = RequestOptions.Format(body),
                LogProbabilities = body["n_probs"]?.Integer(0, Limits.TopLogProbabilities) is > 0 and var count ? count : null,
            },
            Choices = body["n_cmpl"]?.Integer(1, Limits.Choices) ?? 1,
            Streams = body["stream"]?.Flag() ?? false,
            ReturnsTokens = body["return_tokens"]?.Flag() ?? false,
            TimesEach = body["timings_per_token"]?.Flag() ?? false,
            AfterSampling = body["post_sampling_probs"]?.Flag() ?? false,
        };
    }

    /// <summary>The prompts: a text, tokens, both in one list, or a list of these.</summary>
    /// <param name="prompt">The request's prompt.</param>
    /// <param name="model">The model whose tokens they become.</param>
    /// <param name="areMany">Whether it is a list of prompts: then so is the answer.</param>
    public static List<int[]> Prompts(Field prompt, LoadedModel model, out bool areMany)
    {
        areMany = false;
        if (!prompt.IsList) return [One(prompt, model)];
        Field[] items = prompt.Items(MostTokens);
        if (items.Length == 0) throw prompt.Error("expected a prompt");
        areMany = items.All(item => item.IsText || item.IsList);
        if (!areMany) return [One(prompt, model)];
        return items.Length <= Limits.Prompts ? [.. items.Select(item => One(item, model))] : throw prompt.Error($"expected at most {Limits.Prompts} items, found {items.Length}");
    }

    private static int[] One(Field prompt, LoadedModel model)
    {
        int last = model.Tokenizer.Vocabulary.Count - 1;
        int[] tokens = prompt.IsText ? model.Tokenizer.EncodePrompt(prompt.Text())
            : prompt.IsList ? [.. prompt.Items(MostTokens).SelectMany((item, i) => !item.IsText ? [item.Integer(0, last)]
                : i == 0 ? model.Tokenizer.EncodePrompt(item.Text()) : model.Tokenizer.Encode(item.Text(), addSpecial: false))]
            : throw prompt.Wrong("a string or an array");
        return tokens.Length > 0 ? tokens : throw prompt.Error("expected a text, found an empty one");
    }
}
