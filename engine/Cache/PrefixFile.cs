using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Memory;
using Edge.Llm.Ops;

namespace Edge.Llm.Cache;

/// <summary>What the cache holds of 64 tokens of a text, as a file.</summary>
/// <remarks>Little-endian: the header; all tokens of the text up to the end of the block, int32; the block of each pool that the header names;
/// XxHash3 of all that. A file is not trusted: it may be damaged, of another text or model, or hold numbers that are not finite.</remarks>
internal static unsafe class PrefixFile
{
    private const ulong Magic = 0x3158_4650_4D4C_4C45; // "ELLMPFX1"
    private const int BufferBytes = 1 << 16;

    /// <summary>Which model, text and blocks a file is of.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    public struct Header
    {
        public ulong Signature;
        public ulong Model;
        public UInt128 Layout;
        public UInt128 Salt;
        public int Arithmetic;
        public int Tokens;
        public ulong Pools; // a bit for each pool whose block is there

        /// <summary>The header of a text that has no tokens yet.</summary>
        public static Header Of(PrefixRoot root, ulong model, int arithmetic, CacheLayout layout) => new()
        {
            Signature = Magic, Model = root.Adapters.Fingerprint(model), Layout = Describe(layout), Arithmetic = arithmetic,
            Salt = XxHash128.HashToUInt128(MemoryMarshal.AsBytes(root.Salt.AsSpan())),
        };
    }

    /// <summary>The pools whose blocks a file has, a bit each; 0 if there is no such file, or not one of this text.</summary>
    public static ulong Peek(string path, Header expected, ReadOnlySpan<int> text)
    {
        try
        {
            if (!File.Exists(path)) return 0;
            using FileStream file = RegularFile.OpenRead(path);
            return IsOf(file, expected, text, out ulong pools, new XxHash3()) ? pools : 0;
        }
        catch (Exception e) when (e is IOException or EdgeLlmException)
        {
            return 0; // another process has just deleted it, say
        }
    }

