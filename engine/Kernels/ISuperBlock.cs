namespace Edge.Llm.Kernels;

/// <summary>What the x64 kernels know of a K-quant's layout at any width.</summary>
internal interface ISuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    static abstract int Bytes { get; }

    /// <summary>Where D and DMin stand together as 32 bits; without minimums D is the upper half (the lower one belongs to something else).</summary>
    static abstract int HalvesOffset { get; }

    /// <summary>There are minimums, a float step of their own. Without them an integer offset belongs to the products.</summary>
    static abstract bool HasMins { get; }

    /// <summary>Minimums or offsets hold for 16 values, not 32.</summary>
    static abstract bool By16 { get; }

    /// <summary>Vectors of products u8 * s8 of one scale that int16 holds: 8, 4 or 2. The lanes of vpmaddubsw are two products each.</summary>
    static abstract int Joins { get; }
}
