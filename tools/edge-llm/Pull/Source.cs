using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Pull;

/// <summary>Where models are looked for. Tests, mirrors and companies have servers of their own.</summary>
internal sealed record Hosts(Uri HuggingFace, Uri Ollama)
{
    /// <summary>HF_ENDPOINT as Hugging Face's own tools know it, EDGE_LLM_OLLAMA, or the public hosts.</summary>
    /// <exception cref="UsageException">A variable is no URL.</exception>
    public static Hosts OfEnvironment() => new(Host("HF_ENDPOINT", "https://huggingface.co"), Host("EDGE_LLM_OLLAMA", "https://registry.ollama.ai"));

    private static Uri Host(string variable, string standard)
    {
        string text = Environment.GetEnvironmentVariable(variable) is { Length: > 0 } given ? given : standard;
        return Source.WebUrl(text.TrimEnd('/') + "/") ?? throw new UsageException($"{variable}: expected a URL such as {standard}, found '{text}'");
    }
}

/// <summary>What a model is pulled from.</summary>
/// <param name="Text">How it is written: what a model's record keeps.</param>
/// <param name="Origin">What models of one text and of another have in common if the later may take the place of the earlier.</param>
/// <param name="Look">Asks the server what it has.</param>
/// <param name="Query">A hash of what is not kept of a URL, because it may be secret: its query. Another one is another source.</param>
internal sealed record Source(string Text, string Origin, Func<Web, CancellationToken, Task<Offer>> Look, string? Query = null)
{
    /// <summary>Reads URL, hf:OWNER/REPO[:QUANT] or ollama:NAME[:TAG].</summary>
    /// <exception cref="UsageException">It is none of these.</exception>
    public static Source Parse(string text, Hosts hosts)
    {
        if (After(text, "hf:") is { } repository) return HuggingFace.Source(repository, hosts.HuggingFace) ?? throw Unknown(text);
        if (After(text, "ollama:") is { } model) return Ollama.Source(model, hosts.Ollama) ?? throw Unknown(text);
        if (WebUrl(text) is not { } url) throw Unknown(text, Guess(text));
        if (url.UserInfo.Length > 0) throw new UsageException($"expected a URL without a password, found {url.Host} with one");
        return HuggingFace.OfPage(url, hosts.HuggingFace) ?? FileUrl.Source(url);
    }

    /// <summary>A URL of http or https, or null.</summary>
    public static Uri? WebUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp) ? url : null;

    /// <summary>Whether a part of a path is a plain name on every server.</summary>
    public static bool IsPlain(string name) => ModelName.IsValid(name) || (name.StartsWith('_') && ModelName.IsValid(name[1..]));

    private static string? After(string text, string scheme) => text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) ? text[scheme.Length..] : null;

    private static UsageException Unknown(string text, string? guess = null) =>
        new($"expected URL, hf:OWNER/REPO[:QUANT] or ollama:NAME[:TAG], found '{WithoutQuery(text)}'{(guess is null ? "" : $"; did you mean {guess}?")}");

    // Of a URL that is none after all.
    private static string WithoutQuery(string text) => text.Contains("://", StringComparison.Ordinal) ? text.Split('?')[0] : text;

    private static string? Guess(string text)
    {
        string[] names = text.Split(':')[0].Split('/');
        return text.Contains("://", StringComparison.Ordinal) || !names.All(IsPlain) ? null
            : names.Length == 2 ? $"hf:{text}" : names.Length == 1 ? $"ollama:{text}" : null;
    }
}
