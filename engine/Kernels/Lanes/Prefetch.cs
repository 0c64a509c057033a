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

/// <summary>The rows of the tile that a GEMM unpacks next. They are prefetched while the tokens pass through this tile, a few rows in each of
/// the last passes: in one pass they would hold up the loads behind them, earlier they would be evicted again. They may lie past the matrix.</summary>
/// <param name="row">The first row's blocks.</param>
/// <param name="rowBytes">Bytes from a row to the next.</param>
/// <param name="rows">How many rows.</param>
/// <param name="passes">How many passes there are; without any, the first call prefetches all rows.</param>
internal unsafe struct NextTile(byte* row, nint rowBytes, int rows, int passes)
{
    private readonly nint _rowBytes = rowBytes;
    private readonly int _rows = rows, _atOnce = (rows + Math.Max(1, passes) - 1) / Math.Max(1, passes);
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
