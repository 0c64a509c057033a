using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Cache;

/// <summary>A sequence as bytes: its tokens, and their keys and values, so that it can go on elsewhere without being computed again.</summary>
/// <remarks>Little-endian: a <see cref="Header"/>; the tokens, int32; for each cache block, layer, K and V, and head the rows of the positions
/// in use; XxHash3 of all that. Saved states are not trusted: a row that is not finite would spread through the cache.</remarks>
internal sealed unsafe class SequenceState(ulong model, int arithmetic, int vocabSize)
{
    private const ulong Magic = 0x3151_4553_4D4C_4C45; // "ELLMSEQ1"

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Header
    {
        public ulong Magic;
        public ulong Model;
        public int Arithmetic;
        public int Tokens;
        public int Layers, Heads, KeyDim, ValueDim, KeyType, ValueType;
    }

    /// <summary>Bytes that <see cref="Save"/> writes.</summary>
    public static long Bytes(Sequence sequence) =>
        sizeof(Header) + (sequence.Length * (long)sizeof(int)) + (sequence.Length * (sequence.Shape.BlockBytes / AttentionArgs.BlockLength)) + sizeof(ulong);

    /// <summary>Writes a sequence.</summary>
    public void Save(Sequence sequence, Stream output)
    {
        var hash = new XxHash3();
        void Write(ReadOnlySpan<byte> bytes)
        {
            hash.Append(bytes);
            output.Write(bytes);
        }

        Header header = Describe(sequence.Shape, sequence.Length);
        Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Header>(ref header)));
        Write(MemoryMarshal.AsBytes(sequence.Tokens));
        for (int block = 0; block < KvShape.Blocks(sequence.Length); block++)
            foreach (Rows rows in RowsOf(sequence.Shape, Used(sequence.Length, block)))
                Write(new ReadOnlySpan<byte>(sequence.Blocks[block] + rows.Offset, rows.Bytes));
        ulong checksum = hash.GetCurrentHashAsUInt64();
        output.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(ref checksum)));
    }

    /// <summary>Replaces what a sequence holds. After an error it is empty.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: damaged. InvalidArgument: of another model or cache type. Unsupported: of another
    /// version. ContextFull, OutOfMemory.</exception>
    public void Load(Sequence sequence, Stream input)
    {
        sequence.Clear();
        var hash = new XxHash3();
        void Read(Span<byte> bytes)
        {
            if (input.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw Damaged("it ends early");
            hash.Append(bytes);
        }

        Unsafe.SkipInit(out Header header);
        Read(MemoryMarshal.AsBytes(new Span<Header>(ref header)));
        Check(header, sequence);
        var tokens = new int[header.Tokens];
        Read(MemoryMarshal.AsBytes(tokens.AsSpan()));
        foreach (int token in tokens)
            if ((uint)token >= (uint)vocabSize) throw Damaged($"token {token}: expected 0 to {vocabSize - 1}");

        sequence.Reserve(tokens.Length);
        for (int block = 0; block < KvShape.Blocks(tokens.Length); block++)
            foreach (Rows rows in RowsOf(sequence.Shape, Used(tokens.Length, block)))
            {
                var bytes = new Span<byte>(sequence.Blocks[block] + rows.Offset, rows.Bytes);
                Read(bytes);
                if (AllFinite(rows.Type, bytes)) continue;
                bytes.Clear(); // whoever takes the block next expects finite numbers in it
                throw Damaged("a key or value is not a finite number");
            }
        ulong expected = hash.GetCurrentHashAsUInt64(), found = 0;
        Read(MemoryMarshal.AsBytes(new Span<ulong>(ref found)));
        if (found != expected) throw Damaged($"checksum: expected {expected:x16}, found {found:x16}");
        foreach (int token in tokens) sequence.Commit(token);
    }

    private readonly record struct Rows(nint Offset, int Bytes, KvType Type);

    // Where the first rows of every head lie in a block.
    private static IEnumerable<Rows> RowsOf(KvShape shape, int used)
    {
        for (int il = 0; il < shape.Layers; il++)
        {
            KvLayer layer = shape.Layer(il);
            int keyBytes = used * AttentionArgs.RowBytes(shape.KeyType, shape.KeyDim), valueBytes = used * AttentionArgs.RowBytes(shape.ValueType, shape.ValueDim);
            for (int head = 0; head < shape.Heads; head++) yield return new Rows(layer.KeyOffset + (head * layer.KeyHeadBytes), keyBytes, shape.KeyType);
            for (int head = 0; head < shape.Heads; head++) yield return new Rows(layer.ValueOffset + (head * layer.ValueHeadBytes), valueBytes, shape.ValueType);
        }
    }

    private static int Used(int length, int block) => Math.Min(AttentionArgs.BlockLength, length - (block * AttentionArgs.BlockLength));

    private static bool AllFinite(KvType type, ReadOnlySpan<byte> rows)
    {
        const int SingleExponent = 0x7f80_0000, HalfExponent = 0x7c00;
        if (type == KvType.F32)
        {
            foreach (int bits in MemoryMarshal.Cast<byte, int>(rows))
                if ((bits & SingleExponent) == SingleExponent) return false;
            return true;
        }
        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(rows);
        int step = type == KvType.F16 ? 1 : Q8_0.Bytes / sizeof(ushort); // of a Q8_0 block the scale, which comes first
        for (int i = 0; i < halves.Length; i += step)
            if ((halves[i] & HalfExponent) == HalfExponent) return false;
        return true;
    }

    private Header Describe(KvShape shape, int tokens) => new()
    {
        Magic = Magic, Model = model, Arithmetic = arithmetic, Tokens = tokens, Layers = shape.Layers, Heads = shape.Heads,
        KeyDim = shape.KeyDim, ValueDim = shape.ValueDim, KeyType = (int)shape.KeyType, ValueType = (int)shape.ValueType,
    };

    private void Check(Header found, Sequence sequence)
    {
        Header own = Describe(sequence.Shape, found.Tokens);
        if (found.Magic != own.Magic) throw Damaged($"magic {found.Magic:x16}, expected {own.Magic:x16}");
        if (found.Arithmetic != own.Arithmetic)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"a saved sequence of arithmetic version {found.Arithmetic}, expected {own.Arithmetic}");
        if (found.Model != own.Model) throw Other("model");
        if (!found.Equals(own)) throw Other("cache type");
        if (found.Tokens < 0) throw Damaged($"{found.Tokens} tokens");
        if (found.Tokens > sequence.MaxLength)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"a saved sequence of {found.Tokens} tokens does not fit the context of {sequence.MaxLength}");
    }

    private static EdgeLlmException Damaged(string why) => new(ErrorCode.InvalidFile, $"a saved sequence is damaged: {why}");

    private static EdgeLlmException Other(string what) => new(ErrorCode.InvalidArgument, $"a saved sequence of another {what}");
}
