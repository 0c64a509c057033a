using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Pull;

/// <summary>Brings a model into the folder: it is there under its name when all of it is there, its hash is right and it is a GGUF file.</summary>
internal sealed class Puller(Web web, ModelFolder folder, Patience patience)
{
    /// <summary>How far it is: bytes that are there, and of how many; 0: nobody knows.</summary>
    public Action<long, long> Progress { get; init; } = (_, _) => { };

    /// <summary>Is told what begins.</summary>
    public Action<string> Announce { get; init; } = _ => { };

    /// <summary>Pulls a model, under its own name or another one.</summary>
    /// <returns>The model, and whether anything was fetched: it was not if the folder had it.</returns>
    /// <exception cref="PullException">The server fails.</exception>
    /// <exception cref="UsageException">There is no such model, or another one has the name.</exception>
    public async Task<(StoredModel Model, bool Fetched)> Pull(Source source, string? name, string? sha256, CancellationToken cancellation)
    {
        Offer offer = Checked(await patience.Try(() => source.Look(web, cancellation), () => 0, cancellation), sha256);
        name ??= offer.Name;
        using Staging staging = Staging.Open(folder, name);
        staging.FinishMove(folder);
        StoredModel? existing = folder.Named(name);
        name = existing?.Name ?? name; // two names that differ in case alone would be one file on many systems
        if (existing is not null && IsUpToDate(existing, offer, IsOf(existing, source))) return (existing, false);
        if (existing is not null && Same(existing, offer, cancellation) is { } same) return (Record(source, name, same, folder.RecordPath(name)), false);
        if (existing is not null && !IsOf(existing, source))
            throw new UsageException(
                $"there is a model {existing.Name} already, {(existing.Record is { } record ? $"from {record.Source}" : "of unknown origin")}: "
                + "--name NAME gives this one another name, edge-llm remove deletes that one");
        string[] names = [.. Enumerable.Range(0, offer.Files.Count).Select(number =>
            offer.Files.Count == 1 ? name + ModelName.Ending : GgufSplitter.PartPath(name, number, offer.Files.Count))];
        PulledFile[] files = await Fetch(offer, name, names, staging, cancellation);
        Check(names, staging);
        // Parts of two versions must not be taken for one model.
        if (existing is not null && (existing.Files.Count > 1 || names.Length > 1)) folder.Remove(existing);
        string recordName = Path.GetFileName(folder.RecordPath(name));
        StoredModel model = Record(source, name, files, staging.PathOf(recordName));
        staging.MoveTo(folder, [.. names, recordName]);
        return (model, true);
    }

    private static Offer Checked(Offer offer, string? sha256)
    {
        if (offer.Files.FirstOrDefault(file => file.Size < 0) is { } wrong) throw new PullException($"{Web.Shown(wrong.Url)}: a size of {wrong.Size} bytes");
        if (sha256 is null) return offer;
        if (offer.Files is not [var only]) throw new UsageException($"--sha256: expected one file, found {offer.Files.Count}");
        if (only.Sha256 is not null && only.Sha256 != sha256)
            throw new UsageException($"--sha256: expected {sha256}, found {only.Sha256}, by what {only.Url.Host} says");
        return offer with { Files = [only with { Sha256 = sha256 }] };
    }

    private async Task<PulledFile[]> Fetch(Offer offer, string name, string[] names, Staging staging, CancellationToken cancellation)
    {
        long total = offer.Files.All(file => file.Size is not null) ? offer.Files.Sum(file => file.Size!.Value) : 0;
        long left = total - names.Sum(file => File.Exists(staging.PathOf(file)) ? new FileInfo(staging.PathOf(file)).Length : 0);
        long free = new DriveInfo(folder.Path).AvailableFreeSpace;
        if (left > free) throw new UsageException($"{folder.Path}: expected room for {Bytes.Text(left)} more, found {Bytes.Text(free)}");
        Announce($"pulling {name}{(total > 0 ? $", {Bytes.Text(total)}," : "")} from {offer.Files[0].Url.Host}"
            + (left < total ? $"; {Bytes.Text(total - left)} of it are there already" : ""));
        var files = new PulledFile[names.Length];
        long before = 0;
        for (int i = 0; i < names.Length; i++)
        {
            var download = new Download(web, offer.Files[i], staging.PathOf(names[i]), done => Progress(before + done, total));
            string hash = await patience.Try(() => download.Run(cancellation), () => download.Length, cancellation);
            files[i] = new PulledFile(names[i], download.Length, hash, offer.Files[i].Sha256 is null ? offer.Files[i].Version : null);
            before += download.Length;
        }
        return files;
    }

    // What is no model is not worth going on with.
    private static void Check(string[] names, Staging staging)
    {
        try
        {
            using GgufFile file = GgufFile.Open(staging.PathOf(names[0]));
            if (file.PartCount != names.Length)
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{names[0]}: one of {file.PartCount} parts, pulled as {names.Length}");
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.InvalidFile)
        {
            staging.Clear();
            throw;
        }
    }

    private StoredModel Record(Source source, string name, PulledFile[] files, string path)
    {
        var record = new ModelRecord(source.Text, source.Query, DateTime.UtcNow, files);
        record.Write(path);
        return new StoredModel(name, [.. files.Select(file => Path.Combine(folder.Path, file.Name))], record);
    }

    private static bool IsOf(StoredModel model, Source source) =>
        model.Record is { } record && record.Query == source.Query
        && (record.Source == source.Origin || record.Source.StartsWith(source.Origin + ":", StringComparison.OrdinalIgnoreCase));

    // A version tells contents of one source apart, and of no two.
    private static bool IsUpToDate(StoredModel model, Offer offer, bool isOfSource) =>
        model.Record is { } record && record.Files.Count == offer.Files.Count && model.Files.Count == offer.Files.Count
        && Enumerable.Range(0, offer.Files.Count).All(i => IsUpToDate(model.Files[i], record.Files[i], offer.Files[i], isOfSource));

    private static bool IsUpToDate(string path, PulledFile pulled, RemoteFile offered, bool isOfSource) =>
        StoredModel.SizeOf(path) == pulled.Size && (offered.Size ?? pulled.Size) == pulled.Size
        && (offered.Sha256 is { } hash ? pulled.Sha256 == hash
            : isOfSource && offered.Version is { } version && pulled.Version == version);

    // The same bytes from elsewhere: a copy by hand, or another name of the same file. Null: they are others.
    private static PulledFile[]? Same(StoredModel model, Offer offer, CancellationToken cancellation)
    {
        if (model.Files.Count != offer.Files.Count) return null;
        var files = new PulledFile[model.Files.Count];
        for (int i = 0; i < files.Length; i++)
        {
            long size = StoredModel.SizeOf(model.Files[i]);
            if (offer.Files[i].Sha256 is not { } hash || offer.Files[i].Size != size || HashOf(model.Files[i], cancellation) != hash) return null;
            files[i] = new PulledFile(Path.GetFileName(model.Files[i]), size, hash, null);
        }
        return files;
    }

    private static string HashOf(string path, CancellationToken cancellation)
    {
        var hash = new Sha256();
        using FileStream file = File.OpenRead(path);
        byte[] buffer = new byte[1 << 18];
        for (int read; (read = file.Read(buffer)) > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.Append(buffer.AsSpan(0, read));
        }
        return hash.Finish();
    }
}
