using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Forms that the kernels rely on, near which code generators are known to give wrong results silently: broadcasting 256 bits
/// from memory with a displacement (.NET 10.0.12; the kernels shuffle a loaded vector instead), and the VEX-only instructions of AVX-VNNI
/// with registers 16 to 31 (.NET 9 with AVX-512 on).</summary>
[TestClass]
public unsafe class CodeGeneratorTests
{
    [TestMethod]
    public void HalvesOfALoadedVectorAreDuplicated()
    {
        if (!KernelTable.HasAvx512) Assert.Inconclusive("needs AVX-512");
        byte* p = stackalloc byte[1024];
        for (int i = 0; i < 1024; i++) p[i] = (byte)(i * 7 + i / 64);
        Vector512<long> low = LowerHalf(p), high = UpperHalf(p), joined = Joined(p);
        Assert.AreEqual(Vector256.Load((long*)(p + 128)), low.GetLower());
        Assert.AreEqual(Vector256.Load((long*)(p + 128)), low.GetUpper());
        Assert.AreEqual(Vector256.Load((long*)(p + 160)), high.GetLower());
        Assert.AreEqual(Vector256.Load((long*)(p + 160)), high.GetUpper());
        Assert.AreEqual(Vector256.Load((long*)(p + 96)), joined.GetLower());
        Assert.AreEqual(Vector256.Load((long*)(p + 288)), joined.GetUpper());
    }

    [TestMethod]
    public void VnniIsRightWithManyLiveVectors()
    {
        if (!KernelTable.HasAvxVnni) Assert.Inconclusive("needs AVX-VNNI");
        short* p = stackalloc short[48];
        for (int i = 0; i < 48; i++) p[i] = (short)(i * 37 - 600);
        int expected = 0;
        for (int i = 0; i < 16; i++) expected += p[i] * p[i + 32];
        Assert.AreEqual(3 * 20 * expected, Vnni(p, p + 32, 3));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<long> LowerHalf(byte* p)
    {
        Vector512<long> v = Vector512.Load((long*)(p + 128));
        return Avx512F.Shuffle4x128(v, v, 0x44);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<long> UpperHalf(byte* p)
    {
        Vector512<long> v = Vector512.Load((long*)(p + 128));
        return Avx512F.Shuffle4x128(v, v, 0xee);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<long> Joined(byte* p) =>
        Avx512F.InsertVector256(Vector256.Load((long*)(p + 96)).ToVector512Unsafe(), Vector256.Load((long*)(p + 288)), 1);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Vnni(short* w, short* x, int n)
    {
        Vector256<int> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default, a8 = default, a9 = default;
        Vector256<int> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default, b8 = default, b9 = default;
        for (int i = 0; i < n; i++)
        {
            Vector256<short> v = Vector256.Load(w), y = Vector256.Load(x);
            a0 = ScaleVnni.Add(a0, v, y); a1 = ScaleVnni.Add(a1, v, y); a2 = ScaleVnni.Add(a2, v, y); a3 = ScaleVnni.Add(a3, v, y);
            a4 = ScaleVnni.Add(a4, v, y); a5 = ScaleVnni.Add(a5, v, y); a6 = ScaleVnni.Add(a6, v, y); a7 = ScaleVnni.Add(a7, v, y);
            a8 = ScaleVnni.Add(a8, v, y); a9 = ScaleVnni.Add(a9, v, y); b0 = ScaleVnni.Add(b0, v, y); b1 = ScaleVnni.Add(b1, v, y);
            b2 = ScaleVnni.Add(b2, v, y); b3 = ScaleVnni.Add(b3, v, y); b4 = ScaleVnni.Add(b4, v, y); b5 = ScaleVnni.Add(b5, v, y);
            b6 = ScaleVnni.Add(b6, v, y); b7 = ScaleVnni.Add(b7, v, y); b8 = ScaleVnni.Add(b8, v, y); b9 = ScaleVnni.Add(b9, v, y);
        }
        return Vector256.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7 + b8 + b9);
    }
}
