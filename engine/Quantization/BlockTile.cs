using System.Runtime.CompilerServices;

namespace Edge.Llm.Quantization;

/// <summary>Sixteen blocks side by side, one a lane: what is computed for a block is computed for all at once, no sum crosses lanes, and
/// the bits are the same on every instruction set. Blocks that are missing are zeros.</summary>
internal readonly unsafe struct BlockTile
{
    /// <summary>Blocks of a tile.</summary>
    public const int Lanes = 16;

    /// <summary>Longest block.</summary>
    public const int MaxLength = 32;

    /// <summary>Floats of working memory that a tile takes.</summary>
    public const int Floats = 3 * MaxLength * Lanes;

    /// <summary>A tile of blocks of <paramref name="length"/> values in working memory of <see cref="Floats"/>, aligned to 64 bytes.</summary>
    public BlockTile(float* memory, int length)
    {
        X = memory;
        W = memory + MaxLength * Lanes;
        Levels = memory + 2 * MaxLength * Lanes;
        Length = length;
    }

    /// <summary>Values, [Length][16].</summary>
    public float* X { get; }

    /// <summary>How much an error of each counts, [Length][16].</summary>
    public float* W { get; }

    /// <summary>Room for the result: the level that stands for each, [Length][16].</summary>
    public float* Levels { get; }

    /// <summary>Values of a block.</summary>
    public int Length { get; }

    /// <summary>Takes in consecutive blocks and the weights of their values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Load(float* x, float* weights, int blocks)
    {
        for (int lane = 0; lane < blocks; lane++)
            for (int i = 0; i < Length; i++)
            {
                X[i * Lanes + lane] = x[lane * Length + i];
                W[i * Lanes + lane] = weights[lane * Length + i];
            }
        for (int i = 0; blocks < Lanes && i < Length; i++)
        {
            new Span<float>(X + i * Lanes + blocks, Lanes - blocks).Clear();
            new Span<float>(W + i * Lanes + blocks, Lanes - blocks).Fill(1);
        }
    }

    /// <summary>The level of value <paramref name="i"/> of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Level(int lane, int i) => (int)Levels[i * Lanes + lane];
}
