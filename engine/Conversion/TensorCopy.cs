using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Quantization;

namespace Edge.Llm.Conversion;

/// <summary>Writes tensors of a checkpoint in other types, a few rows at a time. Values whose type stays keep their bits.</summary>
internal sealed unsafe class TensorCopy : IDisposable
{
    private const int ChunkBytes = 4 << 20;
    private const float MaxHalf = 65520; // from here up a value rounds beyond the largest half, 65504

    private readonly RowEncoders _encoders = RowEncoders.For(KernelSet.Default().Isa);
    private readonly AlignedBuffer _memory = new(RowEncoders.MemoryFloats * sizeof(float));
    private readonly Action<long> _written;
    private readonly CancellationToken _cancellation;
    private AlignedBuffer _floats = new(0), _output = new(0);

    /// <summary>Copies; <paramref name="written"/> is told of bytes as they are written.</summary>
    public TensorCopy(Action<long> written, CancellationToken cancellation)
    {
        _written = written;
        _cancellation = cancellation;
    }

    /// <summary>Values that were too large for a half and became 65504.</summary>
    public long Saturated { get; private set; }

    public void Dispose()
    {
        _memory.Dispose();
        _floats.Dispose();
        _output.Dispose();
    }

    /// <summary>Writes a tensor.</summary>
    /// <exception cref="EdgeLlmException">Cancelled; InvalidFile: the file changed its size.</exception>
    public void Write(ConvertedTensor tensor, Stream stream)
    {
        // The rows of a vector that change places are its values.
        bool values = tensor.RotatedHeads > 0 && tensor.Rows == 1;
        long rows = values ? tensor.RowLength : tensor.Rows, rowLength = values ? 1 : tensor.RowLength;
        long sourceRow = GgmlTypes.RowBytes(tensor.Source.Type!.Value, rowLength), row = GgmlTypes.RowBytes(tensor.Type, rowLength);
        long rowsAtOnce = Math.Max(1, ChunkBytes / row);
        Grow(ref _output, rowsAtOnce * row);
        Grow(ref _floats, rowLength * sizeof(float));
        for (long first = 0; first < rows; first += rowsAtOnce)
        {
            if (_cancellation.IsCancellationRequested) throw new EdgeLlmException(ErrorCode.Cancelled, $"cancelled at tensor {tensor.Name}");
            tensor.Source.File.CheckUnchanged();
            long count = Math.Min(rowsAtOnce, rows - first);
            for (long i = 0; i < count; i++)
                Convert((byte*)tensor.Source.Data + (SourceRow(first + i, rows, tensor.RotatedHeads) * sourceRow), tensor.Source.Type.Value,
                    _output.Data + (i * row), tensor.Type, (int)rowLength);
            stream.Write(new ReadOnlySpan<byte>(_output.Data, checked((int)(count * row))));
            _written(count * row);
        }
    }

    /// <summary>Where a row of a tensor of <paramref name="rows"/> rows comes from: in each head, the first row of the second half follows that of the first
    /// half, and so on.</summary>
    internal static long SourceRow(long row, long rows, int heads)
    {
        if (heads == 0) return row;
        long headDim = rows / heads, head = row / headDim, place = row % headDim;
        return (head * headDim) + (place % 2 * (headDim / 2)) + (place / 2);
    }

    private static void Grow(ref AlignedBuffer buffer, long bytes)
    {
        if (buffer.Bytes >= bytes) return;
        buffer.Dispose();
        buffer = new AlignedBuffer(bytes);
    }

    private void Convert(byte* source, GgmlType from, byte* target, GgmlType to, int count)
    {
        if (from == to)
        {
            Buffer.MemoryCopy(source, target, long.MaxValue, GgmlTypes.RowBytes(from, count));
            return;
        }
        var floats = new Span<float>((float*)(to == GgmlType.F32 ? target : _floats.Data), count);
        Load(source, from, floats);
        switch (to)
        {
            case GgmlType.F32: break;
            case GgmlType.F16: StoreHalves(floats, (ushort*)target); break;
            case GgmlType.BF16: StoreBFloat16s(floats, (ushort*)target); break;
            default:
                _encoders[to].Encode((float*)_floats.Data, null, count, target, (float*)_memory.Data);
                break;
        }
    }

    // Files need not align their values: the copies do.
    private static void Load(byte* source, GgmlType from, Span<float> floats)
    {
        switch (from)
        {
            case GgmlType.F32: new ReadOnlySpan<byte>(source, floats.Length * sizeof(float)).CopyTo(MemoryMarshal.AsBytes(floats)); break;
            case GgmlType.F16: for (int i = 0; i < floats.Length; i++) floats[i] = HalfFloat.ToSingle(((ushort*)source)[i]); break;
            default: for (int i = 0; i < floats.Length; i++) floats[i] = HalfFloat.FromBFloat16(((ushort*)source)[i]); break;
        }
    }

    private void StoreHalves(ReadOnlySpan<float> floats, ushort* target)
    {
        for (int i = 0; i < floats.Length; i++)
        {
            target[i] = HalfFloat.FromSingle(floats[i]);
            if (!(MathF.Abs(floats[i]) < MaxHalf)) Saturated++;
        }
    }

    /// <summary>To nearest even. A NaN stays one.</summary>
    private static void StoreBFloat16s(ReadOnlySpan<float> floats, ushort* target)
    {
        for (int i = 0; i < floats.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(floats[i]);
            target[i] = float.IsNaN(floats[i]) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
        }
    }
}
