using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>What decides the size of the scratch: so many tokens a forward pass, so many rows of logits, so many threads.</summary>
internal readonly record struct ActivationShape(ModelConfig Config, Weights Weights, int BatchSize, int LogitsRows, int Threads);

/// <summary>All memory a forward pass works in, besides weights and cache: one allocation, made once.</summary>
internal sealed unsafe class Activations : IDisposable
{
    private readonly AlignedBuffer? _memory;

    // Lays the buffers out from an address on; with null it only measures, so that what is planned is what is allocated.
    private Activations(ActivationShape shape, AlignedBuffer? memory)
    {
        _memory = memory;
        var carver = new Carver(memory);
        ModelConfig c = shape.Config;
        int n = shape.BatchSize;
        X = carver.Rows(n, c.EmbeddingLength);
        H = carver.Rows(n, c.EmbeddingLength);
        Q = carver.Rows(n, c.HeadCount * c.KeyLength);
        K = carver.Rows(n, c.HeadCountKv * c.KeyLength);
        V = carver.Rows(n, c.HeadCountKv * c.ValueLength);
        Kqv = carver.Rows(n, c.HeadCount * c.ValueLength);
        Gate = carver.Rows(n, c.FeedForwardLength);
        Up = carver.Rows(n, c.FeedForwardLength);
        Logits = carver.Rows(shape.LogitsRows, c.VocabSize);
        Cos = carver.Rows(n, c.Rope.Dimensions);
        Sin = carver.Rows(n, c.Rope.Dimensions);
        Tokens = (int*)carver.Bytes(n * (long)sizeof(int));
        Positions = (int*)carver.Bytes(n * (long)sizeof(int));
        PackedQ8_K = carver.Bytes(PackedBytes(shape, ActivationFormat.Q8_K));
        PackedQ8_0x8 = carver.Bytes(PackedBytes(shape, ActivationFormat.Q8_32));
        ScratchStride = (nint)Carver.RoundUp(Math.Max(MatMulArgs.GemmScratchBytes(n),
            AttentionArgs.ScratchBytes(Math.Min(n, MaxRun(c)), c.HeadCount / c.HeadCountKv, c.KeyLength, c.ValueLength)));
        Scratch = carver.Bytes(ScratchStride * shape.Threads);
        Bytes = carver.Used;
    }

    /// <summary>The residual stream [n, n_embd].</summary>
    public FloatRows X { get; }

    /// <summary>What a sub-layer starts from (normed) and ends with [n, n_embd].</summary>
    public FloatRows H { get; }

    /// <summary>Queries [n, n_head * head_dim].</summary>
    public FloatRows Q { get; }

    /// <summary>Keys [n, n_head_kv * head_dim].</summary>
    public FloatRows K { get; }

    /// <summary>Values [n, n_head_kv * head_dim].</summary>
    public FloatRows V { get; }

    /// <summary>Output of attention, heads side by side [n, n_head * head_dim].</summary>
    public FloatRows Kqv { get; }

    /// <summary>Gate of the feed-forward network [n, n_ff].</summary>
    public FloatRows Gate { get; }

    /// <summary>What the gate multiplies [n, n_ff].</summary>
    public FloatRows Up { get; }

    /// <summary>Logits of the rows asked for [rows, n_vocab].</summary>
    public FloatRows Logits { get; }

    /// <summary>Cosines of the batch's rotary angles [n, n_rot].</summary>
    public FloatRows Cos { get; }

    /// <summary>Their sines.</summary>
    public FloatRows Sin { get; }

    /// <summary>The batch's tokens [n].</summary>
    public int* Tokens { get; }

    /// <summary>Their positions [n].</summary>
    public int* Positions { get; }

    /// <summary>A matmul's input, quantized for the K-quants; null if no weight asks for it.</summary>
    public byte* PackedQ8_K { get; }

    /// <summary>A matmul's input, quantized for blocks of 32; null if no weight asks for it.</summary>
    public byte* PackedQ8_0x8 { get; }

    /// <summary>Working memory of thread 0.</summary>
    public byte* Scratch { get; }

    /// <summary>Bytes from one thread's working memory to the next's.</summary>
    public nint ScratchStride { get; }

    /// <summary>Size of it all.</summary>
    public long Bytes { get; }

    /// <summary>Tokens that one call of the attention kernel takes: about 64 query rows share each pass over the cache.</summary>
    public static int MaxRun(ModelConfig config) => Math.Clamp(64 / (config.HeadCount / config.HeadCountKv), 8, 64);

    /// <summary>Bytes that <see cref="Allocate"/> will take.</summary>
    public static long Measure(ActivationShape shape) => new Activations(shape, null).Bytes;

    /// <summary>Allocates.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory.</exception>
    public static Activations Allocate(ActivationShape shape) => new(shape, new AlignedBuffer(Measure(shape)));

    /// <inheritdoc/>
    public void Dispose() => _memory?.Dispose();

    private static long PackedBytes(ActivationShape shape, ActivationFormat format)
    {
        long widest = 0;
        foreach (Tensor tensor in shape.Weights.Matrices())
            if (KernelTable.FindFormat(tensor.Type)!.Activation == format)
                widest = Math.Max(widest, tensor.Ne0);
        return PackedActivations.BufferBytes(shape.BatchSize, (int)widest);
    }

    /// <summary>Hands out pieces of a buffer, each on a cache line; measures when there is none.</summary>
    private struct Carver(AlignedBuffer? memory)
    {
        public long Used { get; private set; }

        public byte* Bytes(long bytes)
        {
            byte* piece = memory is null || bytes == 0 ? null : memory.Data + Used;
            Used += RoundUp(bytes);
            return piece;
        }

        public FloatRows Rows(int count, int width) =>
            new((float*)Bytes((long)count * FloatRows.PaddedWidth(width) * sizeof(float)), count, width);

        public static long RoundUp(long bytes) => (bytes + AlignedBuffer.Alignment - 1) / AlignedBuffer.Alignment * AlignedBuffer.Alignment;
    }
}
