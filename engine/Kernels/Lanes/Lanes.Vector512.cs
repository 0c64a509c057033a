using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Sixteen lanes in one 512-bit register (AVX-512).</summary>
internal readonly unsafe struct Lanes512(Vector512<float> A) : ILanes<Lanes512>
{
    private readonly Vector512<float> A = A;

    public static int Registers => 1;

    public static Lanes512 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(float* p) => new(Vector512.Load(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadHalf(ushort* p) => new((Avx512F.ConvertToVector512Int32(Vector256.Load((short*)p)) << 13 & Vector512.Create(HalfFloat.ShiftedMask)).AsSingle() *
        Vector512.Create(HalfFloat.Rebias));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadBFloat16(ushort* p) => new((Avx512F.ConvertToVector512Int32(Vector256.Load(p)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 FromBytes(Vector128<sbyte> bytes) => new(Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(bytes)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes512 value, float* p) => value.A.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Add(Lanes512 a, Lanes512 b) => new(a.A + b.A);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Subtract(Lanes512 a, Lanes512 b) => new(a.A - b.A);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Multiply(Lanes512 a, Lanes512 b) => new(a.A * b.A);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Divide(Lanes512 a, Lanes512 b) => new(a.A / b.A);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Fma(Lanes512 a, Lanes512 b, Lanes512 c) => new(Vector512.FusedMultiplyAdd(a.A, b.A, c.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Max(Lanes512 a, Lanes512 b) => new(Vector512.MaxNative(a.A, b.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Min(Lanes512 a, Lanes512 b) => new(Vector512.MinNative(a.A, b.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Round(Lanes512 a) => new(Vector512.Round(a.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ZeroWhereLess(Lanes512 a, Lanes512 limit, Lanes512 value) => new(Vector512.AndNot(value.A, Vector512.LessThan(a.A, limit.A)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 SelectLess(Lanes512 a, Lanes512 limit, Lanes512 x, Lanes512 y) => new(Vector512.ConditionalSelect(Vector512.LessThan(a.A, limit.A), x.A, y.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 PowerOfTwo(Lanes512 n) => new(((Vector512.ConvertToInt32Native(n.A) + Vector512.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 SwapPairs(Lanes512 a) => new(Vector512.Shuffle(a.A, Vector512.Create(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes512 a) => LaneSums.Sum(Fold(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes512 a) => LaneSums.Largest(LaneMax(a.A));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(Lanes512 a, Lanes512 b, Lanes512 c, Lanes512 d, float* p)
    {
        Vector512<float> ab = Avx512F.Shuffle4x128(a.A, b.A, 0x44) + Avx512F.Shuffle4x128(a.A, b.A, 0xee); // eight lanes of a, of b
        Vector512<float> cd = Avx512F.Shuffle4x128(c.A, d.A, 0x44) + Avx512F.Shuffle4x128(c.A, d.A, 0xee);
        Vector512<float> four = Avx512F.Shuffle4x128(ab, cd, 0x88) + Avx512F.Shuffle4x128(ab, cd, 0xdd); // of a, b, c, d
        Vector512<float> two = four + Avx512F.Permute4x32(four, 0b01_00_11_10);
        Vector512<float> one = two + Avx512F.Permute4x32(two, 0b10_11_00_01);
        Avx512F.PermuteVar16x32(one, Vector512.Create(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12)).GetLower().GetLower().Store(p);
    }

    /// <summary>Lanes 8 apart, then 4 apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(Lanes512 a)
    {
        Vector256<float> half = a.A.GetLower() + a.A.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> LaneMax(Vector512<float> a)
    {
        Vector256<float> half = Vector256.MaxNative(a.GetLower(), a.GetUpper());
        return Vector128.MaxNative(half.GetLower(), half.GetUpper());
    }
}
