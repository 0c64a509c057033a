using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Security.Authentication;

namespace Edge.Llm.Cli.Pull;

/// <summary>HTTP requests: redirects are followed, a token goes to the host that it is for and to no other, failures are told in words.</summary>
internal sealed class Web : IDisposable
{
    private const int MaxRedirects = 10;

    private static readonly string[] s_openSsl = ["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10"];
    private static bool s_openSslFound;

    private readonly HttpClient _client = new(
        new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(30) })
    {
        Timeout = Timeout.InfiniteTimeSpan, // of a whole file; silence has a limit of its own
    };

    private readonly Patience _patience;
    private readonly Uri _tokenHost;
    private readonly string? _token;

    /// <summary>Makes one.</summary>
    /// <param name="patience">How long a server may take to answer.</param>
    /// <param name="tokenHost">The host that the token is for.</param>
    /// <param name="token">The token, or null.</param>
    public Web(Patience patience, Uri tokenHost, string? token)
    {
        _patience = patience;
        _tokenHost = tokenHost;
        _token = string.IsNullOrWhiteSpace(token) ? null : token.Trim();
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("edge-llm", EngineVersion.Text));
    }

    /// <summary>A URL as messages and records have it: without its query, which may hold a signature or a token.</summary>
    public static string Shown(Uri url) => url.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);

    public void Dispose() => _client.Dispose();

    /// <summary>Asks for a URL. <paramref name="prepare"/> adds headers; <paramref name="seen"/> gets every answer on the way, redirects as well.
    /// The status is one of success, or 416.</summary>
    /// <exception cref="PullException">The server does not answer as it should.</exception>
    /// <exception cref="UsageException">There is nothing, or it is not for everybody.</exception>
    public async Task<HttpResponseMessage> Get(Uri url, CancellationToken cancellation, Action<HttpRequestMessage>? prepare = null,
        Action<HttpResponseMessage>? seen = null)
    {
        Uri at = url;
        for (int redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            HttpResponseMessage response = await Send(at, prepare, cancellation);
            seen?.Invoke(response);
            if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return response;
            using (response)
            {
                if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                    or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)) throw Refused(at, response);
                at = Next(at, response.Headers.Location);
            }
        }
        throw new PullException($"{url.Host}: more than {MaxRedirects} redirects, for {Shown(url)}");
    }

    /// <summary>A small answer in full.</summary>
    /// <exception cref="PullException">As <see cref="Get"/>; or it is longer than <paramref name="most"/> bytes.</exception>
    public async Task<(byte[] Bytes, HttpResponseHeaders Headers)> GetBytes(
        Uri url, int most, CancellationToken cancellation, Action<HttpRequestMessage>? prepare = null)
    {
        using HttpResponseMessage response = await Get(url, cancellation, prepare);
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
        for (int read; (read = await Read(url, body, buffer, cancellation)) > 0;)
        {
            if (bytes.Length + read > most) throw new PullException($"{url.Host}: expected at most {most} bytes, found more, from {Shown(url)}");
            bytes.Write(buffer, 0, read);
        }
        return (bytes.ToArray(), response.Headers);
    }

    /// <summary>Reads from an answer's body; a server that falls silent has broken off.</summary>
    /// <exception cref="PullException">It has.</exception>
    public async Task<int> Read(Uri url, Stream body, Memory<byte> buffer, CancellationToken cancellation) =>
        await Guard(url, async token => await body.ReadAsync(buffer, token), cancellation);

    private async Task<HttpResponseMessage> Send(Uri url, Action<HttpRequestMessage>? prepare, CancellationToken cancellation)
    {
        if (url.Scheme == Uri.UriSchemeHttps) NeedOpenSsl();
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        prepare?.Invoke(request);
        if (_token is not null && HasToken(url)) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {_token}");
        return await Guard(url, token => _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), cancellation);
    }

    private async Task<T> Guard<T>(Uri url, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        silence.CancelAfter(_patience.Silence);
        try
        {
            return await work(silence.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new PullException($"{url.Host}: silent for {_patience.Silence.TotalSeconds:0.#} s", mayPass: true);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw InWords(url, e);
        }
    }

    private static PullException InWords(Uri url, Exception error)
    {
        if (error.InnerException is AuthenticationException trust)
            return new PullException($"{url.Host}: its certificate is not to be trusted, or this machine lacks the roots (on Debian: ca-certificates): "
                + (trust.InnerException?.Message ?? trust.Message));
        HttpRequestError? kind = (error as HttpRequestException)?.HttpRequestError ?? (error as HttpIOException)?.HttpRequestError;
        string reason = kind switch
        {
            HttpRequestError.NameResolutionError => "no such host, or no network",
            HttpRequestError.ResponseEnded => "the connection broke off",
            _ => error.InnerException?.Message ?? error.Message,
        };
        return new PullException($"{url.Host}: {reason}", mayPass: true);
    }

    private static Uri Next(Uri at, Uri? location)
    {
        if (location is null) throw new PullException($"{at.Host}: a redirect to nowhere, for {Shown(at)}");
        var next = new Uri(at, location);
        if (next.Scheme != Uri.UriSchemeHttps && next.Scheme != at.Scheme)
            throw new PullException($"{at.Host}: expected a redirect to https, found {next.Scheme}://{next.Host}");
        return next;
    }

    private Exception Refused(Uri url, HttpResponseMessage response)
    {
        int status = (int)response.StatusCode;
        string reason = response.Headers.TryGetValues("X-Error-Message", out IEnumerable<string>? told) ? $": {told.First()}" : ""; // Hugging Face
        TimeSpan? wait = response.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - DateTimeOffset.UtcNow : null;
        return status switch
        {
            401 or 403 when !HasToken(url) => new UsageException($"{url.Host} does not give {Shown(url)} to everybody ({status}){reason}"),
            401 or 403 when _token is null => new UsageException(
                $"{url.Host} does not give {Shown(url)} to everybody ({status}): it does not exist, or needs a token in HF_TOKEN{reason}"),
            401 or 403 => new UsageException(
                $"{url.Host} refuses {Shown(url)} ({status}): the token of HF_TOKEN is not valid, or its owner has no access "
                + $"(terms to accept on the model's page?){reason}"),
            404 or 410 => new UsageException($"{url.Host} has no {Shown(url)} ({status}){reason}"),
            408 or 429 or >= 500 => new PullException($"{url.Host} cannot answer now ({status} {response.ReasonPhrase})", mayPass: true,
                wait < TimeSpan.Zero ? TimeSpan.Zero : wait),
            _ => new PullException($"{url.Host} answers {status} {response.ReasonPhrase}, for {Shown(url)}"),
        };
    }

    private bool HasToken(Uri url) =>
        Uri.Compare(url, _tokenHost, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;

    /// <summary>Makes sure that there is what https needs: the runtime ends the process where it finds none.</summary>
    /// <exception cref="UsageException">There is not.</exception>
    public static void NeedOpenSsl()
    {
        if (!OperatingSystem.IsLinux() || s_openSslFound) return;
        string? version = Environment.GetEnvironmentVariable("CLR_OPENSSL_VERSION_OVERRIDE");
        foreach (string name in version is null ? s_openSsl : [$"libssl.so.{version}", .. s_openSsl])
            if (s_openSslFound = NativeLibrary.TryLoad(name, out _)) return;
        throw new UsageException("https needs OpenSSL (libssl.so.3), and this machine has none: install it (on Debian: libssl3), "
            + "or fetch the file by other means");
    }
}
