using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Sixteen lanes in two 256-bit registers (AVX2).</summary>
internal readonly unsafe struct Lanes256(Vector256<float> A, Vector256<float> B) : ILanes<Lanes256>
{
    private readonly Vector256<float> A = A;
    private readonly Vector256<float> B = B;

    public static int Registers => 2;

    public static Lanes256 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Broadcast(float value) => new(Vector256.Create(value), Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(float* p) => new(Vector256.Load(p), Vector256.Load(p + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadHalf(ushort* p) => new(
        (Avx2.ConvertToVector256Int32(Vector128.Load((short*)p)) << 13 & Vector256.Create(HalfFloat.ShiftedMask)).AsSingle() *
            Vector256.Create(HalfFloat.Rebias),
        (Avx2.ConvertToVector256Int32(Vector128.Load((short*)p + 8)) << 13 & Vector256.Create(HalfFloat.ShiftedMask)).AsSingle() *
            Vector256.Create(HalfFloat.Rebias));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadBFloat16(ushort* p) => new((Avx2.ConvertToVector256Int32(Vector128.Load(p)) << 16).AsSingle(), (Avx2.ConvertToVector256Int32(Vector128.Load(p + 8)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 FromBytes(Vector128<sbyte> bytes) => new(
        Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(bytes)), Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(bytes, 8))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes256 value, float* p)
    {
        value.A.Store(p);
        value.B.Store(p + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Add(Lanes256 a, Lanes256 b) => new(a.A + b.A, a.B + b.B);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Subtract(Lanes256 a, Lanes256 b) => new(a.A - b.A, a.B - b.B);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Multiply(Lanes256 a, Lanes256 b) => new(a.A * b.A, a.B * b.B);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Divide(Lanes256 a, Lanes256 b) => new(a.A / b.A, a.B / b.B);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Fma(Lanes256 a, Lanes256 b, Lanes256 c) => new(Vector256.FusedMultiplyAdd(a.A, b.A, c.A), Vector256.FusedMultiplyAdd(a.B, b.B, c.B));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Max(Lanes256 a, Lanes256 b) => new(Vector256.MaxNative(a.A, b.A), Vector256.MaxNative(a.B, b.B));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Min(Lanes256 a, Lanes256 b) => new(Vector256.MinNative(a.A, b.A), Vector256.MinNative(a.B, b.B));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Round(Lanes256 a) => new(Vector256.Round(a.A), Vector256.Round(a.B));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ZeroWhereLess(Lanes256 a, Lanes256 limit, Lanes256 value) => new(Vector256.AndNot(value.A, Vector256.LessThan(a.A, limit.A)), Vector256.AndNot(value.B, Vector256.LessThan(a.B, limit.B)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SelectLess(Lanes256 a, Lanes256 limit, Lanes256 x, Lanes256 y) => new(Vector256.ConditionalSelect(Vector256.LessThan(a.A, limit.A), x.A, y.A), Vector256.ConditionalSelect(Vector256.LessThan(a.B, limit.B), x.B, y.B));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 PowerOfTwo(Lanes256 n) => new(((Vector256.ConvertToInt32Native(n.A) + Vector256.Create(127)) << 23).AsSingle(), ((Vector256.ConvertToInt32Native(n.B) + Vector256.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SwapPairs(Lanes256 a) => new(Vector256.Shuffle(a.A, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6)), Vector256.Shuffle(a.B, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes256 a) => LaneSums.Sum(Fold(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes256 a) => LaneSums.Largest(LaneMax(Vector256.MaxNative(a.A, a.B)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(Lanes256 a, Lanes256 b, Lanes256 c, Lanes256 d, float* p)
    {
        Vector256<float> a8 = a.A + a.B, b8 = b.A + b.B, c8 = c.A + c.B, d8 = d.A + d.B;
        Vector256<double> ab = (Avx.Permute2x128(a8, b8, 0x20) + Avx.Permute2x128(a8, b8, 0x31)).AsDouble(); // four lanes of a, of b
        Vector256<double> cd = (Avx.Permute2x128(c8, d8, 0x20) + Avx.Permute2x128(c8, d8, 0x31)).AsDouble();
        Vector256<float> two = Avx.UnpackLow(ab, cd).AsSingle() + Avx.UnpackHigh(ab, cd).AsSingle(); // two lanes of a, c, b, d
        Vector256<float> one = two + Avx.Permute(two, 0b10_11_00_01);
        Vector128<float> low = Sse.UnpackLow(one.GetLower(), one.GetUpper()), high = Sse.UnpackHigh(one.GetLower(), one.GetUpper());
        Sse.MoveLowToHigh(low, high).Store(p);
    }

    /// <summary>Lanes 8 apart, then 4 apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(Lanes256 a)
    {
        Vector256<float> half = a.A + a.B;
        return half.GetLower() + half.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> LaneMax(Vector256<float> a) => Vector128.MaxNative(a.GetLower(), a.GetUpper());
}
