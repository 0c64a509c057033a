using System.Security.Cryptography;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Tests.Pull;

/// <summary>A folder of models, and pulls into it that wait for nothing.</summary>
internal sealed class PullFixture : IDisposable
{
    public PullFixture(string? folder = null) => Folder = new ModelFolder(folder ?? Directory.CreateTempSubdirectory().FullName);

    public ModelFolder Folder { get; }

    public Patience Patience { get; init; } = new() { Attempts = 3, FirstWait = TimeSpan.Zero, Silence = TimeSpan.FromSeconds(60) };

    /// <summary>Everything in the folder but the folders.</summary>
    public string[] Files => [.. Directory.EnumerateFiles(Folder.Path, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Folder.Path, file)).Order()];

    /// <summary>What is told before bytes come.</summary>
    public List<string> Announced { get; } = [];

    public void Dispose() => Directory.Delete(Folder.Path, recursive: true);

    /// <summary>Pulls from a server that is every host in one.</summary>
    public (StoredModel Model, bool Fetched) Pull(Uri server, string source, string? name = null, string? sha256 = null, string? token = null,
        Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        using var web = new Web(Patience, server, token);
        return new Puller(web, Folder, Patience) { Progress = progress ?? ((_, _) => { }), Announce = Announced.Add }
            .Pull(Source.Parse(source, new Hosts(server, server)), name, sha256, cancellation).GetAwaiter().GetResult();
    }

    /// <summary>A model file of about so many bytes, with random weights.</summary>
    public static byte[] Model(int bytes = 200_000, int seed = 1)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", "llama");
        writer.AddMetadata("general.file_type", 7);
        writer.AddTensor("token_embd.weight", GgmlType.F32, 32, bytes / 128);
        using var stream = new MemoryStream();
        writer.WriteTo(stream, (tensor, output) =>
        {
            byte[] data = new byte[tensor.Bytes];
            new Random(seed).NextBytes(data);
            output.Write(data);
        });
        return stream.ToArray();
    }

    public static string Hash(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file));
}
