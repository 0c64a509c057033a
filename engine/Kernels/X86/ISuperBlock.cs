using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>A super-block as the x64 kernels of any width see it. Without minimums an integer offset belongs to the products.</summary>
internal unsafe interface ISuperBlock : IGroup
{
    /// <summary>See <see cref="ISuperBlockLayout.ScalePair"/>.</summary>
    static abstract int ScalePair(byte* w);

    /// <summary>See <see cref="ISuperBlockLayout.Factor"/>.</summary>
    static virtual float Factor => 1;

    /// <summary>Vectors of products u8 * s8 of one scale whose sum int16 holds: 8, 4, 2 or 1. A lane of vpmaddubsw is two products.</summary>
    static abstract int ProductsPerInt16 { get; }

    /// <summary>Pieces that a tile keeps a value in: 2, its nibbles, where products of the whole value leave no room in int16; else 1.
    /// A block of 32 values then takes twice the room: low nibbles with their scale, high nibbles with theirs.</summary>
    static virtual int Nibbles => 1;

    /// <summary>Lanes whose sum is that of minimum * sum of activations, if there are minimums.</summary>
    static virtual Vector128<int> MinProducts(byte* w, byte* x) => Vector128<int>.Zero;
}

/// <summary>A super-block with the layout of its format.</summary>
internal unsafe interface ISuperBlock<TFormat> : ISuperBlock, IGroup<TFormat> where TFormat : IUnsignedSuperBlock
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int ISuperBlock.ScalePair(byte* w) => TFormat.ScalePair(w);

    static int ISuperBlock.ProductsPerInt16 => TFormat.ProductsPerInt16;
}
