using System.Net;
using System.Security.Cryptography.X509Certificates;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Operations;
using Edge.Llm.Cli.Serve.Responses;
using Edge.Llm.Cli.Serve.Wire;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Edge.Llm.Cli.Serve;

/// <summary>The server: models behind HTTP. It runs until it is told to stop; answers under way then have a while to end. Of ASP.NET Core it is the
/// HTTP server alone: routing, dependency injection and configuration would take half a megabyte of the program.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly KestrelServer _kestrel;
    private readonly Application _application;

    public Server(ServerOptions options, IEnumerable<ModelSource> models)
    {
        Options = options;
        Log = new RequestLog(options);
        Models = new ModelPool(models, options.Parallel + options.Queue, options.IdleUnload, options.AnyModel);
        var kestrel = new KestrelServerOptions { ApplicationServices = KestrelServices.Make() };
        Configure(kestrel);
        var sockets = new SocketTransportFactory(new OptionsWrapper<SocketTransportOptions>(new SocketTransportOptions()), NullLoggerFactory.Instance);
        _kestrel = new KestrelServer(new OptionsWrapper<KestrelServerOptions>(kestrel), sockets, NullLoggerFactory.Instance);
        _application = new Application(new Pipeline(this, Endpoints.Make(options)));
        if (options.Traces is { } collector) Traces = new Traces(collector, Log.Say); // last: it begins to run
    }

    public ServerOptions Options { get; }

    public ModelPool Models { get; }

    public Metrics Metrics { get; } = new();

    /// <summary>What the latest responses were made of.</summary>
    public ItemMemory Items { get; } = new();

    public RequestLog Log { get; }

    /// <summary>Where spans go; null: nowhere.</summary>
    public Traces? Traces { get; }

    /// <summary>What bodies may take.</summary>
    public BodyBudget Bodies { get; } = new();

    /// <summary>Where it listens.</summary>
    public string Address => _kestrel.Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>Listens from now on.</summary>
    public Task StartAsync() => _kestrel.StartAsync(_application, CancellationToken.None);

    /// <summary>Takes no more requests, and waits until those under way have ended, or their time has.</summary>
    public async Task StopAsync()
    {
        using var drain = new CancellationTokenSource(Options.Drain);
        await _kestrel.StopAsync(drain.Token).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        _kestrel.Dispose();
        await Models.DisposeAsync().ConfigureAwait(false);
        if (Traces is not null) await Traces.DisposeAsync().ConfigureAwait(false);
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
        listen.UseHttps(new HttpsConnectionAdapterOptions { ServerCertificate = own, ServerCertificateChain = chain });
    }

    private static IPAddress AddressOf(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
        : host is "*" ? IPAddress.Any
        : IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) ? address
        : throw new UsageException($"--host: expected an IP address or localhost, found '{host}'");

    private sealed class Application(Pipeline pipeline) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => pipeline.AnswerAsync(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }
}
