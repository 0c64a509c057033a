namespace Edge.Llm.Kernels;

/// <summary>What the x64 kernels know of the layout of a format with super-blocks at any width.</summary>
internal unsafe interface ISuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    static abstract int Bytes { get; }

    /// <summary>D and DMin together, half precision; without minimums D is the upper half (the lower one may be anything).</summary>
    static abstract int ScalePair(byte* w);

    /// <summary>A power of two that D is to be multiplied by.</summary>
    static virtual float Factor => 1;

    /// <summary>There are minimums, a float step of their own. Without them an integer offset belongs to the products.</summary>
    static abstract bool HasMins { get; }

    /// <summary>Minimums or offsets hold for 16 values, not 32.</summary>
    static abstract bool ScalesPer16 { get; }

    /// <summary>Vectors of products u8 * s8 of one scale whose sum int16 holds: 8, 4, 2 or 1. A lane of vpmaddubsw is two products.</summary>
    static abstract int ProductsPerInt16 { get; }

    /// <summary>Pieces that a tile keeps a value in: 2, its nibbles, where products of the whole value leave no room in int16; else 1.
    /// A block of 32 values then takes twice the room: low nibbles with their scale, high nibbles with theirs.</summary>
    static virtual int Nibbles => 1;
}