    /// <summary>Writes a file, which appears under its name when it is complete.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="header">What it is of.</param>
    /// <param name="text">The text.</param>
    /// <param name="layout">The cache's layout.</param>
    /// <param name="blocks">The block of each pool; 0: none.</param>
    public static void Write(string path, Header header, ReadOnlySpan<int> text, CacheLayout layout, nint[] blocks)
    {
        using AtomicFile file = AtomicFile.Create(path);
        var hash = new XxHash3();
        void Write(ReadOnlySpan<byte> bytes)
        {
            hash.Append(bytes);
            file.Stream.Write(bytes);
        }

        Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Header>(ref header)));
        Write(MemoryMarshal.AsBytes(text));
        for (int pool = 0; pool < blocks.Length; pool++)
            if (blocks[pool] != 0) Write(new ReadOnlySpan<byte>((void*)blocks[pool], (int)Bytes(layout, pool)));
        file.Stream.Write(BitConverter.GetBytes(hash.GetCurrentHashAsUInt64()));
        file.Complete();
    }

    /// <summary>Reads blocks of a file. Those that cannot be trusted are zeros then.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="expected">What it must be of.</param>
    /// <param name="text">The text.</param>
    /// <param name="layout">The cache's layout.</param>
    /// <param name="into">Where the block of each pool goes; 0: nowhere.</param>
    /// <returns>Whether the file is whole and of this text.</returns>
    public static bool Read(string path, Header expected, ReadOnlySpan<int> text, CacheLayout layout, nint[] into)
    {
        bool good = false;
        try
        {
            using FileStream file = RegularFile.OpenRead(path);
            good = TryRead(file, expected, text, layout, into);
        }
        finally
        {
            for (int pool = 0; pool < into.Length && !good; pool++)
                if (into[pool] != 0) new Span<byte>((void*)into[pool], (int)Bytes(layout, pool)).Clear();
        }
        return good;
    }

    private static bool TryRead(FileStream file, Header expected, ReadOnlySpan<int> text, CacheLayout layout, nint[] into)
    {
        var hash = new XxHash3();
        if (!IsOf(file, expected, text, out ulong pools, hash)) return false;
        var skipped = new byte[BufferBytes];
        for (int pool = 0; pool < into.Length; pool++)
        {
            if ((pools & (1UL << pool)) == 0) continue;
            for (long left = Bytes(layout, pool), at = 0; left > 0;)
            {
                int part = (int)Math.Min(left, into[pool] == 0 ? skipped.Length : int.MaxValue);
                Span<byte> to = into[pool] == 0 ? skipped.AsSpan(0, part) : new Span<byte>((byte*)into[pool] + at, part);
                if (file.ReadAtLeast(to, part, throwOnEndOfStream: false) < part) return false;
                hash.Append(to);
                left -= part;
                at += part;
            }
        }
        ulong found = 0;
        Span<byte> checksum = MemoryMarshal.AsBytes(new Span<ulong>(ref found));
        if (file.ReadAtLeast(checksum, checksum.Length, throwOnEndOfStream: false) < checksum.Length || found != hash.GetCurrentHashAsUInt64()) return false;
        for (int pool = 0; pool < into.Length; pool++)
            if (into[pool] != 0 && !AreFinite(layout, pool, (byte*)into[pool])) return false;
        return true;
    }

    private static bool IsOf(FileStream file, Header expected, ReadOnlySpan<int> text, out ulong pools, XxHash3 hash)
    {
        pools = 0;
        Unsafe.SkipInit(out Header header);
        Span<byte> start = MemoryMarshal.AsBytes(new Span<Header>(ref header));
        if (file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length) return false;
        hash.Append(start);
        pools = header.Pools;
        (expected.Tokens, expected.Pools) = (text.Length, header.Pools);
        if (!header.Equals(expected)) return false;
        var tokens = new int[text.Length];
        Span<byte> bytes = MemoryMarshal.AsBytes(tokens.AsSpan());
        if (file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) return false;
        hash.Append(bytes);
        return text.SequenceEqual(tokens);
    }

    private static bool AreFinite(CacheLayout layout, int pool, byte* block)
    {
        if (pool == layout.Groups.Length) return Finite.All((float*)block, (int)(layout.StateBytes / sizeof(float)));
        bool finite = true;
        KvShape shape = layout.Groups[pool].Shape;
        for (int il = 0; il < shape.Layers; il++)
        {
            KvLayer layer = shape.Layer(pool, il);
            finite &= KvFormat.All[(int)layer.KeyType].AreFinite(new ReadOnlySpan<byte>(block + layer.KeyOffset, layer.Heads * (int)layer.KeyHeadBytes));
            if (!layer.ValuesInKeys)
                finite &= KvFormat.All[(int)layer.ValueType].AreFinite(new ReadOnlySpan<byte>(block + layer.ValueOffset, layer.Heads * (int)layer.ValueHeadBytes));
        }
        return finite;
    }

    private static long Bytes(CacheLayout layout, int pool) => pool < layout.Groups.Length ? layout.Groups[pool].Shape.BlockBytes : layout.StateBytes;

    private static UInt128 Describe(CacheLayout layout)
    {
        var hash = new XxHash128();
        foreach (CacheLayout.Group group in layout.Groups)
        {
            KvRows rows = group.Shape.Rows;
            hash.Append(MemoryMarshal.AsBytes<int>([group.Shape.Layers, rows.Heads, rows.KeyDim, rows.ValueDim, rows.Window, rows.ValuesInKeys ? 1 : 0]));
        }
        hash.Append(MemoryMarshal.AsBytes<long>([(long)layout.Size.TypeK, (long)layout.Size.TypeV, layout.StateBytes]));
        return hash.GetCurrentHashAsUInt128();
    }
}
