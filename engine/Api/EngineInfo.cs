using Edge.Llm.Gguf;
using Edge.Llm.Kernels;

namespace Edge.Llm;

/// <summary>A row of the kernel table: the matmuls of a tensor type on an instruction set.</summary>
/// <param name="Type">Tensor type, by GGUF's name.</param>
/// <param name="InstructionSet">A name that EDGE_LLM_ISA takes.</param>
/// <param name="InUse">Whether it is the one that a model opened now would use.</param>
public sealed record KernelInfo(string Type, string InstructionSet, bool InUse);

/// <summary>What this build of the engine can do on this machine.</summary>
public sealed record EngineInfo
{
    private EngineInfo()
    {
    }

    /// <summary>Version of the engine.</summary>
    public required string Version { get; init; }

    /// <summary>The instruction sets there are kernels for, worst first.</summary>
    public required IReadOnlyList<string> InstructionSets { get; init; }

    /// <summary>The one in force: the best, or that of EDGE_LLM_ISA.</summary>
    public required string InstructionSet { get; init; }

    /// <summary>Why the kernels in force are the scalar ones, which are slow, if they are and EDGE_LLM_ISA does not ask for them.</summary>
    /// <exception cref="EdgeLlmException">EDGE_LLM_ISA names an instruction set that is not there.</exception>
    public static string? ScalarReason => Edge.Llm.Kernels.ScalarReason.Of(KernelSet.Default().Isa, Environment.GetEnvironmentVariable("EDGE_LLM_ISA"));

    /// <summary>The rows of the kernel table that this machine can run, by type.</summary>
    public required IReadOnlyList<KernelInfo> Kernels { get; init; }

    /// <summary>Threads that a context has unless it is told how many: one a physical core, within affinity mask and cgroup quota.</summary>
    public static int DefaultThreads => Threading.CpuTopology.DefaultThreads();

    /// <summary>Asks the machine.</summary>
    /// <exception cref="EdgeLlmException">EDGE_LLM_ISA names an instruction set that is not there.</exception>
    public static EngineInfo Current()
    {
        KernelSet set = KernelSet.Default();
        Isa[] supported = KernelTable.SupportedIsas();
        return new EngineInfo
        {
            Version = EngineVersion.Text,
            InstructionSets = [.. supported.Select(KernelSet.Name)],
            InstructionSet = KernelSet.Name(set.Isa),
            Kernels = [.. KernelTable.Rows.Where(row => supported.Contains(row.Isa)).OrderBy(row => row.Type).ThenBy(row => row.Isa)
                .Select(row => new KernelInfo(GgmlTypes.Get(row.Type).Name, KernelSet.Name(row.Isa), set.TryGet(row.Type) == row))],
        };
    }
}
