using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Edge.Llm.Kernels;

namespace Edge.Llm.Bench;

/// <summary>Every row of the kernel table under BenchmarkDotNet.</summary>
[Config(typeof(Config))]
#pragma warning disable CA1001 // BenchmarkDotNet calls Cleanup, and derives from the class
public class KernelBench
#pragma warning restore CA1001
{
    private KernelWork? _work;

    /// <summary>Format and instruction set.</summary>
    [ParamsSource(nameof(Rows))]
    public string Row { get; set; } = "";

    /// <summary>All rows that this machine can run.</summary>
    public static IEnumerable<string> Rows => KernelTable.Rows.Select(Name);

    /// <summary>Prepares one row's work.</summary>
    [GlobalSetup]
    public void Setup() => _work = new KernelWork(RowNamed(Row));

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Cleanup() => _work?.Dispose();

    /// <summary>One token, 100 MB of weights.</summary>
    [Benchmark]
    public void Gemv() => _work!.Gemv();

    /// <summary>128 tokens.</summary>
    [Benchmark]
    public void Gemm() => _work!.Gemm();

    private static KernelRow RowNamed(string name) => KernelTable.Rows.Single(row => Name(row) == name);

    private static string Name(KernelRow row) => $"{row.Type} {KernelSet.Name(row.Isa)}";

    private sealed class Config : ManualConfig
    {
        public Config()
        {
            AddColumn(new RateColumn("GB/s", nameof(Gemv), (100 << 20) / 1e9, _ => 1));
            AddColumn(new RateColumn("of plain reading", nameof(Gemv), (100 << 20) / 1e9, _ => Peak.ReadGigabytes()));
            AddColumn(new RateColumn("GMAC/s", nameof(Gemm), KernelWork.GemmGigaMacs, _ => 1));
            AddColumn(new RateColumn("of peak", nameof(Gemm), KernelWork.GemmGigaMacs, Peak.GigaMacs));
        }
    }

    // Work a second, or its share of what the machine gives at most: 0 if that is not known.
    private sealed class RateColumn(string name, string method, double work, Func<KernelRow, double> most) : IColumn
    {
        public string Id => name;

        public string ColumnName => name;

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public string Legend => $"{name} of {method}";

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
        {
            if (benchmarkCase.Descriptor.WorkloadMethod.Name != method || summary[benchmarkCase]?.ResultStatistics is not { } s) return "-";
            double rate = work / (s.Mean / 1e9), limit = most(RowNamed((string)benchmarkCase.Parameters[nameof(Row)]));
            return limit == 0 ? "-" : (rate / limit).ToString("F2", System.Globalization.CultureInfo.InvariantCulture);
        }

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public bool IsAvailable(Summary summary) => true;
    }
}
