using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>What the x64 kernels of the formats with blocks of 32 share.</summary>
internal static unsafe class BlockGemv
{
    /// <summary><see cref="Canonical.Group"/> of four groups, one after the other. Horizontal adds are the tree's adjacent pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AddFour(float acc, float* p)
    {
        Vector256<float> half = Avx.HorizontalAdd(
            Avx.HorizontalAdd(Vector256.Load(p), Vector256.Load(p + 8)), Avx.HorizontalAdd(Vector256.Load(p + 16), Vector256.Load(p + 24)));
        Vector128<float> group = half.GetLower() + half.GetUpper();
        return acc + group.GetElement(0) + group.GetElement(1) + group.GetElement(2) + group.GetElement(3);
    }
}
