using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Software prefetch where the processor has it: it never faults, so it may run past the end of the weights.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Prefetches the cache line of an address that is read soon. (Sse is in every x64 baseline: the test is a constant.)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* p)
    {
        if (Sse.IsSupported) Sse.Prefetch0(p);
    }
}

/// <summary>The rows of the tile that a GEMM of many tokens unpacks next. They are prefetched while the tokens pass through this tile, a few rows in each of
/// the last passes: in one pass they would hold up the loads behind them, earlier they would be evicted again. They may lie past the matrix.</summary>
/// <param name="row">The first row's blocks.</param>
/// <param name="rowBytes">Bytes from a row to the next.</param>
/// <param name="rows">How many rows.</param>
/// <param name="passes">How many passes there are.</param>
internal unsafe struct NextTile(byte* row, nint rowBytes, int rows, int passes)
{
    private readonly nint _rowBytes = rowBytes;
    private readonly int _rows = rows, _atOnce = passes == 0 ? rows : (rows + passes - 1) / passes;
    private byte* _row = row;

    /// <summary>Prefetches the share of one pass.</summary>
    /// <param name="bytes">Bytes of a row.</param>
    /// <param name="left">How many passes follow.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int bytes, int left)
    {
        if (left * _atOnce >= _rows) return;
        for (int r = 0; r < _atOnce; r++, _row += _rowBytes)
            for (int line = 0; line < bytes; line += 64) Kernels.Prefetch.Read(_row + line);
    }
}

/// <summary>The weights that a GEMM of few tokens reads later, prefetched while it works on a strip of rows: the strip's next eight groups, or the
/// first ones of the next rows. The time between two tiles is too short for <see cref="NextTile"/>: here a share is prefetched at every step of
/// the work, and in the order of the addresses, row by row. More than eight groups of long rows would leave the cache before their turn.
/// They may lie past the matrix.</summary>
internal unsafe struct NextGroups
{
    /// <summary>Groups of a strip, from a multiple of it on, that one of these follows.</summary>
    public const int Count = 8;

    private readonly nint _rowBytes;
    private readonly int _width, _share;
    private byte* _row;
    private int _at, _due;

    /// <summary>What follows a strip's groups.</summary>
    /// <param name="args">The product.</param>
    /// <param name="row">The strip's first row.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="group">The first of the groups, of 256 values.</param>
    /// <param name="groupBytes">Bytes of a row's group.</param>
    /// <param name="steps">Steps of the work on a group.</param>
    public NextGroups(MatMulArgs* args, int row, int rows, int group, int groupBytes, int steps)
    {
        int groups = (args->K + 255) / 256, here = Math.Min(Count, groups - group), left = groups - group - here;
        _row = args->W + ((left > 0 ? row : row + rows) * args->RowBytes) + (left > 0 ? (nint)(group + here) * groupBytes : 0);
        _rowBytes = args->RowBytes;
        _width = Math.Min(Count, left > 0 ? left : groups) * groupBytes;
        int lines = rows * ((_width + 63) / 64);
        _share = ((64 * lines) + (here * steps) - 1) / (here * steps);
    }

    /// <summary>Tokens are few where reading a group takes about as long as multiplying it. Measured with Q4_K at 11 and Q6_K at 16 (Zen 5).</summary>
    public static bool Suits(int tokens, int groupBytes) => tokens < 4 || 13 * tokens <= groupBytes;

    /// <summary>Prefetches the share of a step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch()
    {
        for (_due += _share; _due >= 64; _due -= 64)
        {
            Kernels.Prefetch.Read(_row + _at);
            _at += 64;
            if (_at < _width) continue;
            _at = 0;
            _row += _rowBytes;
        }
    }
}
