namespace Edge.Llm.Cli.Serve;

/// <summary>What the server is made for.</summary>
internal sealed record ServerOptions
{
    /// <summary>Where it listens: a name or an address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0 takes a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>A Unix socket to listen at instead, or null.</summary>
    public string? UnixSocket { get; init; }

    /// <summary>A certificate with its key (PEM) for TLS, or null.</summary>
    public (string Certificate, string Key)? Tls { get; init; }

    /// <summary>Keys that clients must have one of; none: all are served.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Origins of pages that may call the server, besides its own page; * is all.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Requests that a model answers at a time.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>Requests that may wait for a model.</summary>
    public int Queue { get; init; } = 64;

    /// <summary>Time after which an answer ends; null: none.</summary>
    public TimeSpan? RequestTimeout { get; init; }

    /// <summary>Time that answers under way have when the server is told to stop.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time without requests after which a model is unloaded; below zero: never.</summary>
    public TimeSpan IdleUnload { get; init; } = TimeSpan.FromSeconds(-1);

    /// <summary>Whether a model's name that there is not means the first model.</summary>
    public bool AnyModel { get; init; }

    /// <summary>Whether requests may say which of them come first; otherwise they come in their order.</summary>
    public bool ClientPriority { get; init; }

    /// <summary>Tokens of an answer where a request does not say.</summary>
    public int MaxTokens { get; init; } = -1;

    /// <summary>How tokens are chosen where a request does not say.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Whether answers go on where the context is full; null: they end there.</summary>
    public ContextShift? ContextShift { get; init; }

    /// <summary>Tokens that a model may write to itself where a request does not say; -1: as many as it likes.</summary>
    public int ReasoningBudget { get; init; } = -1;

    /// <summary>Whether the web page is served.</summary>
    public bool HasPage { get; init; } = true;

    /// <summary>A collector of OpenTelemetry that gets a span a request, or null.</summary>
    public Uri? Traces { get; init; }

    /// <summary>Whether the log has a JSON object a line.</summary>
    public bool JsonLog { get; init; }

    /// <summary>Whether requests are logged.</summary>
    public bool Quiet { get; init; }
}
