using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Edge.Llm.Tests.Serve;

/// <summary>What a client asked, and what it was answered.</summary>
internal sealed record Exchange(string Method, string Path, string Request, int Status, string ContentType, string Reply);

/// <summary>Stands between clients and a server, and keeps what both say.</summary>
internal sealed class RecordingProxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _upstream;

    private RecordingProxy(Uri server)
    {
        _upstream = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        _app = builder.Build();
        ((IApplicationBuilder)_app).Run(PassOnAsync);
    }

    public ConcurrentQueue<Exchange> Exchanges { get; } = [];

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public static async Task<RecordingProxy> StartAsync(Uri server)
    {
        var proxy = new RecordingProxy(server);
        await proxy._app.StartAsync();
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _upstream.Dispose();
    }

    private async Task PassOnAsync(HttpContext http)
    {
        var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), http.Request.Path + http.Request.QueryString);
        if (body.Length > 0) request.Content = new ByteArrayContent(body.ToArray());
        foreach (var header in http.Request.Headers)
            if (header.Key is not ("Host" or "Connection" or "Transfer-Encoding") && !request.Headers.TryAddWithoutValidation(header.Key, header.Value.ToArray()))
                request.Content?.Headers.TryAddWithoutValidation(header.Key, header.Value.ToArray());
        var reply = new MemoryStream();
        int status = 0;
        string type = "";
        try
        {
            using HttpResponseMessage response = await _upstream.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, http.RequestAborted);
            http.Response.StatusCode = status = (int)response.StatusCode;
            type = response.Content.Headers.ContentType?.MediaType ?? "";
            foreach (var header in response.Headers.Concat(response.Content.Headers))
                if (header.Key is not ("Transfer-Encoding" or "Connection")) http.Response.Headers[header.Key] = header.Value.ToArray();
            using Stream stream = await response.Content.ReadAsStreamAsync(http.RequestAborted);
            byte[] buffer = new byte[16384];
            for (int read; (read = await stream.ReadAsync(buffer, http.RequestAborted)) > 0;)
            {
                reply.Write(buffer, 0, read);
                await http.Response.Body.WriteAsync(buffer.AsMemory(0, read), http.RequestAborted);
                await http.Response.Body.FlushAsync(http.RequestAborted);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            http.Abort();
        }
        Exchanges.Enqueue(new Exchange(http.Request.Method, http.Request.Path, Text(body), status, type, Text(reply)));
    }

    private static string Text(MemoryStream bytes) => System.Text.Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
}
