using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Bench;

/// <summary>What one thread of this machine gives at most: GB/s of plain reading, and GMAC/s of the multiply-and-add that each instruction set's
/// kernels are made of, operands at hand and nothing else to do.</summary>
internal static unsafe class Peak
{
    private const int Rounds = 40, Steps = 64, Repeats = 400; // a pass: Steps steps over 8 KB
    private static readonly Dictionary<(Isa, bool), double> s_known = [];
    private static double s_read;

    /// <summary>GB/s of reading 100 MB: the best of many.</summary>
    public static double ReadGigabytes()
    {
        if (s_read > 0) return s_read;
        using var buffer = new AlignedBuffer(100 << 20);
        using var pool = new WorkerPool(1);
        for (int round = 0; round < Rounds; round++) s_read = Math.Max(s_read, buffer.Bytes / 1e9 / PlainRead.Seconds(pool, buffer.Data, buffer.Bytes));
        return s_read;
    }

    /// <summary>GMAC/s of a row's kind of product; 0 for scalar rows.</summary>
    public static double GigaMacs(KernelRow row)
    {
        bool floats = row.Activation == ActivationFormat.F32;
        if (s_known.TryGetValue((row.Isa, floats), out double known)) return known;
        double best = (row.Isa, floats) switch
        {
            (Isa.Avx2 or Isa.AvxVnni, true) => Best(&Fma<Lanes256>, 5 * 16),
            (Isa.Avx512, true) => Best(&FmaWide<Lanes512>, 10 * 16),
            (Isa.AdvSimd or Isa.AdvSimdDp, true) => Best(&Fma<Lanes128>, 5 * 16),
            (Isa.Avx2, false) => Best(&Dot256<NibbleDot256>, 6 * 32),
            (Isa.AvxVnni, false) => Best(&Dot256<VnniDot256>, 6 * 32),
            (Isa.Avx512, false) => Best(&Dot512, 8 * 64),
            (Isa.AdvSimd, false) => Best(&DotArm<DotAdvSimd>, 4 * 16),
            (Isa.AdvSimdDp, false) => Best(&DotArm<DotAdvSimdDp>, 4 * 16),
            _ => 0,
        };
        return s_known[(row.Isa, floats)] = best;
    }

    private static double Best(delegate*<byte*, void> pass, int macsOfStep)
    {
        using var buffer = new AlignedBuffer(Steps * 128);
        double best = 0;
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Repeats; i++) pass(buffer.Data);
            best = Math.Max(best, (double)macsOfStep * Steps * Repeats / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }
        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FmaWide<T>(byte* p) where T : struct, ILanes<T>
    {
        T a = T.Zero, b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, x = T.Broadcast(1);
        for (int step = 0; step < Steps; step++)
        {
            T w = T.Load((float*)(p + 128 * step));
            (a, b, c, d, e) = (T.Fma(w, x, a), T.Fma(w, x, b), T.Fma(w, x, c), T.Fma(w, x, d), T.Fma(w, x, e));
            (f, g, h, i, j) = (T.Fma(w, x, f), T.Fma(w, x, g), T.Fma(w, x, h), T.Fma(w, x, i), T.Fma(w, x, j));
        }
        T.Store(T.Add(T.Add(T.Add(a, b), T.Add(c, d)), T.Add(T.Add(e, f), T.Add(T.Add(g, h), T.Add(i, j)))), (float*)p);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fma<T>(byte* p) where T : struct, ILanes<T>
    {
        T a = T.Zero, b = a, c = a, d = a, e = a, x = T.Broadcast(1);
        for (int step = 0; step < Steps; step++)
        {
            T w = T.Load((float*)(p + 128 * step));
            (a, b, c, d, e) = (T.Fma(w, x, a), T.Fma(w, x, b), T.Fma(w, x, c), T.Fma(w, x, d), T.Fma(w, x, e));
        }
        T.Store(T.Add(T.Add(T.Add(a, b), T.Add(c, d)), e), (float*)p);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot256<T>(byte* p) where T : IDot256
    {
        Vector256<int> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector256<sbyte> x = Vector256.Load((sbyte*)p), y = Vector256.Load((sbyte*)p + 32), z = Vector256.Load((sbyte*)p + 64);
        for (int step = 0; step < Steps; step++)
        {
            Vector256<byte> w = Vector256.Load(p + 128 * step), v = Vector256.Load(p + 128 * step + 32);
            (a, b, c) = (T.Next(a, w, x), T.Next(b, w, y), T.Next(c, w, z));
            (d, e, f) = (T.Next(d, v, x), T.Next(e, v, y), T.Next(f, v, z));
        }
        ((a ^ b) ^ (c ^ d) ^ (e ^ f)).Store((int*)p);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot512(byte* p)
    {
        Vector512<short> a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default;
        Vector512<sbyte> x = Vector512.Load((sbyte*)p), y = Vector512.Load((sbyte*)p + 64), z = Vector512.Load((sbyte*)p + 128), u = Vector512.Load((sbyte*)p + 192);
        for (int step = 0; step < Steps; step++)
        {
            Vector512<byte> w = Vector512.Load(p + 128 * step), v = Vector512.Load(p + 128 * step + 64);
            a += Avx512BW.MultiplyAddAdjacent(w, x);
            b += Avx512BW.MultiplyAddAdjacent(w, y);
            c += Avx512BW.MultiplyAddAdjacent(w, z);
            d += Avx512BW.MultiplyAddAdjacent(w, u);
            e += Avx512BW.MultiplyAddAdjacent(v, x);
            f += Avx512BW.MultiplyAddAdjacent(v, y);
            g += Avx512BW.MultiplyAddAdjacent(v, z);
            h += Avx512BW.MultiplyAddAdjacent(v, u);
        }
        ((a ^ b) ^ (c ^ d) ^ (e ^ f) ^ (g ^ h)).Store((short*)p);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotArm<T>(byte* p) where T : IDotAdvSimd
    {
        Vector128<int> a = default, b = default, c = default, d = default;
        for (int step = 0; step < Steps; step++)
        {
            var w = (sbyte*)(p + 128 * step);
            a += T.Dot16(Vector128.Load(w), w, 64);
            b += T.Dot16(Vector128.Load(w + 16), w, 64);
            c += T.Dot16(Vector128.Load(w + 32), w, 80);
            d += T.Dot16(Vector128.Load(w + 48), w, 80);
        }
        ((a ^ b) ^ (c ^ d)).Store((int*)p);
    }
}
