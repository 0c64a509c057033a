using System.Net.Http.Headers;
using System.Text.Json;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Pull;

/// <summary>Models in repositories of Hugging Face. Which file of a repository is meant is decided as llama.cpp's -hf does.</summary>
internal static class HuggingFace
{
    private const string StandardQuant = "Q4_K_M";
    private const int MaxListBytes = 16 << 20, MaxPages = 100, ShownNames = 12;

    private sealed record Entry(string Path, long? Size, string? Sha256)
    {
        public string FileName => Path[(Path.LastIndexOf('/') + 1)..];
    }

    /// <summary>OWNER/REPO[:QUANT], where QUANT may be a file's name as well; null: it is written otherwise.</summary>
    public static Source? Source(string text, Uri host)
    {
        string[] halves = text.Split(':', 2), names = halves[0].Split('/');
        if (names.Length != 2 || !names.All(Pull.Source.IsPlain) || halves is [_, ""]) return null;
        string? quant = halves.Length == 2 ? halves[1] : null;
        return new Source($"hf:{text}", $"hf:{halves[0]}", (web, cancellation) => Look(web, host, halves[0], quant, cancellation));
    }

    /// <summary>The repository or the file that a page of the site is about; null: it is no such page.</summary>
    public static Source? OfPage(Uri url, Uri host)
    {
        if (!host.IsBaseOf(url)) return null;
        string[] names = host.MakeRelativeUri(url).OriginalString.Split('?')[0].TrimEnd('/').Split('/');
        return names switch
        {
            [_, var name] when name.EndsWith(ModelName.Ending, StringComparison.OrdinalIgnoreCase) => null,
            [_, _] or [_, _, "tree", ..] => Source($"{names[0]}/{names[1]}", host),
            [_, _, "blob", _, _, ..] => FileUrl.Source(new Uri(host, string.Join('/', [names[0], names[1], "resolve", .. names[3..]]))),
            _ => null,
        };
    }

    private static async Task<Offer> Look(Web web, Uri host, string repository, string? quant, CancellationToken cancellation)
    {
        List<Entry> models = [.. (await List(web, host, repository, cancellation)).Where(IsModel).OrderBy(entry => entry.Path, StringComparer.Ordinal)];
        Entry chosen = Choose(models, quant) ?? throw new UsageException(models.Count == 0
            ? $"hf:{repository}: expected GGUF files, found none (edge-llm convert makes one of a model's original files)"
            : $"hf:{repository}: no file for {quant}; there are: {string.Join(", ", models.Take(ShownNames).Select(entry => entry.FileName))}"
                + (models.Count > ShownNames ? $" and {models.Count - ShownNames} more" : ""));
        return new Offer(ModelName.Of(chosen.FileName), [.. Parts(models, chosen).Select(entry => new RemoteFile(Url(host, repository, entry.Path), entry.Size, entry.Sha256))]);
    }

    private static Entry? Choose(List<Entry> models, string? quant)
    {
        IEnumerable<Entry> first = models.Where(entry => ModelName.Part(ModelName.WithoutEnding(entry.Path)) is not { Number: > 1 });
        if (quant is null) return first.FirstOrDefault(entry => Has(entry.Path, StandardQuant)) ?? first.FirstOrDefault();
        return quant.EndsWith(ModelName.Ending, StringComparison.OrdinalIgnoreCase)
            ? models.Find(entry => entry.Path.Equals(quant, StringComparison.OrdinalIgnoreCase) || entry.FileName.Equals(quant, StringComparison.OrdinalIgnoreCase))
            : first.FirstOrDefault(entry => Has(entry.Path, quant));
    }

    private static IEnumerable<Entry> Parts(List<Entry> models, Entry chosen)
    {
        if (ModelName.Part(ModelName.WithoutEnding(chosen.Path)) is not { } part) return [chosen];
        return Enumerable.Range(0, part.Count).Select(number => GgufSplitter.PartPath(part.Name, number, part.Count)).Select(path =>
            models.Find(entry => entry.Path == path) ?? throw new PullException($"{chosen.Path}: expected {part.Count} parts, found no {path}"));
    }

    // The quant as a word of its own: Q4_K is not in Q4_K_M, and Q4_XS is not in IQ4_XS.
    private static bool Has(string path, string quant)
    {
        for (int at = 0; (at = path.IndexOf(quant, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
            if ((at == 0 || path[at - 1] is '-' or '.' or '/' or '_') && at + quant.Length < path.Length && path[at + quant.Length] is '-' or '.' or '/') return true;
        return false;
    }

    // A path that climbs is no file of the repository; projectors of images and importance matrices are no models.
    private static bool IsModel(Entry entry) =>
        entry.Path.EndsWith(ModelName.Ending, StringComparison.OrdinalIgnoreCase)
        && entry.Path.Split('/').All(name => name is not ("" or "." or "..")) && !entry.Path.Any(c => char.IsControl(c) || c == '\\')
        && !entry.FileName.Contains("mmproj", StringComparison.OrdinalIgnoreCase) && !entry.FileName.Contains("imatrix", StringComparison.OrdinalIgnoreCase);

    private static Uri Url(Uri host, string repository, string path) =>
        new(host, $"{repository}/resolve/main/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    private static async Task<List<Entry>> List(Web web, Uri host, string repository, CancellationToken cancellation)
    {
        var entries = new List<Entry>();
        Uri? url = new(host, $"api/models/{repository}/tree/main?recursive=true");
        for (int page = 0; url is not null && page < MaxPages; page++)
        {
            (byte[] bytes, HttpResponseHeaders headers) = await web.GetBytes(url, MaxListBytes, cancellation);
            entries.AddRange(JsonAnswer.Read(url, bytes, root => root.EnumerateArray().Where(IsFile).Select(ReadEntry).ToArray()));
            url = NextPage(url, headers);
            if (url is not null && !host.IsBaseOf(url)) throw new PullException($"{host.Host}: expected the list of files to go on there, found {url.Host}");
        }
        return entries;
    }

    private static bool IsFile(JsonElement entry) => JsonAnswer.Text(entry, "type") == "file";

    private static Entry ReadEntry(JsonElement entry)
    {
        bool large = entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object;
        string? hash = large ? JsonAnswer.Text(lfs, "oid").Replace("sha256:", "", StringComparison.Ordinal) : null;
        return new Entry(JsonAnswer.Text(entry, "path"), (large ? lfs : entry).GetProperty("size").GetInt64(),
            hash is not null && RemoteFile.IsSha256(hash) ? hash.ToLowerInvariant() : null);
    }

    // Link: <URL>; rel="next"
    private static Uri? NextPage(Uri url, HttpResponseHeaders headers)
    {
        if (!headers.TryGetValues("Link", out IEnumerable<string>? links)) return null;
        string? next = links.SelectMany(link => link.Split(',')).FirstOrDefault(link => link.Contains("rel=\"next\"", StringComparison.Ordinal));
        return next is not null && next.IndexOf('<') is >= 0 and var start && next.IndexOf('>') is var end && end > start
            && Uri.TryCreate(url, next[(start + 1)..end], out Uri? page) ? page : null;
    }
}
