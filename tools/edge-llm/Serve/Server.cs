using System.Net;
using System.Security.Cryptography.X509Certificates;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Operations;
using Edge.Llm.Cli.Serve.Responses;
using Edge.Llm.Cli.Serve.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Edge.Llm.Cli.Serve;

/// <summary>The server: models behind HTTP. It runs until it is told to stop; answers under way then have a while to end.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly WebApplication _app;

    public Server(ServerOptions options, IEnumerable<ModelSource> models)
    {
        Options = options;
        Log = new RequestLog(options);
        Models = new ModelPool(models, options.Parallel + options.Queue, options.IdleUnload, options.AnyModel);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(Configure);
        if (options.Tls is not null) builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Drain);
        _app = builder.Build();
        ((IApplicationBuilder)_app).Run(new Pipeline(this, Endpoints.Make(options)).AnswerAsync);
    }

    public ServerOptions Options { get; }

    public ModelPool Models { get; }

    public Metrics Metrics { get; } = new();

    /// <summary>What the latest responses were made of.</summary>
    public ItemMemory Items { get; } = new();

    public RequestLog Log { get; }

    /// <summary>What bodies may take.</summary>
    public BodyBudget Bodies { get; } = new();

    /// <summary>Where it listens.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>Listens from now on.</summary>
    public Task StartAsync() => _app.StartAsync();

    /// <summary>Takes no more requests, and waits until those under way have ended, or their time has.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync().ConfigureAwait(false);
        await Models.DisposeAsync().ConfigureAwait(false);
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = Limits.BodyBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = Limits.HeaderBytes;
        kestrel.Limits.MaxRequestLineSize = Limits.HeaderBytes / 2;
        kestrel.Limits.MaxConcurrentConnections = Limits.Connections;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(Limits.HeaderSeconds);
        kestrel.Limits.Http2.MaxStreamsPerConnection = Limits.StreamsPerConnection;
        if (Options.UnixSocket is { } socket)
        {
            StaleSocket.Remove(socket);
            kestrel.ListenUnixSocket(socket, Secure);
        }
        else if (Options.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) && Options.Port != 0) kestrel.ListenLocalhost(Options.Port, Secure);
        else kestrel.Listen(AddressOf(Options.Host), Options.Port, Secure);
    }

    private void Secure(ListenOptions listen)
    {
        if (Options.Tls is not { } tls) return;
        var chain = new X509Certificate2Collection(); // the file may hold those between the server's and a root
        chain.ImportFromPemFile(tls.Certificate);
        X509Certificate2 own = X509Certificate2.CreateFromPemFile(tls.Certificate, tls.Key);
        listen.UseHttps(https => (https.ServerCertificate, https.ServerCertificateChain) = (own, chain));
    }

    private static IPAddress AddressOf(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
        : host is "*" ? IPAddress.Any
        : IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) ? address
        : throw new UsageException($"--host: expected an IP address or localhost, found '{host}'");

    // The command has its own way to be told to stop.
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
