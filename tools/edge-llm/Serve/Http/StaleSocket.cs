using System.Net.Sockets;

namespace Edge.Llm.Cli.Serve.Http;

/// <summary>The file of a Unix socket whose process has died: nobody listens there, and nobody else could.</summary>
internal static class StaleSocket
{
    public static void Remove(string path)
    {
        if (!File.Exists(path) || new FileInfo(path).Length > 0) return; // a file that holds something is no socket
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
        }
    }
}
