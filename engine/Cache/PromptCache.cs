using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Cache;

/// <summary>Texts in a folder, a file for each block of 64 tokens, so that they need not be computed again after the process has ended. A file is
/// found by the hash of its chain, as in <see cref="PrefixIndex"/>; what stands in it decides. What cannot be read or written is computed.</summary>
internal sealed unsafe class PromptCache
{
    private const int BlockLength = AttentionArgs.BlockLength, NameLength = 32;
    private const string Extension = ".kv";

    private static readonly TimeSpan s_leftBehind = TimeSpan.FromMinutes(10); // an unfinished file that old is nobody's

    private readonly KvCache _cache;
    private readonly string _folder;
    private readonly long _maxBytes;
    private readonly ulong _model;
    private readonly int _arithmetic;

    /// <summary>The texts of a folder, which is made if need be.</summary>
    /// <param name="cache">The cache that they go to and come from.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="maxBytes">Bytes that the files may take: the ones used least recently are deleted.</param>
    /// <param name="model">Tells what computes them.</param>
    /// <param name="arithmetic">Version of the arithmetic.</param>
    /// <exception cref="EdgeLlmException">InvalidFile: the folder cannot be made. Unsupported: the cache has too many groups.</exception>
    public PromptCache(KvCache cache, string folder, long maxBytes, ulong model, int arithmetic)
    {
        (_cache, _folder, _maxBytes, _model, _arithmetic) = (cache, folder, maxBytes, model, arithmetic);
        if (cache.Pools.Length > 64) throw new EdgeLlmException(ErrorCode.Unsupported, $"a prompt cache of {cache.Pools.Length} kinds of rows: expected at most 64");
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"cannot make the folder {folder}: {e.Message}", e);
        }
    }

    /// <summary>What went wrong last, or null.</summary>
    public string? Warning { get; private set; }

    /// <summary>Reads what the files have of the beginning of a text, if that is more than this beginning of it that a sequence holds. The caller has
    /// acquired the sequence.</summary>
    /// <returns>Tokens read.</returns>
    public int Restore(Sequence sequence, ReadOnlySpan<int> tokens, CacheClaim? claim)
    {
        PrefixFile.Header header = PrefixFile.Header.Of(sequence.Root, _model, _arithmetic, _cache.Layout);
        List<string> paths = Paths(header, tokens);
        var there = new List<ulong>();
        while (there.Count < paths.Count && PrefixFile.Peek(paths[there.Count], header, tokens[..((there.Count + 1) * BlockLength)]) is > 0 and ulong pools) there.Add(pools);
        for (int blocks = there.Count; blocks * BlockLength > sequence.Length;)
        {
            if (!HasAll(there, blocks))
            {
                blocks--;
                continue;
            }
            int held = NeedsTheBeginning ? 0 : sequence.Length / BlockLength;
            int good = Load(sequence, header, tokens[..(blocks * BlockLength)], held, paths, claim);
            if (good == blocks)
            {
                Touch(paths[..blocks]);
                return (blocks - held) * BlockLength;
            }
            if (good < 0) return 0;
            blocks = good;
        }
        return 0;
    }

    /// <summary>Writes the full blocks of a sequence that no file has yet. The caller has acquired it.</summary>
    public void Save(Sequence sequence)
    {
        PrefixFile.Header header = PrefixFile.Header.Of(sequence.Root, _model, _arithmetic, _cache.Layout);
        List<string> paths = Paths(header, sequence.Tokens);
        try
        {
            bool wrote = false;
            for (int i = 0; i < paths.Count; i++)
            {
                Block?[] blocks = BlocksOf(sequence, i);
                header.Tokens = (i + 1) * BlockLength;
                header.Pools = 0;
                for (int pool = 0; pool < blocks.Length; pool++) if (blocks[pool] is not null) header.Pools |= 1UL << pool;
                ReadOnlySpan<int> text = sequence.Tokens[..header.Tokens];
                if (header.Pools == 0 || (PrefixFile.Peek(paths[i], header, text) & header.Pools) == header.Pools) continue;
                WriteFile(paths[i], header, text, blocks);
                wrote = true;
            }
            Touch(paths);
            if (wrote) Prune();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EdgeLlmException)
        {
            Warning = $"prompt cache: {e.Message}";
        }
    }

    // Windows and states are not read behind what a sequence holds, but with the whole text.
    private bool NeedsTheBeginning => _cache.States is not null || _cache.Layout.Groups.Any(group => group.Shape.Rows.Window < _cache.MaxLength);

    private bool HasAll(List<ulong> there, int blocks)
    {
        for (int pool = 0; pool < _cache.Pools.Length; pool++)
            for (int i = _cache.FirstNeeded(pool, blocks); i < blocks; i++)
                if ((there[i] & (1UL << pool)) == 0) return false;
        return true;
    }

    // The number of blocks if all are read; the index of a file that is damaged; -1 if there is no room.
    private int Load(Sequence sequence, PrefixFile.Header header, ReadOnlySpan<int> text, int held, List<string> paths, CacheClaim? claim)
    {
        int blocks = text.Length / BlockLength;
        sequence.TrimTo(held * BlockLength);
        for (int group = 0; group < _cache.Groups.Length && held == 0; group++) sequence.Table(group).SkipTo(_cache.FirstNeeded(group, blocks));
        bool loaded = false;
        try
        {
            if (claim?.FitsWith(sequence, text.Length - sequence.Length) is false) return -1;
            sequence.Reserve(text.Length - sequence.Length);
            for (int i = held; i < blocks; i++)
            {
                if (ReadFile(paths[i], header, text[..((i + 1) * BlockLength)], sequence, blocks)) continue;
                Warning = $"prompt cache: {paths[i]} is damaged: its text is computed again";
                File.Delete(paths[i]);
                return i;
            }
            sequence.Commit(text[(held * BlockLength)..]);
            loaded = true;
            return blocks;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EdgeLlmException)
        {
            Warning = $"prompt cache: {e.Message}";
            return -1;
        }
        finally
        {
            if (!loaded) sequence.Unreserve();
        }
    }

    private void WriteFile(string path, PrefixFile.Header header, ReadOnlySpan<int> text, Block?[] blocks)
    {
        AlignedBuffer?[] images = Images(pool => blocks[pool] is not null);
        try
        {
            nint[] from = [.. blocks.Select((block, pool) => block is null ? 0 : (nint)_cache.Pools[pool].Parts.Read(block, images[pool]))];
            PrefixFile.Write(path, header, text, _cache.Layout, from);
        }
        finally
        {
            foreach (AlignedBuffer? image in images) image?.Dispose();
        }
    }

    // Reads a file into the blocks that its text's last tokens lie in; of a text of this many blocks not all are needed.
    private bool ReadFile(string path, PrefixFile.Header header, ReadOnlySpan<int> text, Sequence sequence, int blocks)
    {
        int index = (text.Length / BlockLength) - 1;
        bool IsNeeded(int pool) => index >= _cache.FirstNeeded(pool, blocks);
        AlignedBuffer?[] images = Images(IsNeeded);
        try
        {
            nint[] into = [.. images.Select((image, pool) => !IsNeeded(pool) ? 0 : image is not null ? (nint)image.Data : AddressOf(sequence, pool, index))];
            if (!PrefixFile.Read(path, header, text, _cache.Layout, into)) return false;
            for (int pool = 0; pool < images.Length; pool++)
                if (images[pool] is { } image) _cache.Pools[pool].Parts.Write(sequence.Table(pool)[index]!, image);
            return true;
        }
        finally
        {
            foreach (AlignedBuffer? image in images) image?.Dispose();
        }
    }

    private AlignedBuffer?[] Images(Func<int, bool> isNeeded) =>
        [.. Enumerable.Range(0, _cache.Pools.Length).Select(pool => isNeeded(pool) ? _cache.Pools[pool].Parts.NewImage() : null)];

    private Block?[] BlocksOf(Sequence sequence, int index) =>
        [.. Enumerable.Range(0, _cache.Pools.Length).Select(pool => pool < _cache.Groups.Length ? sequence.Table(pool)[index] : sequence.StateAt((index + 1) * BlockLength))];

    private nint AddressOf(Sequence sequence, int pool, int index) =>
        pool < _cache.Groups.Length ? (nint)sequence.Table(pool).Addresses[index] : (nint)sequence.NextState;

    private List<string> Paths(PrefixFile.Header header, ReadOnlySpan<int> tokens)
    {
        var paths = new List<string>();
        (header.Tokens, header.Pools) = (0, 0);
        UInt128 hash = XxHash128.HashToUInt128(MemoryMarshal.AsBytes(new ReadOnlySpan<PrefixFile.Header>(ref header)));
        for (; tokens.Length >= BlockLength; tokens = tokens[BlockLength..])
        {
            hash = PrefixIndex.Hash(hash, tokens[..BlockLength]);
            paths.Add(Path.Combine(_folder, hash.ToString("x32", CultureInfo.InvariantCulture) + Extension));
        }
        return paths;
    }

    // Of one text the end is deleted before the beginning.
    private static void Touch(List<string> paths)
    {
        DateTime now = DateTime.UtcNow;
        for (int i = 0; i < paths.Count; i++)
            try
            {
                File.SetLastWriteTimeUtc(paths[i], now.AddMilliseconds(-i));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return; // another process has deleted it, or the folder can only be read
            }
    }

    private void Prune()
    {
        FileInfo[] files = [.. new DirectoryInfo(_folder).EnumerateFiles().Where(IsOurs).OrderByDescending(file => file.LastWriteTimeUtc)];
        long bytes = 0;
        foreach (FileInfo file in files)
        {
            bool finished = file.Extension == Extension;
            if (finished) bytes += file.Length;
            if (finished ? bytes > _maxBytes : DateTime.UtcNow - file.LastWriteTimeUtc > s_leftBehind) file.Delete();
        }
    }

    private static bool IsOurs(FileInfo file) =>
        file.Name.Length >= NameLength + Extension.Length && file.Name.AsSpan(NameLength).StartsWith(Extension)
        && file.Name.Take(NameLength).All(char.IsAsciiHexDigitLower);
}
