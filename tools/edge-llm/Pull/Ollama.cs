using System.Text.Json;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Pull;

/// <summary>Models of Ollama's registry, or of one that speaks like it.</summary>
internal static class Ollama
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json", ModelType = "application/vnd.ollama.image.model";
    private const string DigestStart = "sha256:", Latest = "latest";
    private const int MaxManifestBytes = 4 << 20;

    /// <summary>[OWNER/]NAME[:TAG]; null: it is written otherwise.</summary>
    public static Source? Source(string text, Uri host)
    {
        string[] halves = text.Split(':', 2), names = halves[0].Split('/');
        string tag = halves.Length == 2 ? halves[1] : Latest;
        if (names.Length > 2 || !names.Append(tag).All(Pull.Source.IsPlain)) return null;
        string canonical = tag == Latest ? halves[0] : $"{halves[0]}:{tag}";
        string path = names.Length == 1 ? $"library/{names[0]}" : halves[0], name = tag == Latest ? names[^1] : $"{names[^1]}-{tag}";
        return new Source($"ollama:{canonical}", $"ollama:{canonical}", (web, cancellation) => Look(web, host, path, tag, ModelName.Of(name), cancellation));
    }

    private static async Task<Offer> Look(Web web, Uri host, string path, string tag, string name, CancellationToken cancellation)
    {
        Uri url = new(host, $"v2/{path}/manifests/{tag}");
        (byte[] bytes, _) = await web.GetBytes(url, MaxManifestBytes, cancellation, request => request.Headers.TryAddWithoutValidation("Accept", ManifestType));
        (string digest, long size) = JsonAnswer.Read(url, bytes, ModelLayer);
        if (!digest.StartsWith(DigestStart, StringComparison.Ordinal) || !RemoteFile.IsSha256(digest[DigestStart.Length..]))
            throw new PullException($"{Web.Shown(url)}: expected a digest sha256:..., found '{digest}'");
        return new Offer(name, [new RemoteFile(new Uri(host, $"v2/{path}/blobs/{digest}"), size, digest[DigestStart.Length..].ToLowerInvariant())]);
    }

    private static (string Digest, long Size) ModelLayer(JsonElement manifest)
    {
        foreach (JsonElement layer in manifest.GetProperty("layers").EnumerateArray())
            if (JsonAnswer.Text(layer, "mediaType") == ModelType) return (JsonAnswer.Text(layer, "digest"), layer.GetProperty("size").GetInt64());
        throw new FormatException($"no layer of type {ModelType}");
    }
}
