namespace Edge.Llm.Kernels;

/// <summary>Attention of consecutive tokens of one sequence, for the query heads that share one KV head. Keys and values are read in
/// place from the cache's blocks of 64 positions.</summary>
/// <remarks>Canonical order: each block of 64 absolute positions gives a maximum m_b, a sum l_b of exp(s - m_b) and an unnormalised
/// output o_b (positions ascending, one FMA each); blocks combine ascending. The result does not depend on how tokens or blocks are
/// split over calls and threads.</remarks>
internal unsafe struct AttentionArgs
{
    /// <summary>Positions in a cache block.</summary>
    public const int BlockLength = 64;

    /// <summary>Rotated queries: head h of token t at Q + t * QTokenStride + h * HeadDim floats.</summary>
    public float* Q;

    /// <summary>Floats from one token's queries to the next.</summary>
    public nint QTokenStride;

    /// <summary>Query heads that share the KV head.</summary>
    public int Heads;

    /// <summary>Values in a head of keys and queries; rows in the cache are padded with zeros to <see cref="PaddedHeadDim"/>.</summary>
    public int KeyDim;

    /// <summary>Values in a head of values.</summary>
    public int ValueDim;

    /// <summary>Tokens.</summary>
    public int Tokens;

    /// <summary>Absolute position of the first token; token t sees positions FirstVisible(t)..FirstPosition + t.</summary>
    public int FirstPosition;

    /// <summary>Positions a token looks back over, itself included, and forward as well without a causal mask; int.MaxValue without a
    /// sliding window.</summary>
    public int Window;

    /// <summary>A token sees no position before its own chunk of this many; 0: no chunks.</summary>
    public int Chunk;

    /// <summary>Without a causal mask: the end of the sequence. 0: causal.</summary>
    public int VisibleEnd;

    /// <summary>Factor on the scores, before the maximum.</summary>
    public float Scale;

    /// <summary>Bound c of the scores: c * tanh(score / c) takes a score's place. 0: none.</summary>
    public float Softcap;

    /// <summary>What is added to the score of head h at a distance of key - query positions: Bias[h * BiasStride + distance]; null: nothing.</summary>
    public float* Bias;

    /// <summary>Floats from one head's biases to the next's.</summary>
    public nint BiasStride;

    /// <summary>A score for each head that joins last, in the maximum and the sum but not in the output (an attention sink); null: none.</summary>
    public float* Sinks;

    /// <summary>First byte of each of the sequence's cache blocks, by position / 64.</summary>
    public byte** Blocks;

    /// <summary>Brings keys to floats: <see cref="IFloatSet.LoadKv"/> of their type.</summary>
    public delegate*<byte*, nint, int, int, float*, void> LoadKeys;

    /// <summary>The same for the values.</summary>
    public delegate*<byte*, nint, int, int, float*, void> LoadValues;

    /// <summary>Offset in a block of this layer's and KV head's keys: 64 rows.</summary>
    public nint KeyOffset;

    /// <summary>Bytes from one position's key to the next's, at least <see cref="RowBytes"/>.</summary>
    public nint KeyStride;

    /// <summary>The same for the values.</summary>
    public nint ValueOffset;

    /// <summary>The same for the values. Where a value is the beginning of its key, offset and stride are the keys' own.</summary>
    public nint ValueStride;

    /// <summary>Output of head h of token t at Out + t * OutTokenStride + h * ValueDim floats.</summary>
    public float* Out;

    /// <summary>Floats from one token's outputs to the next.</summary>
    public nint OutTokenStride;

    /// <summary>Working memory of <see cref="ScratchBytes"/>, 64-byte aligned.</summary>
    public byte* Scratch;

    /// <summary>The first position that token t sees.</summary>
    public readonly int StartOf(int t)
    {
        int position = FirstPosition + t;
        return Chunk > 0 ? position / Chunk * Chunk : (int)Math.Max(0, position + 1L - Window);
    }

    /// <summary>The end of the positions that token t sees.</summary>
    public readonly int EndOf(int t) => (int)Math.Min((long)FirstPosition + t + (VisibleEnd > 0 ? Window : 1), VisibleEnd > 0 ? VisibleEnd : int.MaxValue);

    /// <summary>Row lengths in the cache: multiples of 32, so that 16 lanes and q8_0 blocks fit.</summary>
    public static int PaddedHeadDim(int headDim) => (headDim + 31) & ~31;

    /// <summary>Bytes of one cached row of a head.</summary>
    public static int RowBytes(KvType type, int headDim) => PaddedHeadDim(headDim) / 32 * KvFormat.All[(int)type].Bytes32;

    /// <summary>Working memory for tokens and heads: queries, outputs, maximum and sum of each; the floats of one block of keys
    /// and of values; one block's scores and output.</summary>
    public static int ScratchBytes(int tokens, int heads, int keyDim, int valueDim)
    {
        int dims = PaddedHeadDim(keyDim) + PaddedHeadDim(valueDim);
        return sizeof(float) * ((tokens * heads * (dims + 2)) + (BlockLength * dims) + PaddedHeadDim(valueDim) + BlockLength);
    }
}
