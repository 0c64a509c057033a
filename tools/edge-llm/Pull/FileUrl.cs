using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Pull;

/// <summary>A model at a URL of its own; of a split one any part.</summary>
internal static class FileUrl
{
    public static Source Source(Uri url)
    {
        string text = Web.Shown(url);
        // Hashed with its URL: no table of hashes tells a short one.
        return new Source(text, text, (web, cancellation) => Look(web, url, cancellation), url.Query.Length > 0 ? ShortHash(text + url.Query) : null);
    }

    private static string ShortHash(string text)
    {
        var hash = new Sha256();
        hash.Append(Encoding.UTF8.GetBytes(text));
        return hash.Finish()[..16];
    }

    private static async Task<Offer> Look(Web web, Uri url, CancellationToken cancellation)
    {
        var files = new List<RemoteFile>();
        foreach (Uri part in Parts(url)) files.Add(await Ask(web, part, cancellation));
        return new Offer(ModelName.Of(Uri.UnescapeDataString(url.Segments[^1])), files);
    }

    private static IEnumerable<Uri> Parts(Uri url)
    {
        string last = url.Segments[^1], name = ModelName.WithoutEnding(last);
        if (ModelName.Part(name) is not { } part) return [url];
        return Enumerable.Range(0, part.Count).Select(number => new UriBuilder(url)
        {
            Path = url.AbsolutePath[..^last.Length] + GgufSplitter.PartPath(part.Name, number, part.Count),
        }.Uri);
    }

    // The answer's headers; not every server answers HEAD.
    private static async Task<RemoteFile> Ask(Web web, Uri url, CancellationToken cancellation)
    {
        string? hash = null;
        long? size = null;
        using HttpResponseMessage response = await web.Get(url, cancellation, request => request.Headers.Range = new RangeHeaderValue(0, 0), answer =>
        {
            // Hugging Face tells the hash before it sends to where the file lies.
            if (hash is null && One(answer.Headers, "X-Linked-ETag")?.Trim('"') is { } tag && RemoteFile.IsSha256(tag)) hash = tag.ToLowerInvariant();
            string? told = One(answer.Headers, "X-Linked-Size");
            if (size is null && long.TryParse(told, NumberStyles.None, CultureInfo.InvariantCulture, out long linked)) size = linked;
        });
        size ??= response.StatusCode == HttpStatusCode.OK ? response.Content.Headers.ContentLength : response.Content.Headers.ContentRange?.Length;
        return new RemoteFile(url, size, hash, Download.VersionOf(response));
    }

    private static string? One(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out IEnumerable<string>? values) ? values.First() : null;
}
