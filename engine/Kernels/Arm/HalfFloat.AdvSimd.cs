using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary><see cref="HalfFloat.ToSingle"/> of the scales of several blocks.</summary>
internal static unsafe class HalfFloatAdvSimd
{
    /// <summary>Eight halves, <paramref name="stride"/> bytes apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load8(ushort* halves, int stride, out Vector128<float> low, out Vector128<float> high)
    {
        var p = (byte*)halves;
        Vector128<short> h = Vector128.CreateScalarUnsafe(*(short*)p);
        h = AdvSimd.LoadAndInsertScalar(h, 1, (short*)(p + stride));
        h = AdvSimd.LoadAndInsertScalar(h, 2, (short*)(p + (2 * stride)));
        h = AdvSimd.LoadAndInsertScalar(h, 3, (short*)(p + (3 * stride)));
        h = AdvSimd.LoadAndInsertScalar(h, 4, (short*)(p + (4 * stride)));
        h = AdvSimd.LoadAndInsertScalar(h, 5, (short*)(p + (5 * stride)));
        h = AdvSimd.LoadAndInsertScalar(h, 6, (short*)(p + (6 * stride)));
        h = AdvSimd.LoadAndInsertScalar(h, 7, (short*)(p + (7 * stride)));
        high = ToSingleUpper(h);
        low = ToSingle4(h.GetLower());
    }

    /// <summary>Four halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(ushort* h0, ushort* h1, ushort* h2, ushort* h3)
    {
        Vector64<short> h = Vector64.CreateScalarUnsafe(*(short*)h0);
        h = AdvSimd.LoadAndInsertScalar(h, 1, (short*)h1);
        h = AdvSimd.LoadAndInsertScalar(h, 2, (short*)h2);
        return ToSingle4(AdvSimd.LoadAndInsertScalar(h, 3, (short*)h3));
    }

    /// <summary>Four halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToSingle4(Vector64<short> halves) => ToSingle(AdvSimd.ShiftLeftLogicalWideningLower(halves, 13));

    /// <summary>The upper four halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToSingleUpper(Vector128<short> halves) => ToSingle(AdvSimd.ShiftLeftLogicalWideningUpper(halves, 13));

    /// <summary>Four pairs of halves, one after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPairs4(ushort* p0, ushort* p1, ushort* p2, ushort* p3, out Vector128<float> first, out Vector128<float> second)
    {
        // Loaded as floats: integers would go through general registers.
        Vector128<float> pairs = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<float>(p0));
        pairs = AdvSimd.LoadAndInsertScalar(pairs, 1, (float*)p1);
        pairs = AdvSimd.LoadAndInsertScalar(pairs, 2, (float*)p2);
        Vector128<int> h = AdvSimd.LoadAndInsertScalar(pairs, 3, (float*)p3).AsInt32();
        first = ToSingle((h << 16) >> 3);
        second = ToSingle(h >> 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ToSingle(Vector128<int> shifted) =>
        (shifted & Vector128.Create(HalfFloat.ShiftedMask)).AsSingle() * Vector128.Create(HalfFloat.Rebias);
}
