using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Edge.Llm.Cli.Pull;

/// <summary>One file that comes over the network, and goes on where it was broken off, be it by another process: what is there of it lies under
/// its path, and a small file beside it says of what version it is.</summary>
internal sealed class Download(Web web, RemoteFile file, string path, Action<long> progress)
{
    private static readonly byte[] s_magic = "GGUF"u8.ToArray();
    private readonly byte[] _buffer = new byte[1 << 18];
    private Sha256 _hash = new();
    private long _hashed;

    /// <summary>How many bytes there are.</summary>
    public long Length { get; private set; }

    private string VersionPath => path + ".version";

    /// <summary>Fetches what is missing; its hash.</summary>
    /// <exception cref="PullException">The server breaks off, or sends something else.</exception>
    /// <exception cref="IOException">The disk is full.</exception>
    public async Task<string> Run(CancellationToken cancellation)
    {
        try
        {
            return await GoOn(cancellation);
        }
        finally
        {
            // Of what is no model, or never came, nothing stays.
            if (new FileInfo(path) is { Exists: true, Length: 0 })
            {
                File.Delete(path);
                File.Delete(VersionPath);
            }
        }
    }

    private async Task<string> GoOn(CancellationToken cancellation)
    {
        using var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        string? version = File.Exists(VersionPath) ? File.ReadAllText(VersionPath) : null;
        // What cannot be told from another version is fetched again.
        if (version is null || version != (file.Sha256 ?? file.Version) || stream.Length > (file.Size ?? long.MaxValue)) Restart(stream);
        bool resumed = stream.Length > _hashed;
        CatchUp(stream, cancellation);
        if (file.Size is not { } size || stream.Length < size) await Fetch(stream, version, cancellation);
        stream.Flush(flushToDisk: true);
        string hash = _hash.Finish();
        if (file.Sha256 is null || file.Sha256 == hash) return hash;
        Restart(stream);
        // What was there before may have been damaged.
        throw new PullException($"{Web.Shown(file.Url)}: expected SHA-256 {file.Sha256}, found {hash}", mayPass: resumed);
    }

    private async Task Fetch(FileStream stream, string? version, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await web.Get(file.Url, cancellation, request =>
        {
            if (stream.Length == 0) return;
            request.Headers.Range = new RangeHeaderValue(stream.Length, null);
            if (file.Sha256 is null) request.Headers.TryAddWithoutValidation("If-Range", version);
        });
        long? total = Begin(stream, version, response);
        if (total is { } known && file.Size is { } size && known != size)
            throw new PullException($"{Web.Shown(file.Url)}: expected {size} bytes, found {known}");
        total ??= file.Size;
        using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
        for (int read; (read = await web.Read(file.Url, body, _buffer, cancellation)) > 0;)
        {
            if (stream.Length + read > total) throw new PullException($"{Web.Shown(file.Url)}: expected {total} bytes, found more");
            CheckMagic(stream.Length, _buffer.AsSpan(0, read), response);
            Write(stream, _buffer.AsSpan(0, read));
            Hash(_buffer.AsSpan(0, read));
        }
        if (stream.Length < total)
            throw new PullException(FormattableString.Invariant($"{file.Url.Host}: broken off after {stream.Length} of {total} bytes"), mayPass: true);
    }

    // Where the answer begins; the size of the whole file if that is known.
    private long? Begin(FileStream stream, string? version, HttpResponseMessage response)
    {
        ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
        bool whole = response.StatusCode == HttpStatusCode.OK, same = file.Sha256 is not null || (VersionOf(response) ?? version) == version;
        if (response.StatusCode == HttpStatusCode.PartialContent && stream.Length > 0 && range?.From == stream.Length && same) return range.Length;
        Restart(stream); // the server has another version by now, or knows no ranges
        if (!whole) throw new PullException($"{file.Url.Host}: expected the rest of the file, found {(int)response.StatusCode} {range}", mayPass: true);
        if ((file.Sha256 ?? VersionOf(response)) is { } begun) File.WriteAllText(VersionPath, begun);
        return response.Content.Headers.ContentLength;
    }

    /// <summary>What tells this content from another of the same URL: an entity tag (no weak one), or else a date. Null: nothing does.</summary>
    public static string? VersionOf(HttpResponseMessage response) =>
        response.Headers.ETag is { IsWeak: false } tag ? tag.Tag : response.Content.Headers.LastModified?.ToString("R", CultureInfo.InvariantCulture);

    private void Write(FileStream stream, ReadOnlySpan<byte> bytes)
    {
        try
        {
            stream.Write(bytes);
        }
        catch (Exception e) when (AtomicFile.IsWriteFailure(e))
        {
            throw new IOException($"cannot write {path}: {e.Message}", e);
        }
    }

    private void Restart(FileStream stream)
    {
        stream.SetLength(0);
        File.Delete(VersionPath);
        (_hash, _hashed) = (new Sha256(), 0);
        Report();
    }

    private void CatchUp(FileStream stream, CancellationToken cancellation)
    {
        stream.Position = _hashed;
        for (int read; (read = stream.Read(_buffer)) > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            Hash(_buffer.AsSpan(0, read));
        }
    }

    private void Hash(ReadOnlySpan<byte> bytes)
    {
        _hash.Append(bytes);
        _hashed += bytes.Length;
        Report();
    }

    private void Report() => progress(Length = _hashed);

    // A page that says why there is no file should not be fetched in the place of one.
    private void CheckMagic(long position, ReadOnlySpan<byte> bytes, HttpResponseMessage response)
    {
        if (position >= s_magic.Length) return;
        ReadOnlySpan<byte> expected = s_magic.AsSpan((int)position);
        int count = Math.Min(expected.Length, bytes.Length);
        if (!bytes[..count].SequenceEqual(expected[..count]))
            throw new UsageException(
                $"{Web.Shown(file.Url)}: expected a GGUF file, found {response.Content.Headers.ContentType?.MediaType ?? "something else"}");
    }
}
