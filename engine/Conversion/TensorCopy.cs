using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Quantization;

namespace Edge.Llm.Conversion;

/// <summary>Writes tensors of a checkpoint in other types, a few rows at a time. Values whose type stays keep their bits.</summary>
internal sealed unsafe class TensorCopy : IDisposable
{
    private const int ChunkBytes = 4 << 20;
    private const int BlockLength = 32; // of MXFP4
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
    /// <exception cref="EdgeLlmException">Cancelled; InvalidFile: a file changed its size.</exception>
    public void Write(ConvertedTensor tensor, Stream stream)
    {
        if (tensor.Values is { } values)
        {
            stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
            _written(values.Length * sizeof(float));
            return;
        }
        long pieces = tensor.Elements / tensor.PieceLength, bytes = GgmlTypes.RowBytes(tensor.Type, tensor.PieceLength);
        long piecesAtOnce = Math.Max(1, ChunkBytes / bytes);
        Grow(ref _output, piecesAtOnce * bytes);
        Grow(ref _floats, tensor.PieceLength * sizeof(float));
        for (long first = 0; first < pieces; first += piecesAtOnce)
        {
            if (_cancellation.IsCancellationRequested) throw new EdgeLlmException(ErrorCode.Cancelled, $"cancelled at tensor {tensor.Name}");
            long count = Math.Min(piecesAtOnce, pieces - first);
            SourceTensor? last = null;
            for (long i = 0; i < count; i++)
            {
                SourcePiece piece = tensor.Piece(first + i);
                if (piece.Tensor != last) (last = piece.Tensor).File.CheckUnchanged();
                Convert(tensor, piece, _output.Data + (i * bytes));
            }
            stream.Write(new ReadOnlySpan<byte>(_output.Data, checked((int)(count * bytes))));
            _written(count * bytes);
        }
    }

    private static void Grow(ref AlignedBuffer buffer, long bytes)
    {
        if (buffer.Bytes >= bytes) return;
        buffer.Dispose();
        buffer = new AlignedBuffer(bytes);
    }

    private void Convert(ConvertedTensor tensor, SourcePiece piece, byte* target)
    {
        int count = (int)tensor.PieceLength;
        if (tensor.Exponents is { } exponents)
        {
            Repack((byte*)piece.Tensor.Data + (piece.First / 2), (byte*)exponents.Data + (piece.First / BlockLength), target, count / BlockLength);
            return;
        }
        GgmlType from = piece.Tensor.Type!.Value;
        byte* source = (byte*)piece.Tensor.Data + GgmlTypes.RowBytes(from, piece.First);
        if (from == tensor.Type && piece.Stride == 1 && tensor.Plus == 0)
        {
            Buffer.MemoryCopy(source, target, long.MaxValue, GgmlTypes.RowBytes(from, count));
            return;
        }
        var floats = new Span<float>((float*)(tensor.Type == GgmlType.F32 ? target : _floats.Data), count);
        Load(source, from, piece.Stride, floats);
        if (tensor.Plus != 0)
            foreach (ref float value in floats) value += tensor.Plus;
        switch (tensor.Type)
        {
            case GgmlType.F32: break;
            case GgmlType.F16: StoreHalves(floats, (ushort*)target); break;
            case GgmlType.BF16: StoreBFloat16s(floats, (ushort*)target); break;
            default:
                _encoders[tensor.Type].Encode((float*)_floats.Data, null, count, target, (float*)_memory.Data);
                break;
        }
    }

    // Safetensors: two neighbours a byte, the first one low. GGUF: value i low, value i + 16 high, after the exponent.
    private static void Repack(byte* values, byte* exponents, byte* target, int blocks)
    {
        const int Half = BlockLength / 2;
        for (int block = 0; block < blocks; block++, values += Half, target += 1 + Half)
        {
            target[0] = exponents[block];
            for (int i = 0; i < Half; i++)
            {
                int low = values[i / 2] >> (4 * (i % 2)), high = values[(i + Half) / 2] >> (4 * (i % 2));
                target[1 + i] = (byte)((low & 15) | (high << 4));
            }
        }
    }

    // Files need not align their values: the copies do.
    private static void Load(byte* source, GgmlType from, long stride, Span<float> floats)
    {
        if (from == GgmlType.F32)
        {
            if (stride == 1) new ReadOnlySpan<byte>(source, floats.Length * sizeof(float)).CopyTo(MemoryMarshal.AsBytes(floats));
            else for (int i = 0; i < floats.Length; i++) floats[i] = Unsafe.ReadUnaligned<float>(source + (i * stride * sizeof(float)));
            return;
        }
        for (int i = 0; i < floats.Length; i++)
        {
            ushort bits = Unsafe.ReadUnaligned<ushort>(source + (i * stride * sizeof(ushort)));
            floats[i] = from == GgmlType.F16 ? HalfFloat.ToSingle(bits) : HalfFloat.FromBFloat16(bits);
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
