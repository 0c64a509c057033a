using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary><see cref="HalfFloat.ToSingle"/> of the eight scales or minimums of a group of blocks.</summary>
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
        low = ToSingle(AdvSimd.ShiftLeftLogicalWideningLower(h.GetLower(), 13));
        high = ToSingle(AdvSimd.ShiftLeftLogicalWideningUpper(h, 13));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ToSingle(Vector128<int> shifted) =>
        (shifted & Vector128.Create(HalfFloat.ShiftedMask)).AsSingle() * Vector128.Create(HalfFloat.Rebias);
}
