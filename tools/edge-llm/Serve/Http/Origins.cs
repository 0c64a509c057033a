using System.Net;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Http;

/// <summary>Keeps pages of other sites from using a server on the reader's own machine: by the name they called it by, and by their origin.</summary>
internal sealed class Origins(ServerOptions options)
{
    private readonly bool _isLoopback = options.UnixSocket is null && IsLoopback(options.Host);
    private readonly bool _allowsAll = options.CorsOrigins.Contains("*");

    /// <exception cref="ApiException">The request is not meant for this server.</exception>
    public void Check(HttpContext http)
    {
        HttpRequest request = http.Request;
        // A name that resolves to 127.0.0.1 for a moment makes any page a local one.
        if (_isLoopback && !IsLoopback(request.Host.Host))
            throw new ApiException(403, $"this server answers to localhost only, and was called '{Failure.OneLine(request.Host.Host)}'", null, "wrong_host");
        string origin = request.Headers.Origin.ToString();
        // A picture or a script of a page has no origin. One may follow a link to the page of this server.
        bool isForeign = request.Headers["Sec-Fetch-Site"] == "cross-site" && !(request.Headers["Sec-Fetch-Mode"] == "navigate" && request.Path == "/");
        if (origin.Length == 0 && isForeign) throw new ApiException(403, "pages of others may not use this server", null, "wrong_origin");
        if (origin.Length == 0 || IsOwn(origin, request.Host)) return;
        if (!_allowsAll && !options.CorsOrigins.Contains(origin))
            throw new ApiException(403, $"pages of '{Failure.OneLine(origin)}' may not use this server (--cors-origin allows them)", null, "wrong_origin");
        IHeaderDictionary headers = http.Response.Headers;
        headers.AccessControlAllowOrigin = origin;
        headers.Vary = "Origin";
        headers.AccessControlExposeHeaders = "x-request-id, request-id, retry-after, openai-processing-ms";
        if (!HttpMethods.IsOptions(request.Method)) return;
        headers.AccessControlAllowMethods = "GET, POST";
        headers.AccessControlAllowHeaders = request.Headers.AccessControlRequestHeaders;
        headers.AccessControlMaxAge = "600";
    }

    /// <summary>Whether a name means this machine.</summary>
    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    private static bool IsOwn(string origin, HostString host) =>
        Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Authority.Equals(host.Value, StringComparison.OrdinalIgnoreCase);
}
