using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>The codebooks of the IQ formats: an index names the magnitudes of eight (IQ2) or four (IQ3) values or eight ternary values
/// (IQ1). Constants of the file format; tools/ggml-formats.py writes them. The first value is the lowest byte or bit.</summary>
internal static unsafe partial class Grids
{
    /// <summary>Where a table lies: its bytes are part of the program's image, so they do not move.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Pointer<T>(ReadOnlySpan<T> table) where T : unmanaged => (T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(table));

    /// <summary>Seven sign bits (of the lowest bits of <paramref name="signs"/>) and the eighth that makes their number even.</summary>
    public static int EvenSigns(uint signs)
    {
        signs &= 127;
        return (int)(signs | ((uint)BitOperations.PopCount(signs) << 7)) & 255;
    }

    /// <summary>Eight magnitudes, negated where a sign bit is set.</summary>
    public static void Store(ulong magnitudes, int signs, sbyte* q)
    {
        for (int i = 0; i < 8; i++)
        {
            var magnitude = (sbyte)(magnitudes >> (8 * i));
            q[i] = ((signs >> i) & 1) != 0 ? (sbyte)-magnitude : magnitude;
        }
    }

    /// <summary>Eight values 8t + 1, or 8t - 1, of entry <paramref name="index"/> of <see cref="IQ1"/>.</summary>
    public static void StoreTernary(int index, bool minus, sbyte* q)
    {
        int entry = IQ1[index];
        for (int i = 0; i < 8; i++) q[i] = (sbyte)((((entry >> i) & 1) + ((entry >> (8 + i)) & 1) - 1) * 8 + (minus ? -1 : 1));
    }
}
