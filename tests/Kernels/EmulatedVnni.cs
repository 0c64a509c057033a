using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>vpdpbusd of other instructions: with it the forms of the kernels that need AVX-VNNI are tested on machines without it.</summary>
internal readonly struct EmulatedVnni : IDot256
{
    public static int ProductsPerSum => 8;

    public static Vector256<int> First(Vector256<byte> w, Vector256<sbyte> x)
    {
        // A product is at most 255 * 127 = 32,385, and two are added as int32.
        Vector256<short> even = (w & Vector256.Create((ushort)0x00ff).AsByte()).AsInt16() * ((x.AsInt16() << 8) >> 8);
        Vector256<short> odd = (w.AsUInt16() >>> 8).AsInt16() * (x.AsInt16() >> 8);
        return Avx2.MultiplyAddAdjacent(even, Vector256<short>.One) + Avx2.MultiplyAddAdjacent(odd, Vector256<short>.One);
    }

    public static Vector256<int> Next(Vector256<int> sum, Vector256<byte> w, Vector256<sbyte> x) => sum + First(w, x);

    public static Vector256<int> Finish(Vector256<int> sum) => sum;

    /// <summary>Every form of a format that runs with VNNI; none where there is no AVX2.</summary>
    public static unsafe IEnumerable<KernelRow> Rows() => !KernelTable.HasAvx2 ? [] :
    [
        Row<Q4_0, Nibbles256<Q4_0>>(), Row<Q4_1, Nibbles256<Q4_1>>(), Row<Q5_0, Nibbles256<Q5_0>>(), Row<Q5_1, Nibbles256<Q5_1>>(),
        new(GgmlType.Q8_0, ActivationFormat.Q8_32, Isa.AvxVnni, &BlockGemv256<BiasedQ8_0, EmulatedVnni>.Run, &Q8_0Gemm<EmulatedVnni>.Run256), Row<IQ4_NL, Levels256<IQ4_NL, BiasedIQ4_NL>>(), Row<MXFP4, Levels256<MXFP4, BiasedMXFP4>>(),
        Row<Q1_0, Q1_0_Vector256>(), Row<Q2_0, Q2_0_Vector256>(),
    ];

    private static unsafe KernelRow Row<TFormat, TUnpack>() where TFormat : unmanaged, IBlockFormat where TUnpack : IUnpack256 =>
        new(TFormat.Type, TFormat.Activation, Isa.AvxVnni, &BlockGemv256<TUnpack, EmulatedVnni>.Run, &BlockGemm256<TUnpack, EmulatedVnni>.Run);
}
