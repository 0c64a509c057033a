using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Cache;

/// <summary>A sequence as bytes: its tokens, and what the layers remember of them, so that it can go on elsewhere without being computed
/// again.</summary>
/// <remarks>Little-endian: a <see cref="Header"/>; a <see cref="GroupHeader"/> for each cache group; the tokens, int32; for each group, each
/// block that is held, layer, K and V, and head the rows of the positions in use; the state; XxHash3 of all that. Saved states are not
/// trusted: a row that is not finite would spread through the cache.</remarks>
internal sealed unsafe class SequenceState(ulong model, int arithmetic, int vocabSize)
{
    private const ulong Magic = 0x3251_4553_4D4C_4C45; // "ELLMSEQ2"

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Header
    {
        public ulong Magic;
        public ulong Model;
        public int Arithmetic;
        public int Tokens;
        public int KeyType, ValueType;
        public int Groups;
        public long StateBytes;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct GroupHeader
    {
        public int Layers, Heads, KeyDim, ValueDim, Window;
        public int FirstBlock; // the blocks before it lie behind the window
    }

    /// <summary>Bytes that <see cref="Save"/> writes.</summary>
    public static long Bytes(Sequence sequence)
    {
        long bytes = sizeof(Header) + (sequence.Length * (long)sizeof(int)) + StateBytes(sequence) + sizeof(ulong);
        for (int group = 0; group < sequence.Layout.Groups.Length; group++)
        {
            long positions = sequence.Length - ((long)First(sequence, group) * AttentionArgs.BlockLength);
            bytes += sizeof(GroupHeader) + (positions * (sequence.Layout.Groups[group].Shape.BlockBytes / AttentionArgs.BlockLength));
        }
        return bytes;
    }

    /// <summary>Writes a sequence.</summary>
    public void Save(Sequence sequence, Stream output)
    {
        var hash = new XxHash3();
        void Write(ReadOnlySpan<byte> bytes)
        {
            hash.Append(bytes);
            output.Write(bytes);
        }

        Header header = Describe(sequence, sequence.Length);
        Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Header>(ref header)));
        for (int group = 0; group < header.Groups; group++)
        {
            GroupHeader groupHeader = Describe(sequence.Layout.Groups[group].Shape.Rows, sequence.Layout.Groups[group].Shape.Layers, First(sequence, group));
            Write(MemoryMarshal.AsBytes(new ReadOnlySpan<GroupHeader>(ref groupHeader)));
        }
        Write(MemoryMarshal.AsBytes(sequence.Tokens));
        for (int group = 0; group < header.Groups; group++)
        {
            using AlignedBuffer? image = sequence.Table(group).Parts.NewImage();
            for (int block = First(sequence, group); block < KvShape.Blocks(sequence.Length); block++)
            {
                byte* whole = sequence.Table(group).Parts.Read(sequence.Table(group)[block]!, image);
                foreach (Rows rows in RowsOf(sequence.Layout, group, Used(sequence.Length, block)))
                    Write(new ReadOnlySpan<byte>(whole + rows.Offset, rows.Bytes));
            }
        }
        Write(new ReadOnlySpan<byte>(sequence.State, (int)StateBytes(sequence)));
        ulong checksum = hash.GetCurrentHashAsUInt64();
        output.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(ref checksum)));
    }

    /// <summary>Replaces what a sequence holds. After an error it is empty.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: damaged. InvalidArgument: of another model, adapter or cache type. Unsupported: of another
    /// version. ContextFull, OutOfMemory.</exception>
    public void Load(Sequence sequence, Stream input)
    {
        sequence.TrimTo(0);
        var hash = new XxHash3();
        void Read(Span<byte> bytes)
        {
            if (input.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw Damaged("it ends early");
            hash.Append(bytes);
        }

        Unsafe.SkipInit(out Header header);
        Read(MemoryMarshal.AsBytes(new Span<Header>(ref header)));
        Check(header, sequence);
        int[] first = new int[header.Groups];
        for (int group = 0; group < first.Length; group++)
        {
            Unsafe.SkipInit(out GroupHeader found);
            Read(MemoryMarshal.AsBytes(new Span<GroupHeader>(ref found)));
            KvShape shape = sequence.Layout.Groups[group].Shape;
            if (!found.Equals(Describe(shape.Rows, shape.Layers, found.FirstBlock))) throw Other("cache type");
            if (found.FirstBlock < 0 || found.FirstBlock > KvShape.FirstSeen(header.Tokens, shape.Rows.Window)) throw Damaged($"first block {found.FirstBlock}");
            first[group] = found.FirstBlock;
        }
        var tokens = new int[header.Tokens];
        Read(MemoryMarshal.AsBytes(tokens.AsSpan()));
        foreach (int token in tokens)
            if ((uint)token >= (uint)vocabSize) throw Damaged($"token {token}: expected 0 to {vocabSize - 1}");

        for (int group = 0; group < first.Length; group++) sequence.Table(group).SkipTo(first[group]);
        try
        {
            sequence.Reserve(tokens.Length);
            for (int group = 0; group < first.Length; group++)
            {
                using AlignedBuffer? image = sequence.Table(group).Parts.NewImage();
                for (int block = first[group]; block < KvShape.Blocks(tokens.Length); block++)
                {
                    byte* whole = image is null ? sequence.Table(group).Addresses[block] : image.Data;
                    foreach (Rows rows in RowsOf(sequence.Layout, group, Used(tokens.Length, block)))
                        ReadFinite(new Span<byte>(whole + rows.Offset, rows.Bytes), rows.Type);
                    sequence.Table(group).Parts.Write(sequence.Table(group)[block]!, image);
                }
            }
            ReadFinite(new Span<byte>(sequence.NextState, header.Tokens == 0 ? 0 : (int)header.StateBytes), KvType.F32);
            ulong expected = hash.GetCurrentHashAsUInt64(), found = 0;
            Read(MemoryMarshal.AsBytes(new Span<ulong>(ref found)));
            if (found != expected) throw Damaged($"checksum: expected {expected:x16}, found {found:x16}");
            sequence.CommitLoaded(tokens);
        }
        catch
        {
            sequence.TrimTo(0);
            throw;
        }

        void ReadFinite(Span<byte> bytes, KvType type)
        {
            Read(bytes);
            if (KvFormat.All[(int)type].AreFinite(bytes)) return;
            bytes.Clear(); // the block's next holder expects finite numbers in it
            throw Damaged("a key, value or state is not a finite number");
        }
    }

    private readonly record struct Rows(nint Offset, int Bytes, KvType Type);

    // Where the rows of every head lie in a block, of which this many positions are used.
    private static IEnumerable<Rows> RowsOf(CacheLayout layout, int group, int used)
    {
        KvShape shape = layout.Groups[group].Shape;
        for (int il = 0; il < shape.Layers; il++)
        {
            KvLayer layer = shape.Layer(group, il);
            int keyBytes = used * (int)layer.KeyStride, valueBytes = layer.ValuesInKeys ? 0 : used * (int)layer.ValueStride;
            for (int head = 0; head < layer.Heads; head++)
                yield return new Rows(layer.KeyOffset + (head * layer.KeyHeadBytes), keyBytes, layer.KeyType);
            for (int head = 0; head < layer.Heads && valueBytes > 0; head++)
                yield return new Rows(layer.ValueOffset + (head * layer.ValueHeadBytes), valueBytes, layer.ValueType);
        }
    }

    private static int First(Sequence sequence, int group) => sequence.Table(group).First;

    private static long StateBytes(Sequence sequence) => sequence.Length == 0 ? 0 : sequence.Layout.StateBytes;

    private static int Used(int length, int block) => Math.Min(AttentionArgs.BlockLength, length - (block * AttentionArgs.BlockLength));

    private Header Describe(Sequence sequence, int tokens) => new()
    {
        Magic = Magic, Model = sequence.PassAdapters.Fingerprint(model), Arithmetic = arithmetic, Tokens = tokens,
        KeyType = (int)sequence.Layout.Size.TypeK, ValueType = (int)sequence.Layout.Size.TypeV,
        Groups = sequence.Layout.Groups.Length, StateBytes = sequence.Layout.StateBytes,
    };

    private static GroupHeader Describe(KvRows rows, int layers, int firstBlock) => new()
    {
        Layers = layers, Heads = rows.Heads, KeyDim = rows.KeyDim, ValueDim = rows.ValueDim, Window = rows.Window, FirstBlock = firstBlock,
    };

    private void Check(Header found, Sequence sequence)
    {
        Header own = Describe(sequence, found.Tokens);
        if (found.Magic != own.Magic) throw Damaged($"magic {found.Magic:x16}, expected {own.Magic:x16}");
        if (found.Arithmetic != own.Arithmetic)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"a saved sequence of arithmetic version {found.Arithmetic}, expected {own.Arithmetic}");
        if (found.Model != own.Model) throw Other("model, with other adapters, or of a device that is not exact");
        if (!found.Equals(own)) throw Other("cache type");
        if (found.Tokens < 0) throw Damaged($"{found.Tokens} tokens");
        if (found.Tokens > sequence.MaxLength)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"a saved sequence of {found.Tokens} tokens does not fit the context of {sequence.MaxLength}");
    }

    private static EdgeLlmException Damaged(string why) => new(ErrorCode.InvalidFile, $"a saved sequence is damaged: {why}");

    private static EdgeLlmException Other(string what) => new(ErrorCode.InvalidArgument, $"a saved sequence of another {what}");
}
