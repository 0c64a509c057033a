using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Sixteen lanes in four 128-bit registers (AdvSimd).</summary>
internal readonly unsafe struct Lanes128(Vector128<float> A, Vector128<float> B, Vector128<float> C, Vector128<float> D) : ILanes<Lanes128>
{
    private readonly Vector128<float> A = A;
    private readonly Vector128<float> B = B;
    private readonly Vector128<float> C = C;
    private readonly Vector128<float> D = D;

    public static int Registers => 4;

    public static Lanes128 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Broadcast(float value) => new(Vector128.Create(value), Vector128.Create(value), Vector128.Create(value), Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Load(float* p) => new(Vector128.Load(p), Vector128.Load(p + 4), Vector128.Load(p + 8), Vector128.Load(p + 12));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadHalf(ushort* p)
    {
        Vector128<short> low = Vector128.Load((short*)p), high = Vector128.Load((short*)p + 8);
        if (!KernelTable.HasAdvSimd) // a constant; false on x64 without AVX2, where quantizers use these lanes
            return new(Half(Vector128.WidenLower(low)), Half(Vector128.WidenUpper(low)), Half(Vector128.WidenLower(high)), Half(Vector128.WidenUpper(high)));
        // Upper halves first: see DotAdvSimd.
        Vector128<float> b = HalfFloatAdvSimd.ToSingleUpper(low), d = HalfFloatAdvSimd.ToSingleUpper(high);
        return new(HalfFloatAdvSimd.ToSingle4(low.GetLower()), b, HalfFloatAdvSimd.ToSingle4(high.GetLower()), d);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadBFloat16(ushort* p)
    {
        Vector128<ushort> low = Vector128.Load(p), high = Vector128.Load(p + 8), zero = Vector128<ushort>.Zero;
        if (!KernelTable.HasAdvSimd)
            return new(BFloat16(Vector128.WidenLower(low)), BFloat16(Vector128.WidenUpper(low)), BFloat16(Vector128.WidenLower(high)), BFloat16(Vector128.WidenUpper(high)));
        return new(AdvSimd.Arm64.ZipLow(zero, low).AsSingle(), AdvSimd.Arm64.ZipHigh(zero, low).AsSingle(),
            AdvSimd.Arm64.ZipLow(zero, high).AsSingle(), AdvSimd.Arm64.ZipHigh(zero, high).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 FromBytes(Vector128<sbyte> bytes) => Widen(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes128 value, float* p)
    {
        value.A.Store(p);
        value.B.Store(p + 4);
        value.C.Store(p + 8);
        value.D.Store(p + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Add(Lanes128 a, Lanes128 b) => new(a.A + b.A, a.B + b.B, a.C + b.C, a.D + b.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Subtract(Lanes128 a, Lanes128 b) => new(a.A - b.A, a.B - b.B, a.C - b.C, a.D - b.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Multiply(Lanes128 a, Lanes128 b) => new(a.A * b.A, a.B * b.B, a.C * b.C, a.D * b.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Divide(Lanes128 a, Lanes128 b) => new(a.A / b.A, a.B / b.B, a.C / b.C, a.D / b.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Fma(Lanes128 a, Lanes128 b, Lanes128 c) => new(Vector128.FusedMultiplyAdd(a.A, b.A, c.A), Vector128.FusedMultiplyAdd(a.B, b.B, c.B), Vector128.FusedMultiplyAdd(a.C, b.C, c.C), Vector128.FusedMultiplyAdd(a.D, b.D, c.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Max(Lanes128 a, Lanes128 b) => new(Vector128.MaxNative(a.A, b.A), Vector128.MaxNative(a.B, b.B), Vector128.MaxNative(a.C, b.C), Vector128.MaxNative(a.D, b.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Min(Lanes128 a, Lanes128 b) => new(Vector128.MinNative(a.A, b.A), Vector128.MinNative(a.B, b.B), Vector128.MinNative(a.C, b.C), Vector128.MinNative(a.D, b.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Round(Lanes128 a) => new(Vector128.Round(a.A), Vector128.Round(a.B), Vector128.Round(a.C), Vector128.Round(a.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ZeroWhereLess(Lanes128 a, Lanes128 limit, Lanes128 value) => new(Vector128.AndNot(value.A, Vector128.LessThan(a.A, limit.A)), Vector128.AndNot(value.B, Vector128.LessThan(a.B, limit.B)), Vector128.AndNot(value.C, Vector128.LessThan(a.C, limit.C)), Vector128.AndNot(value.D, Vector128.LessThan(a.D, limit.D)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 SelectLess(Lanes128 a, Lanes128 limit, Lanes128 x, Lanes128 y) => new(
        Vector128.ConditionalSelect(Vector128.LessThan(a.A, limit.A), x.A, y.A),
        Vector128.ConditionalSelect(Vector128.LessThan(a.B, limit.B), x.B, y.B),
        Vector128.ConditionalSelect(Vector128.LessThan(a.C, limit.C), x.C, y.C),
        Vector128.ConditionalSelect(Vector128.LessThan(a.D, limit.D), x.D, y.D));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 PowerOfTwo(Lanes128 n) => new(((Vector128.ConvertToInt32Native(n.A) + Vector128.Create(127)) << 23).AsSingle(), ((Vector128.ConvertToInt32Native(n.B) + Vector128.Create(127)) << 23).AsSingle(), ((Vector128.ConvertToInt32Native(n.C) + Vector128.Create(127)) << 23).AsSingle(), ((Vector128.ConvertToInt32Native(n.D) + Vector128.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 SwapPairs(Lanes128 a) => new(Vector128.Shuffle(a.A, Vector128.Create(1, 0, 3, 2)), Vector128.Shuffle(a.B, Vector128.Create(1, 0, 3, 2)), Vector128.Shuffle(a.C, Vector128.Create(1, 0, 3, 2)), Vector128.Shuffle(a.D, Vector128.Create(1, 0, 3, 2)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes128 a) => LaneSums.Sum(Fold(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes128 a) => LaneSums.Largest(Vector128.MaxNative(Vector128.MaxNative(a.A, a.C), Vector128.MaxNative(a.B, a.D)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(Lanes128 a, Lanes128 b, Lanes128 c, Lanes128 d, float* p)
    {
        Vector128<long> a4 = Fold(a).AsInt64(), b4 = Fold(b).AsInt64(), c4 = Fold(c).AsInt64(), d4 = Fold(d).AsInt64();
        Vector128<float> ab = AdvSimd.Arm64.ZipLow(a4, b4).AsSingle() + AdvSimd.Arm64.ZipHigh(a4, b4).AsSingle(); // a0+a2 a1+a3 b0+b2 b1+b3
        Vector128<float> cd = AdvSimd.Arm64.ZipLow(c4, d4).AsSingle() + AdvSimd.Arm64.ZipHigh(c4, d4).AsSingle();
        AdvSimd.Arm64.AddPairwise(ab, cd).Store(p);
    }

    /// <summary>Lanes 8 apart, then 4 apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(Lanes128 a) => (a.A + a.C) + (a.B + a.D);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Half(Vector128<int> h) =>
        (h << 13 & Vector128.Create(HalfFloat.ShiftedMask)).AsSingle() * Vector128.Create(HalfFloat.Rebias);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> BFloat16(Vector128<uint> h) => (h << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Lanes128 Widen(Vector128<sbyte> q)
    {
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(q);
        return new(Vector128.ConvertToSingle(Vector128.WidenLower(low)), Vector128.ConvertToSingle(Vector128.WidenUpper(low)),
            Vector128.ConvertToSingle(Vector128.WidenLower(high)), Vector128.ConvertToSingle(Vector128.WidenUpper(high)));
    }
}
