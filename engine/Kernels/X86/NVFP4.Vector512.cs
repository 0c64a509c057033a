using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="NVFP4"/> for the 512-bit Gemm: plus 16, 4..28; a part has a scale.</summary>
internal readonly unsafe struct NVFP4_Vector512 : IUnpack512, IGroup<NVFP4>
{
    public static int OffsetBits => 4;

    public static int Steps => 4;

    public static short SecondPart => 1;

    public static int SecondStart => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector512<float> d, out Vector512<float> m)
    {
        Vector512<int> all = Transpose512.Dwords((byte*)((NVFP4*)group + b / 2), rowBytes) >>> (16 * (b % 2));
        d = ToSingle(all);
        m = ToSingle(all >>> 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        Transpose512.SixteenRows(((NVFP4*)group)[b / 2].Qs + (16 * (b % 2)), rowBytes,
            out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3);
        Store(v0, tile);
        Store(v1, tile + 128);
        Store(v2, tile + 512);
        Store(v3, tile + 640);
    }

    // High nibbles are eight values later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, byte* tile)
    {
        Vector512<byte> nibble = Vector512.Create((byte)15);
        // MXFP4.Values plus 16 in each lane.
        Vector512<byte> levels = Vector512.Create(
            0x1c18161413121110ul, 0x04080a0c0d0e0f10, 0x1c18161413121110, 0x04080a0c0d0e0f10,
            0x1c18161413121110, 0x04080a0c0d0e0f10, 0x1c18161413121110, 0x04080a0c0d0e0f10).AsByte();
        Avx512BW.Shuffle(levels, q.AsByte() & nibble).Store(tile);
        Avx512BW.Shuffle(levels, (q >>> 4).AsByte() & nibble).Store(tile + 256);
    }

    /// <summary><see cref="NVFP4.Scale"/> of the lowest byte of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ToSingle(Vector512<int> d)
    {
        Vector512<int> bits = d & Vector512.Create(0x7f), normal = (bits << 20) + Vector512.Create(119 << 23);
        Vector512<float> subnormal = Avx512F.ConvertToVector512Single(bits) * Vector512.Create(1f / 1024);
        Vector512<int> value = Vector512.ConditionalSelect(Vector512.LessThan(bits, Vector512.Create(8)), subnormal.AsInt32(), normal);
        return Vector512.AndNot(value, Vector512.Equals(d & Vector512.Create(0xff), Vector512.Create(0x7f))).AsSingle();
    }
}
