using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Http;

/// <summary>Answers a request.</summary>
internal delegate Task Endpoint(RequestContext request);

/// <summary>How a family of interfaces says that a request failed.</summary>
internal delegate Task ErrorWriter(HttpContext http, ApiException error);

/// <summary>What is served where.</summary>
internal sealed class Routes
{
    private readonly Dictionary<string, Route> _exact = new(StringComparer.Ordinal);
    private readonly List<(string Prefix, Route Route)> _prefixes = [];

    /// <summary>An endpoint, and who may call it.</summary>
    /// <param name="Method">GET or POST; HEAD is GET without the body. Empty: any.</param>
    /// <param name="Endpoint">What answers.</param>
    /// <param name="Errors">How errors are written.</param>
    /// <param name="IsOpen">Whether it needs no key.</param>
    internal sealed record Route(string Method, Endpoint Endpoint, ErrorWriter Errors, bool IsOpen);

    public void Get(string path, Endpoint endpoint, ErrorWriter errors, bool isOpen = false) =>
        _exact.Add(path, new Route(HttpMethods.Get, endpoint, errors, isOpen));

    public void Post(string path, Endpoint endpoint, ErrorWriter errors) => _exact.Add(path, new Route(HttpMethods.Post, endpoint, errors, IsOpen: false));

    public void Any(string path, Endpoint endpoint, ErrorWriter errors) => _exact.Add(path, new Route("", endpoint, errors, IsOpen: false));

    /// <summary>All paths that begin so and have more.</summary>
    public void GetUnder(string prefix, Endpoint endpoint, ErrorWriter errors) =>
        _prefixes.Add((prefix, new Route(HttpMethods.Get, endpoint, errors, IsOpen: false)));

    /// <summary>The same, by any method.</summary>
    public void AnyUnder(string prefix, Endpoint endpoint, ErrorWriter errors) => _prefixes.Add((prefix, new Route("", endpoint, errors, IsOpen: false)));

    /// <summary>The route of a path, or null.</summary>
    public Route? Find(string path)
    {
        if (_exact.TryGetValue(path, out Route? route)) return route;
        if (path.Length > 1 && path.EndsWith('/') && _exact.TryGetValue(path[..^1], out route)) return route;
        foreach ((string prefix, Route under) in _prefixes)
            if (path.Length > prefix.Length && path.StartsWith(prefix, StringComparison.Ordinal)) return under;
        return null;
    }
}
