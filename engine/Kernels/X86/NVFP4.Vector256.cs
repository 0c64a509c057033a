using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="NVFP4"/> at 256 bits: signed bytes, for <see cref="SignedDot256"/> (a bias would need the
/// sums of 16 activations, which <see cref="Q8_32"/> does not have).</summary>
internal readonly unsafe struct NVFP4_Vector256 : IUnpack256, IGroup<NVFP4>
{
    public static int OffsetBits => -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants(byte* group, int b)
    {
        // Eight bytes serve a lane: low nibbles, then high ones.
        Vector256<ulong> q = Avx2.Permute4x64(Vector128.Load((ulong*)(((NVFP4*)group)[b / 2].Qs + (16 * (b % 2)))).ToVector256Unsafe(), 0x50);
        return Avx2.Shuffle(Levels, Avx2.ShiftRightLogicalVariable(q, Vector256.Create(0ul, 4, 0, 4)).AsByte() & Vector256.Create((byte)15));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector256<float> d, out Vector256<float> m)
    {
        // Two blocks of 32 in each dword: d of the first in byte 0, m in byte 1, those of the second in bytes 2 and 3.
        Vector256<int> all = Vector256.Create(*(int*)group, *(int*)group >> 16, *(int*)(group + 36), *(int*)(group + 36) >> 16,
            *(int*)(group + 72), *(int*)(group + 72) >> 16, *(int*)(group + 108), *(int*)(group + 108) >> 16);
        d = ToSingle(all);
        m = ToSingle(all >>> 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m)
    {
        Vector256<int> all = Transpose256.Dwords((byte*)((NVFP4*)group + b / 2), rowBytes) >>> (16 * (b % 2));
        d = ToSingle(all);
        m = ToSingle(all >>> 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        Transpose256.EightRows(((NVFP4*)group)[b / 2].Qs + (16 * (b % 2)), rowBytes,
            out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
        Store(v0, tile);
        Store(v1, tile + 64);
        Store(v2, tile + 256);
        Store(v3, tile + 320);
    }

    // MXFP4.Values in each half.
    private static Vector256<byte> Levels
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(0x0c08060403020100ul, 0xf4f8fafcfdfeff00, 0x0c08060403020100, 0xf4f8fafcfdfeff00).AsByte();
    }

    // High nibbles are eight values later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> q, byte* tile)
    {
        Vector256<byte> nibble = Vector256.Create((byte)15), levels = Levels;
        Avx2.Shuffle(levels, q.AsByte() & nibble).Store(tile);
        Avx2.Shuffle(levels, (q >>> 4).AsByte() & nibble).Store(tile + 128);
    }

    /// <summary><see cref="NVFP4.Scale"/> of the lowest byte of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ToSingle(Vector256<int> d)
    {
        Vector256<int> bits = d & Vector256.Create(0x7f), normal = (bits << 20) + Vector256.Create(119 << 23);
        Vector256<float> subnormal = Avx.ConvertToVector256Single(bits) * Vector256.Create(1f / 1024);
        Vector256<int> value = Vector256.ConditionalSelect(Vector256.LessThan(bits, Vector256.Create(8)), subnormal.AsInt32(), normal);
        return Vector256.AndNot(value, Vector256.Equals(d & Vector256.Create(0xff), Vector256.Create(0x7f))).AsSingle();
    }
}
