using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Edge.Llm.Tests.Pull;

/// <summary>A request: its path with the query, and its headers.</summary>
internal sealed record WebRequest(string Path, Dictionary<string, string> Headers)
{
    public string? Header(string name) => Headers.GetValueOrDefault(name);

    /// <summary>Where the range begins that is asked for; 0: none is.</summary>
    public int RangeStart => Header("Range") is { } range && !range.EndsWith("=0-0", StringComparison.Ordinal)
        ? int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture) : 0;

    /// <summary>Whether it only asks how long the file is.</summary>
    public bool IsProbe => Header("Range") == "bytes=0-0";
}

/// <summary>What a server writes on a connection, true or not.</summary>
internal sealed class Answer(Socket socket)
{
    /// <summary>The status and the headers.</summary>
    public void Head(int status, params string[] headers) =>
        Body(Encoding.ASCII.GetBytes($"HTTP/1.1 {status} Status\r\n{string.Concat(headers.Select(header => header + "\r\n"))}Connection: close\r\n\r\n"));

    public void Body(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[socket.Send(bytes)..];
    }

    /// <summary>An answer without more to it.</summary>
    public void Status(int status, params string[] headers) => Head(status, ["Content-Length: 0", .. headers]);

    public void Text(string text, params string[] headers)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Head(200, [$"Content-Length: {bytes.Length}", .. headers]);
        Body(bytes);
    }

    /// <summary>A file, or the rest of it that is asked for; at most so many bytes, and then the connection breaks off.</summary>
    public void File(WebRequest request, byte[] file, int most = int.MaxValue, params string[] headers)
    {
        int start = request.RangeStart, end = request.IsProbe ? 1 : file.Length;
        bool ranged = request.Header("Range") is not null;
        string[] range = ranged ? [$"Content-Range: bytes {start}-{end - 1}/{file.Length}"] : [];
        Head(ranged ? 206 : 200, [$"Content-Length: {end - start}", .. range, .. headers]);
        Body(file.AsSpan(start, Math.Min(end - start, most)));
    }
}

/// <summary>A server on this machine's own network that does what a test says.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Action<WebRequest, Answer> _answer;
    private readonly ConcurrentQueue<WebRequest> _requests = new();

    public LoopbackServer(Action<WebRequest, Answer> answer)
    {
        HttpClient.DefaultProxy = new WebProxy(); // none, whatever the environment says
        _answer = answer;
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    /// <summary>All requests so far.</summary>
    public WebRequest[] Requests => [.. _requests];

    public void Dispose() => _listener.Dispose();

    private void Accept()
    {
        try
        {
            while (true)
            {
                Socket socket = _listener.AcceptSocket();
                new Thread(() => Serve(socket)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private void Serve(Socket socket)
    {
        using Socket connection = socket;
        try
        {
            using var reader = new StreamReader(new NetworkStream(connection), Encoding.ASCII);
            if (reader.ReadLine() is not { } first) return;
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            while (reader.ReadLine() is { Length: > 0 } line) headers[line[..line.IndexOf(':')]] = line[(line.IndexOf(':') + 1)..].Trim();
            var request = new WebRequest(first.Split(' ')[1], headers);
            _requests.Enqueue(request);
            _answer(request, new Answer(connection));
            connection.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            // The client has gone.
        }
    }
}
