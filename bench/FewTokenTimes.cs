using System.Diagnostics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Bench;

/// <summary>What sequences that are decoded together cost: nanoseconds for a row's 256 values times 1 to 16 tokens, best of many runs, with the weights
/// in the cache, and from memory by two threads, each with rows of its own. Arguments name types; none: those of Q4_K_M and Q8_0.</summary>
internal static class FewTokenTimes
{
    private static readonly int[] s_tokens = [1, 2, 3, 4, 5, 6, 8, 12, 16];

    public static int Run(string[] names)
    {
        if (names.Length == 0) names = ["Q4_K", "Q6_K", "Q8_0"];
        Console.WriteLine($"{"type",-6} {"isa",-8} {"from",-6} {string.Join(' ', s_tokens.Select(tokens => $"{tokens,6}"))}");
        foreach (KernelRow row in KernelTable.Rows.Where(row => row.Isa != Isa.Scalar))
        {
            if (!names.Contains(row.Type.ToString(), StringComparer.OrdinalIgnoreCase)) continue;
            using var work = new KernelWork(row);
            int cached = (int)((256 << 10) / work.RowBytes) / MatMulArgs.TileRows * MatMulArgs.TileRows;
            int all = (int)((96 << 20) / work.RowBytes) / (2 * MatMulArgs.TileRows) * MatMulArgs.TileRows; // of each thread
            Print(row, "cache", 40, tokens => Seconds(() => Multiply(work, 0, cached, tokens)) / cached);
            Print(row, "memory", 5, tokens => Seconds(() => Parallel.For(0, 2, half => Multiply(work, half * all, all, tokens))) / all);
        }
        return 0;
    }

    private static void Print(KernelRow row, string from, int rounds, Func<int, double> secondsPerRow)
    {
        double[] best = new double[s_tokens.Length];
        Array.Fill(best, double.MaxValue);
        for (int round = 0; round < rounds; round++)
            for (int i = 0; i < s_tokens.Length; i++) best[i] = Math.Min(best[i], secondsPerRow(s_tokens[i]));
        string times = string.Join(' ', best.Select(seconds => $"{seconds * 1e9 / (KernelWork.K / 256),6:F2}"));
        Console.WriteLine($"{row.Type,-6} {KernelSet.Name(row.Isa),-8} {from,-6} {times}");
    }

    private static void Multiply(KernelWork work, int first, int rows, int tokens)
    {
        for (int row = first; row < first + rows; row += 512) work.Multiply(row, Math.Min(512, first + rows - row), tokens);
    }

    private static double Seconds(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
