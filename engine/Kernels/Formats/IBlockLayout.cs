namespace Edge.Llm.Kernels;

/// <summary>How a format's block is laid out: what the SIMD kernels of every width must know to find their way in it. Each fact stands here
/// once, on the format's struct.</summary>
internal interface IBlockLayout
{
    /// <summary>Bytes of 256 values: of a super-block, or of several blocks.</summary>
    static abstract int GroupBytes { get; }

    /// <summary>There are minimums.</summary>
    static virtual bool HasMins => false;

    /// <summary>A scale, and a minimum, holds for 16 values, not for 32 or more.</summary>
    static virtual bool ScalesPer16 => false;
}

/// <summary>The layout of a super-block of 256 values.</summary>
internal unsafe interface ISuperBlockLayout : IBlockLayout
{
    /// <summary>D and DMin in one dword, half precision. Without minimums D is the upper half and the lower half may be anything.</summary>
    static abstract int ScalePair(byte* block);

    /// <summary>A power of two that D is to be multiplied by.</summary>
    static virtual float Factor => 1;
}

/// <summary>A super-block whose values are stored unsigned: kernels multiply them as they are and take minimums or offsets off the
/// sums.</summary>
internal interface IUnsignedSuperBlock : ISuperBlockLayout
{
    /// <summary>Vectors of products u8 * s8 of one scale whose sum int16 holds: 8, 4 or 2. A lane of vpmaddubsw is two products.</summary>
    static abstract int ProductsPerInt16 { get; }
}

/// <summary>256 values of a row, one super-block or several blocks, as an unpacker sees them.</summary>
internal interface IGroup
{
    /// <summary>Bytes of the group.</summary>
    static abstract int GroupBytes { get; }

    /// <summary>There are minimums.</summary>
    static abstract bool HasMins { get; }

    /// <summary>The unpacker gives a scale, and a minimum, for 16 values, not for 32.</summary>
    static abstract bool ScalesPer16 { get; }
}

/// <summary>A group with the layout of its format.</summary>
internal interface IGroup<TFormat> : IGroup where TFormat : IBlockLayout
{
    static int IGroup.GroupBytes => TFormat.GroupBytes;

    static bool IGroup.HasMins => TFormat.HasMins;

    static bool IGroup.ScalesPer16 => TFormat.ScalesPer16;
}
