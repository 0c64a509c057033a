using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q5_0"/> with NEON.</summary>
internal readonly unsafe struct Q5_0_AdvSimd : IBlockGroupAdvSimd, IGroup<Q5_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        Q5_0* w = (Q5_0*)group + b;
        Vector128<byte> q = AdvSimd.LoadVector128(w->Qs);
        // A clear fifth bit takes 16 off: in two's complement, it sets the upper four. (The upper nibbles first: the other insertion overwrites q.)
        BitMasks(~Word(w->Qh), out Vector128<byte> b0, out Vector128<byte> b1);
        v1 = AdvSimd.ShiftRightAndInsert(b1, q, 4).AsSByte();
        v0 = AdvSimd.ShiftLeftAndInsert(q, b0, 4).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1) =>
        HalfFloatAdvSimd.Load8(&((Q5_0*)group)->D, Q5_0.Bytes, out d0, out d1);

    /// <summary>32 bits. (Loaded as a float: an integer would go through a general register, into a vector whose old lanes it waits for.)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Word(byte* bits) => Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<float>(bits)).AsByte();

    /// <summary>32 bits to bytes, all ones where the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void BitMasks(Vector128<byte> word, out Vector128<byte> b0, out Vector128<byte> b1)
    {
        Vector128<byte> bit = Vector128.Create(0x8040201008040201).AsByte();
        b0 = AdvSimd.CompareTest(AdvSimd.Arm64.VectorTableLookup(word, Vector128.Create(0ul, 0x0101010101010101).AsByte()), bit);
        b1 = AdvSimd.CompareTest(
            AdvSimd.Arm64.VectorTableLookup(word, Vector128.Create(0x0202020202020202ul, 0x0303030303030303).AsByte()), bit);
    }
}
