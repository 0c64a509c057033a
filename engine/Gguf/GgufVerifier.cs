using System.IO.Hashing;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Edge.Llm;

/// <summary>What verification found about a tensor.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Hash">XxHash3 of its bytes.</param>
/// <param name="NonFinite">Infinities and NaNs among its scales, or among its values for float types.</param>
public readonly record struct TensorCheck(Tensor Tensor, ulong Hash, long NonFinite);

/// <summary>Reads every byte of a file's tensors: a hash of each, and the scales that are not finite.</summary>
public static unsafe class GgufVerifier
{
    private const int HashChunk = 1 << 30;

    private const ulong Half = 0x7c00;
    private const ulong BFloat16 = 0x7f80;
    private const ulong Single = 0x7f80_0000;
    private const ulong Double = 0x7ff0_0000_0000_0000;
    // IQ1_M scatters its half-precision scale over the top nibbles of four 16-bit words; these are its exponent bits.
    private const ulong ScatteredHalf = 0x7000_c000_0000_0000;

    /// <summary>Where a block keeps a float: not finite when all of some bits are set, those of its exponent, or for the one-byte scales
    /// of MXFP4 and NVFP4, which have no infinities, those that stand for NaN. Integer types have none.</summary>
    internal readonly record struct FloatField(GgmlType Type, int Width, ulong Exponent, int Offset);

    private static readonly FloatField[] s_fields =
    [
        new(GgmlType.F64, 8, Double, 0), new(GgmlType.F32, 4, Single, 0), new(GgmlType.F16, 2, Half, 0), new(GgmlType.BF16, 2, BFloat16, 0),
        new(GgmlType.Q1_0, 2, Half, 0), new(GgmlType.Q2_0, 2, Half, 0),
        new(GgmlType.Q4_0, 2, Half, 0), new(GgmlType.Q4_1, 2, Half, 0), new(GgmlType.Q4_1, 2, Half, 2),
        new(GgmlType.Q5_0, 2, Half, 0), new(GgmlType.Q5_1, 2, Half, 0), new(GgmlType.Q5_1, 2, Half, 2),
        new(GgmlType.Q8_0, 2, Half, 0), new(GgmlType.Q8_1, 2, Half, 0), new(GgmlType.Q8_1, 2, Half, 2),
        new(GgmlType.Q2_K, 2, Half, 80), new(GgmlType.Q2_K, 2, Half, 82), new(GgmlType.Q3_K, 2, Half, 108),
        new(GgmlType.Q4_K, 2, Half, 0), new(GgmlType.Q4_K, 2, Half, 2), new(GgmlType.Q5_K, 2, Half, 0), new(GgmlType.Q5_K, 2, Half, 2),
        new(GgmlType.Q6_K, 2, Half, 208), new(GgmlType.Q8_K, 4, Single, 0),
        new(GgmlType.IQ2_XXS, 2, Half, 0), new(GgmlType.IQ2_XS, 2, Half, 0), new(GgmlType.IQ2_S, 2, Half, 0),
        new(GgmlType.IQ3_XXS, 2, Half, 0), new(GgmlType.IQ3_S, 2, Half, 0),
        new(GgmlType.IQ1_S, 2, Half, 0), new(GgmlType.IQ1_M, 8, ScatteredHalf, 48),
        new(GgmlType.IQ4_NL, 2, Half, 0), new(GgmlType.IQ4_XS, 2, Half, 0),
        new(GgmlType.TQ1_0, 2, Half, 52), new(GgmlType.TQ2_0, 2, Half, 64), new(GgmlType.MXFP4, 1, 0xff, 0),
        new(GgmlType.NVFP4, 1, 0x7f, 0), new(GgmlType.NVFP4, 1, 0x7f, 1), new(GgmlType.NVFP4, 1, 0x7f, 2), new(GgmlType.NVFP4, 1, 0x7f, 3),
    ];

    /// <summary>The floats in a block of a type.</summary>
    internal static IEnumerable<FloatField> Fields(GgmlType type) => s_fields.Where(field => field.Type == type);

    /// <summary>Checks all tensors in file order, one at a time as the caller asks for them.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: the file shrank.</exception>
    public static IEnumerable<TensorCheck> Check(GgufFile file)
    {
        var hash = new XxHash3();
        foreach (Tensor tensor in file.Tensors)
        {
            file.CheckUnchanged();
            yield return Check(tensor, hash);
        }
    }

    /// <summary>Checks one tensor.</summary>
    public static TensorCheck Check(Tensor tensor) => Check(tensor, new XxHash3());

    private static TensorCheck Check(Tensor tensor, XxHash3 hash) => new(tensor, Hash(tensor, hash), CountNonFinite(tensor));

    private static ulong Hash(Tensor tensor, XxHash3 hash)
    {
        hash.Reset();
        for (long done = 0; done < tensor.Bytes; done += HashChunk)
            hash.Append(new ReadOnlySpan<byte>(tensor.Pointer + done, (int)Math.Min(HashChunk, tensor.Bytes - done)));
        return hash.GetCurrentHashAsUInt64();
    }

    /// <summary>Infinities and NaNs among a tensor's scales, or among its values for float types.</summary>
    internal static long CountNonFinite(Tensor tensor)
    {
        long found = 0;
        foreach (FloatField field in Fields(tensor.Type))
        {
            found += field.Width switch
            {
                1 => Count<byte>(tensor, field),
                2 => Count<ushort>(tensor, field),
                4 => Count<uint>(tensor, field),
                _ => Count<ulong>(tensor, field),
            };
        }
        return found;
    }

    private static long Count<T>(Tensor tensor, FloatField field) where T : unmanaged, IBinaryInteger<T>
    {
        T exponent = T.CreateTruncating(field.Exponent);
        int step = GgmlTypes.Get(tensor.Type).BlockBytes;
        byte* end = tensor.Pointer + tensor.Bytes;
        long found = 0;
        for (byte* block = tensor.Pointer; block < end; block += step)
        {
            if ((Unsafe.ReadUnaligned<T>(block + field.Offset) & exponent) == exponent) found++;
        }
        return found;
    }
}
