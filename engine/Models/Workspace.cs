using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>All memory a forward pass works in, besides weights and cache. Each part claims its buffers when it is made. Buffers
/// claimed within a <see cref="Scope"/> hold something only while their owner computes: scopes overlay one another. Without memory a
/// workspace only measures, so that what is planned is what is allocated.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    private readonly AlignedBuffer? _memory;
    private readonly int _batchSize;
    private long _kept, _scoped, _widest; // bytes kept, bytes of the open scope, bytes of the largest scope
    private readonly long _scopesAt; // behind what is kept, as measured
    private bool _inScope;
    private long _scratchBytes;
    private readonly long[] _packedBytes = new long[3]; // of inputs, by their packed form

    private Workspace(int batchSize, AlignedBuffer? memory, long scopesAt)
    {
        _batchSize = batchSize;
        _memory = memory;
        _scopesAt = scopesAt;
        _scratchBytes = MatMulArgs.GemmScratchBytes(batchSize);
    }

    /// <summary>Tokens that one pass may take.</summary>
    public int BatchSize => _batchSize;

    /// <summary>Working memory of each thread, of this many bytes; null while measuring.</summary>
    public byte* Scratch { get; private set; }

    /// <summary>Bytes from one thread's working memory to the next's.</summary>
    public nint ScratchStride { get; private set; }

    /// <summary>A matmul's input, quantized for the K-quants; null if no weight reads it so.</summary>
    public byte* PackedQ8_K { get; private set; }

    /// <summary>A matmul's input, quantized for blocks of 32; null if no weight reads it so.</summary>
    public byte* PackedQ8_32 { get; private set; }

    /// <summary>Size of it all, once it is complete.</summary>
    public long Bytes { get; private set; }

    /// <summary>Measures what <paramref name="make"/> claims, then allocates it and lets it claim again.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory.</exception>
    public static Workspace Allocate<T>(int batchSize, int threads, Func<Workspace, T> make, out T made)
    {
        Workspace measure = Measure(batchSize, threads, make);
        var memory = new AlignedBuffer(measure.Bytes);
        var workspace = new Workspace(batchSize, memory, measure.KeptBytes);
        made = make(workspace);
        workspace.Complete(threads);
        return workspace;
    }

    /// <summary>A workspace without memory: the size of what <paramref name="make"/> claims.</summary>
    public static Workspace Measure<T>(int batchSize, int threads, Func<Workspace, T> make)
    {
        var workspace = new Workspace(batchSize, null, 0);
        make(workspace);
        workspace.Complete(threads);
        return workspace;
    }

    /// <summary>Begins a scope: what is claimed until the result is disposed of may lie where other scopes' buffers lie.</summary>
    public Scoped Scope()
    {
        _inScope = true;
        _scoped = 0;
        return new Scoped(this);
    }

    /// <summary>A row of floats for each token of a batch.</summary>
    public FloatRows Rows(int width) => Rows(_batchSize, width);

    /// <summary>Rows of floats.</summary>
    public FloatRows Rows(int count, int width) => new((float*)Claim((long)count * FloatRows.PaddedWidth(width) * sizeof(float)), count, width);

    /// <summary>A row of floats for each token of a batch, which hold something during a whole pass, whichever scope is open.</summary>
    public FloatRows RowsOfPass(int width) => RowsOfPass(_batchSize, width);

    /// <summary>Rows of floats that hold something during a whole pass, whichever scope is open.</summary>
    public FloatRows RowsOfPass(int count, int width)
    {
        bool inScope = _inScope;
        _inScope = false;
        FloatRows rows = Rows(count, width);
        _inScope = inScope;
        return rows;
    }

    /// <summary>A number for each token of a batch.</summary>
    public int* Ints() => (int*)Claim(_batchSize * (long)sizeof(int));

    /// <summary>Working memory that each thread needs at least.</summary>
    public void ClaimScratch(long bytes) => _scratchBytes = Math.Max(_scratchBytes, bytes);

    /// <summary>Room to pack the input of a weight: a row for each token of a batch.</summary>
    public void ClaimInput(Linear linear) => ClaimInput(linear, _batchSize);

    /// <summary>Room to pack rows of a weight's input.</summary>
    public void ClaimInput(Linear linear, int rows)
    {
        ref long largest = ref _packedBytes[(int)linear.Input];
        largest = Math.Max(largest, PackedActivations.BufferBytes(rows, linear.InputLength));
        ClaimScratch(MatMulArgs.GemmScratchBytes(rows));
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _memory?.Dispose();

    private long KeptBytes { get; set; }

    private void Complete(int threads)
    {
        KeptBytes = _kept;
        _kept += _widest;
        PackedQ8_K = Claim(_packedBytes[(int)InputFormats.Q8_K]);
        PackedQ8_32 = Claim(_packedBytes[(int)InputFormats.Q8_32]);
        ScratchStride = (nint)AlignedBuffer.RoundUp(_scratchBytes);
        Scratch = Claim(ScratchStride * threads);
        Bytes = _kept;
    }

    private byte* Claim(long bytes)
    {
        ref long used = ref _inScope ? ref _scoped : ref _kept;
        long at = _inScope ? _scopesAt + _scoped : _kept;
        used += AlignedBuffer.RoundUp(bytes);
        return _memory is null || bytes == 0 ? null : _memory.Data + at;
    }

    private void EndScope()
    {
        _inScope = false;
        _widest = Math.Max(_widest, _scoped);
    }

    /// <summary>An open scope.</summary>
    public readonly ref struct Scoped(Workspace workspace)
    {
        public void Dispose() => workspace.EndScope();
    }
}
