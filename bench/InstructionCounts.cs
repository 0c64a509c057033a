using System.Globalization;
using System.IO.MemoryMappedFiles;
using Edge.Llm.Kernels;

namespace Edge.Llm.Bench;

/// <summary>Instructions that the kernels execute, read from the counters of the emulator plug-in (bench/instruction-count.c) that
/// bench/arm64-instructions runs this under. Arguments name types; none: all. A table in Markdown.</summary>
internal sealed unsafe class InstructionCounts : IDisposable
{
    private const int Rows = 32, GemmTokens = 64, Slots = 2 * 64;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly ulong* _counters;

    private InstructionCounts(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        _view = _file.CreateViewAccessor();
        byte* data = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref data);
        _counters = (ulong*)data;
    }

    public static int Run(string[] names)
    {
        if (Environment.GetEnvironmentVariable("EDGE_LLM_COUNTERS") is not { } path)
        {
            Console.Error.WriteLine("instructions: EDGE_LLM_COUNTERS names no file of counters; run bench/arm64-instructions");
            return 2;
        }
        using var counts = new InstructionCounts(path);
        Console.WriteLine("| type | instruction set | decode: a weight | vector | prefill: a weight and token | vector |");
        Console.WriteLine("| --- | --- | --: | --: | --: | --: |");
        IEnumerable<KernelRow> rows = KernelTable.Rows.Where(row => row.Isa != Isa.Scalar);
        foreach (KernelRow row in rows.OrderBy(row => row.Type.ToString(), StringComparer.Ordinal).ThenBy(row => row.Isa))
        {
            if (names.Length > 0 && !names.Contains(row.Type.ToString(), StringComparer.OrdinalIgnoreCase)) continue;
            using var work = new KernelWork(row, 1 << 20);
            (double gemv, double gemvVector) = counts.Difference(() => work.Gemv(Rows), () => work.Gemv(2 * Rows), Rows * KernelWork.K);
            (double gemm, double gemmVector) = counts.Difference(
                () => work.Gemm(Rows, GemmTokens), () => work.Gemm(2 * Rows, GemmTokens), Rows * KernelWork.K * GemmTokens);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {row.Type} | {KernelSet.Name(row.Isa)} | {gemv:F3} | {gemvVector / gemv:P0} | {gemm:F3} | {gemmVector / gemm:P0} |"));
        }
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    // What the larger work executes beyond the smaller, for each of the units that it has more.
    private (double All, double Vector) Difference(Action smaller, Action larger, long units)
    {
        (ulong All, ulong Vector) less = Count(smaller), more = Count(larger);
        return ((double)(more.All - less.All) / units, (double)(more.Vector - less.Vector) / units);
    }

    // The least of some runs: other threads of the runtime, and the first run's compilation, only add.
    private (ulong All, ulong Vector) Count(Action work)
    {
        (ulong All, ulong Vector) least = (ulong.MaxValue, ulong.MaxValue);
        for (int i = 0; i < 4; i++)
        {
            (ulong All, ulong Vector) before = Total();
            work();
            (ulong All, ulong Vector) after = Total();
            least = (Math.Min(least.All, after.All - before.All), Math.Min(least.Vector, after.Vector - before.Vector));
        }
        return least;
    }

    private (ulong All, ulong Vector) Total()
    {
        (ulong All, ulong Vector) total = default;
        for (int i = 0; i < Slots; i += 2)
            total = (total.All + Volatile.Read(ref _counters[i]), total.Vector + Volatile.Read(ref _counters[i + 1]));
        return total;
    }
}
