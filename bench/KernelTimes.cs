using System.Diagnostics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Bench;

/// <summary>Quick timing of the kernel table: the rows of one type take turns, and the best of many short runs counts, so that ratios
/// stay right on a machine that others use too. Columns: one token, GB/s from memory, from the cache, and the share of plain reading; GMAC/s of
/// 16 tokens with weights from memory, of 128 tokens, and the latter's share of <see cref="Peak"/>. Arguments name types; none: all.</summary>
internal static class KernelTimes
{
    public static int Run(string[] names)
    {
        bool worst = false;
        Console.WriteLine($"{"type",-6} {"isa",-10} {"GB/s",8} {"cached",8} {"of read",8} {"few",8} {"GMAC/s",8} {"of peak",8}   to scalar: gemv, gemm");
        foreach (GgmlType type in KernelTable.Rows.Select(row => row.Type).Distinct())
        {
            if (names.Length > 0 && !names.Contains(type.ToString(), StringComparer.OrdinalIgnoreCase)) continue;
            KernelRow[] rows = [.. KernelTable.Rows.Where(row => row.Type == type).OrderBy(row => row.Isa)];
            (double Gemv, double Cached, double Few, double Gemm)[] times = Time(rows);
            for (int i = 0; i < rows.Length; i++)
            {
                double gemv = times[0].Gemv / times[i].Gemv, gemm = times[0].Gemm / times[i].Gemm;
                bool slow = i > 0 && (gemv < 2 || gemm < 2);
                worst |= slow;
                double gigaMacs = KernelWork.GemmGigaMacs / times[i].Gemm, peak = Peak.GigaMacs(rows[i]);
                Console.WriteLine($"{type,-6} {KernelSet.Name(rows[i].Isa),-10} {1 / times[i].Gemv,8:F1} {1 / times[i].Cached,8:F1} " +
                    $"{1 / times[i].Gemv / Peak.ReadGigabytes(),8:P0} {1 / times[i].Few,8:F1} {gigaMacs,8:F1} {(peak > 0 ? (gigaMacs / peak).ToString("P0", null) : ""),8}" +
                    (i == 0 ? "" : $"   x{gemv:F1} x{gemm:F1}{(slow ? "  less than twice the scalar row" : "")}"));
            }
        }
        return worst ? 1 : 0;
    }

    // The scalar row is slow: it gets a smaller matrix and few turns. GEMV times are seconds a gigabyte, from memory and
    // in the cache; few: seconds 10^9 multiply-accumulates of 16 tokens, weights from memory.
    private static (double Gemv, double Cached, double Few, double Gemm)[] Time(KernelRow[] rows)
    {
        KernelWork[] work = [.. rows.Select(row => new KernelWork(row, row.Isa == Isa.Scalar ? 4 << 20 : 100 << 20))];
        KernelWork[] cached = [.. rows.Select(row => new KernelWork(row, 1 << 19))];
        var best = new (double Gemv, double Cached, double Few, double Gemm)[rows.Length];
        Array.Fill(best, (double.MaxValue, double.MaxValue, double.MaxValue, double.MaxValue));
        for (int round = 0; round < 40; round++)
            for (int i = 0; i < rows.Length; i++)
            {
                if (rows[i].Isa == Isa.Scalar && round is not (0 or 20)) continue;
                double large = Seconds(work[i].Gemv) / work[i].GemvGigabytes, small = double.MaxValue;
                for (int repeat = 0; repeat < (rows[i].Isa == Isa.Scalar ? 2 : 16); repeat++)
                    small = Math.Min(small, Seconds(cached[i].Gemv) / cached[i].GemvGigabytes);
                best[i] = (Math.Min(best[i].Gemv, large), Math.Min(best[i].Cached, small),
                    round % 4 == 0 ? Math.Min(best[i].Few, Seconds(work[i].Few) / work[i].FewGigaMacs) : best[i].Few, Math.Min(best[i].Gemm, Seconds(work[i].Gemm)));
            }
        foreach (KernelWork w in work.Concat(cached)) w.Dispose();
        return best;
    }

    private static double Seconds(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
