using System.CommandLine;
using Edge.Llm.Cli.Pull;
using Edge.Llm.Cli.Serve;

namespace Edge.Llm.Cli;

/// <summary>The options of the server itself.</summary>
internal sealed class ServerOptionsBinding
{
    private const int Longest = 1 << 24; // seconds

    private readonly Option<string?> _host = Opt.Text("--host", [], "The address to listen at.", "ADDRESS");
    private readonly Option<int> _port = Opt.Integer("--port", [], "The port; 0 takes a free one.", 8080, 0, 65535);
    private readonly Option<string?> _socket = Opt.Text("--unix-socket", [], "Listen at a Unix socket instead.", "FILE");
    private readonly Option<string?> _certificate = Opt.Text("--tls-cert", ["--ssl-cert-file"], "Speak TLS with this certificate (PEM).", "FILE");
    private readonly Option<string?> _key = Opt.Text("--tls-key", ["--ssl-key-file"], "The certificate's key (PEM).", "FILE");
    private readonly Option<string?> _keys = Opt.Text("--api-key-file", [], "Serve only clients that have a key of this file, one a line.", "FILE");
    private readonly Option<string?> _apiKey = Opt.Text("--api-key", [],
        "Serve only clients that have this key; others on this machine may see it in the list of processes.", "KEY");
    private readonly Option<string[]> _cors = new("--cors-origin")
    {
        Description = "Let pages of this origin use the server; may be repeated; * is all.", HelpName = "ORIGIN",
    };

    private readonly Option<int> _parallel = Opt.Integer("--parallel", ["-np"], "Requests that a model answers at a time.", 4, 1, 1024);
    private readonly Option<int> _queue = Opt.Integer("--queue", [], "Requests that may wait for a model; more are sent away with 503.", 64, 0, 65536);
    private readonly Option<int> _timeout = Opt.Integer("--request-timeout", ["--timeout"], "Seconds after which an answer ends; 0: never.", 0, 0, Longest);
    private readonly Option<int> _drain = Opt.Integer("--drain-timeout", [],
        "Seconds that answers under way have when the server is told to stop.", 30, 0, Longest);
    private readonly Option<int> _idle = Opt.Integer("--idle-unload", [],
        "Seconds without requests after which a model is unloaded; -1: never.", -1, -1, Longest);
    private readonly Option<bool> _anyModel = Opt.Flag("--any-model", "Answer with the first model when a request names one that there is not.");
    private readonly Option<bool> _priority = Opt.Flag("--client-priority",
        "Requests with a higher 'priority' come first; without this option their order counts alone.");
    private readonly Option<int> _tokens = Opt.Integer("--n-predict", ["-n", "--predict"],
        "Tokens of an answer where a request does not say; -1: until the context is full.", -1, -1);
    private readonly Option<int> _reasoning = Opt.Integer("--reasoning-budget", [],
        "Tokens that a model may write to itself where a request does not say; -1: as many as it likes.", -1, -1);
    private readonly Option<string?> _config = Opt.Text("--config", [],
        "Options from a file, a line each, as 'port = 8081'; those of the command line count more.", "FILE");
    private readonly Option<bool> _noPage = Opt.Flag("--no-webui", "Serve no web page.");
    private readonly Option<string?> _traces = Opt.Text("--traces", [],
        "Send a span a request, without prompts, to this collector of OpenTelemetry (OTLP over HTTP).", "URL");
    private readonly Option<bool> _json = Opt.Flag("--log-json", "Log a JSON object a line.");
    private readonly Option<bool> _quiet = Opt.Flag("--quiet", "Log no requests.");
    private readonly SamplingOptionsBinding _sampling = new();
    private readonly ContextShiftBinding _contextShift = new();

    public ServerOptionsBinding AddTo(Command command)
    {
        foreach (Option option in (Option[])[_host, _port, _socket, _certificate, _key, _keys, _apiKey, _cors, _parallel, _queue, _timeout, _drain, _idle,
            _anyModel, _priority, _config, _tokens, _reasoning, .. _sampling.Options, .. _contextShift.Options, _noPage, _traces, _json, _quiet])
            command.Add(option);
        return this;
    }

    /// <exception cref="UsageException">A key is empty, an origin is none, or a configuration was not read.</exception>
    public ServerOptions Get(ParseResult parsed) => parsed.GetValue(_config) is null ? Read(parsed)
        : throw new UsageException("--config: expected one behind serve, and none in the file");

    private ServerOptions Read(ParseResult parsed) => new()
    {
        Host = parsed.GetValue(_host) ?? "127.0.0.1", Port = parsed.GetValue(_port), UnixSocket = parsed.GetValue(_socket), Tls = Tls(parsed),
        ApiKeys = Keys(parsed), CorsOrigins = Origins(parsed), Parallel = parsed.GetValue(_parallel), Queue = parsed.GetValue(_queue),
        RequestTimeout = parsed.GetValue(_timeout) is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : null,
        Drain = TimeSpan.FromSeconds(parsed.GetValue(_drain)), IdleUnload = TimeSpan.FromSeconds(parsed.GetValue(_idle)), AnyModel = parsed.GetValue(_anyModel),
        ClientPriority = parsed.GetValue(_priority),
        MaxTokens = parsed.GetValue(_tokens), ReasoningBudget = parsed.GetValue(_reasoning), Sampling = _sampling.Get(parsed, text => text),
        ContextShift = _contextShift.Get(parsed),
        HasPage = !parsed.GetValue(_noPage), Traces = Traces(parsed), JsonLog = parsed.GetValue(_json), Quiet = parsed.GetValue(_quiet),
    };

    private (string, string)? Tls(ParseResult parsed) => (parsed.GetValue(_certificate), parsed.GetValue(_key)) switch
    {
        (null, null) => null,
        ({ } certificate, { } key) => (certificate, key),
        _ => throw new UsageException("--tls-cert and --tls-key: expected both, found one"),
    };

    private Uri? Traces(ParseResult parsed) => parsed.GetValue(_traces) is not { } text ? null
        : Source.WebUrl(text) ?? throw new UsageException($"--traces: expected a URL such as http://127.0.0.1:4318, found '{text.Split('?')[0]}'");

    private string[] Origins(ParseResult parsed)
    {
        string[] origins = parsed.GetValue(_cors) ?? [];
        foreach (string origin in origins)
            if (origin != "*" && !(Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.GetLeftPart(UriPartial.Authority) == origin))
                throw new UsageException($"--cors-origin: expected * or an origin as browsers write it (https://name or http://name:port), found '{origin}'");
        return origins;
    }

    private string[] Keys(ParseResult parsed)
    {
        List<string> keys = [];
        if (parsed.GetValue(_apiKey) is { } key)
            keys.Add(key.Trim() is { Length: > 0 } given ? given : throw new UsageException("--api-key: expected a key, found an empty text"));
        if (parsed.GetValue(_keys) is { } file)
        {
            int before = keys.Count;
            keys.AddRange(System.Text.Encoding.UTF8.GetString(Input.ReadFile(file)).TrimStart('\uFEFF')
                .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
            if (keys.Count == before) throw new UsageException($"{file}: expected a key a line, found none");
        }
        return [.. keys];
    }
}
