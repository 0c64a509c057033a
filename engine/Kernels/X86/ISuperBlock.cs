namespace Edge.Llm.Kernels;

/// <summary>What the x64 kernels know of the layout of a format with super-blocks at any width.</summary>
internal unsafe interface ISuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    static abstract int Bytes { get; }

    /// <summary>D and DMin together, half precision; without minimums D is the upper half (the lower one may be anything).</summary>
    static abstract int Halves(byte* w);

    /// <summary>A power of two that D is to be multiplied by.</summary>
    static virtual float Factor => 1;

    /// <summary>There are minimums, a float step of their own. Without them an integer offset belongs to the products.</summary>
    static abstract bool HasMins { get; }

    /// <summary>Minimums or offsets hold for 16 values, not 32.</summary>
    static abstract bool By16 { get; }

    /// <summary>Vectors of products u8 * s8 of one scale that int16 holds: 8, 4, 2 or 1. The lanes of vpmaddubsw are two products each.</summary>
    static abstract int Joins { get; }

    /// <summary>Parts that a tile's values are split into, low nibbles and high nibbles, where a whole one leaves no room in int16: 2, else
    /// 1. Blocks of 32 values then stand twice, each part with its scale.</summary>
    static virtual int Parts => 1;
}
