using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>What the one-token kernels of both widths share: prefetch, and the float steps of <see cref="Canonical"/>.</summary>
internal static unsafe class SuperBlockGemv
{
    // Measured: 4 KB is too near, 24 KB no better.
    private const int Distance = 12 << 10;

    /// <summary>Prefetches the super-block that is read some microseconds later. It may lie past the matrix: a prefetch never faults.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch<T>(byte* w) where T : ISuperBlock
    {
        w += Distance;
        Sse.Prefetch0(w);
        Sse.Prefetch0(w + 64);
        if (T.GroupBytes > 128) Sse.Prefetch0(w + 128);
        if (T.GroupBytes > 192) Sse.Prefetch0(w + 192);
    }

    /// <summary>The sums of four vectors, a lane each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> SumEach(Vector128<int> v0, Vector128<int> v1, Vector128<int> v2, Vector128<int> v3)
    {
        Vector128<long> v01 = (Sse2.UnpackLow(v0, v1) + Sse2.UnpackHigh(v0, v1)).AsInt64();
        Vector128<long> v23 = (Sse2.UnpackLow(v2, v3) + Sse2.UnpackHigh(v2, v3)).AsInt64();
        return Sse2.UnpackLow(v01, v23).AsInt32() + Sse2.UnpackHigh(v01, v23).AsInt32();
    }

    /// <summary>The scale pairs of four super-blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> FourScalePairs<T>(byte* w, nint stride) where T : ISuperBlock =>
        Vector128.Create(T.ScalePair(w), T.ScalePair(w + stride), T.ScalePair(w + 2 * stride), T.ScalePair(w + 3 * stride));

    /// <summary>Four super-blocks: everything but the last, ordered step runs in four lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> FloatSteps<T>(Vector128<float> acc, Vector128<int> isum, Vector128<int> msum, byte* w, byte* x, nint next)
        where T : ISuperBlock
    {
        Vector128<int> pairs = FourScalePairs<T>(w, T.GroupBytes);
        Vector128<float> d = T.HasMins ? HalfFloat.LowerToSingle(pairs) : HalfFloat.UpperToSingle(pairs);
        if (T.Factor != 1) d *= T.Factor;
        Vector128<float> f = Sse2.ConvertToVector128Single(isum) * d;
        if (T.HasMins) f = Fma.MultiplyAddNegated(Sse2.ConvertToVector128Single(msum), HalfFloat.UpperToSingle(pairs), f);
        x += Q8_K.DOffset;
        acc = Fma.MultiplyAddScalar(f, Sse.LoadScalarVector128((float*)x), acc);
        acc = Fma.MultiplyAddScalar(Sse3.MoveHighAndDuplicate(f), Sse.LoadScalarVector128((float*)(x + next)), acc);
        x += 2 * next;
        acc = Fma.MultiplyAddScalar(Sse.MoveHighToLow(f, f), Sse.LoadScalarVector128((float*)x), acc);
        return Fma.MultiplyAddScalar(Sse.Shuffle(f, f, 0xff), Sse.LoadScalarVector128((float*)(x + next)), acc);
    }

    /// <summary>One super-block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FloatStep<T>(float acc, int isum, int msum, byte* w, byte* x) where T : ISuperBlock
    {
        int pairs = T.ScalePair(w);
        float dx = *(float*)(x + Q8_K.DOffset), upper = HalfFloat.ToSingle((ushort)(pairs >>> 16));
        return T.HasMins
            ? Canonical.SuperBlock(acc, isum, HalfFloat.ToSingle((ushort)pairs), msum, upper, dx)
            : Canonical.SuperBlock(acc, isum, upper * T.Factor, dx);
    }

    /// <summary>Scales and minimums packed as <see cref="Q4_K.ScaleMin"/> has them: eight bytes of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScaleMins(byte* packed, out Vector128<short> scales, out Vector128<short> mins)
    {
        uint u0 = *(uint*)packed, u1 = *(uint*)(packed + 4), u2 = *(uint*)(packed + 8);
        ulong scale = (u0 & 0x3f3f3f3f) | ((ulong)((u2 & 0x0f0f0f0f) | ((u0 >> 2) & 0x30303030)) << 32);
        ulong min = (u1 & 0x3f3f3f3f) | ((ulong)(((u2 >> 4) & 0x0f0f0f0f) | ((u1 >> 2) & 0x30303030)) << 32);
        scales = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(scale).AsByte());
        mins = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(min).AsByte());
    }

    /// <summary>Scales packed as <see cref="Q3_K.Scale"/> has them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> SignedScales(byte* packed)
    {
        ulong low = *(ulong*)packed, high = *(uint*)(packed + 8);
        high |= (high >> 2) << 32; // byte j: the high bits of block j in bits 0 and 1, of block j + 8 in bits 4 and 5
        ulong first = (low & 0x0f0f0f0f0f0f0f0f) | ((high << 4) & 0x3030303030303030);
        ulong last = ((low >> 4) & 0x0f0f0f0f0f0f0f0f) | (high & 0x3030303030303030);
        return Avx2.ConvertToVector256Int16(Vector128.Create(first, last).AsByte()) - Vector256.Create((short)32);
    }
}
