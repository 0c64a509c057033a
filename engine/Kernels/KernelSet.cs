namespace Edge.Llm.Kernels;

/// <summary>The kernels one engine uses: for each format the best row that the machine, and EDGE_LLM_ISA or the caller, allow.</summary>
internal sealed class KernelSet
{
    private readonly KernelRow?[] _rows;

    private KernelSet(Isa isa, KernelRow?[] rows)
    {
        Isa = isa;
        _rows = rows;
        Float = FloatKernels.For(isa);
    }

    /// <summary>The instruction set in force.</summary>
    public Isa Isa { get; }

    /// <summary>Norms, rotary embedding, activation functions, attention, quantizing of activations.</summary>
    public FloatKernels Float { get; }

    /// <summary>The best kernels of this machine, or of the instruction set that the environment variable EDGE_LLM_ISA names.</summary>
    public static KernelSet Default() => For(ParseIsa(Environment.GetEnvironmentVariable("EDGE_LLM_ISA")) ?? KernelTable.SupportedIsas()[^1]);

    /// <summary>The kernels of one instruction set; a format without a row of that set takes its best lesser one.</summary>
    public static KernelSet For(Isa isa)
    {
        Isa[] supported = KernelTable.SupportedIsas();
        if (!supported.Contains(isa))
            throw new EdgeLlmException(ErrorCode.Unsupported,
                $"instruction set {Name(isa)} is not available with this build on this machine; there are: {string.Join(", ", supported.Select(Name))}");
        var rows = new KernelRow?[GgmlTypes.All.Max(info => (int)info.Type) + 1];
        foreach (KernelRow row in KernelTable.Rows)
            if (row.Isa <= isa && (rows[(int)row.Type] is not { } best || best.Isa < row.Isa))
                rows[(int)row.Type] = row;
        return new KernelSet(isa, rows);
    }

    /// <summary>Null for null or empty; the instruction set of that name; or an error that names those there are.</summary>
    public static Isa? ParseIsa(string? name)
    {
        if (string.IsNullOrEmpty(name)) return null;
        foreach (Isa isa in Enum.GetValues<Isa>())
            if (Name(isa).Equals(name, StringComparison.OrdinalIgnoreCase))
                return isa;
        throw new EdgeLlmException(ErrorCode.InvalidArgument,
            $"unknown instruction set '{name}'; there are: {string.Join(", ", Enum.GetValues<Isa>().Select(Name))}");
    }

    /// <summary>The name that EDGE_LLM_ISA takes.</summary>
    public static string Name(Isa isa) => isa.ToString().ToLowerInvariant();

    /// <summary>The row of a weight format.</summary>
    public KernelRow this[GgmlType type] => TryGet(type) ?? throw new EdgeLlmException(ErrorCode.Unsupported, $"no matmul kernel for tensor type {type}");

    /// <summary>The row of a weight format, or null.</summary>
    public KernelRow? TryGet(GgmlType type) => (uint)type < (uint)_rows.Length ? _rows[(uint)type] : null;
}
