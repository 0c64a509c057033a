using System.Runtime;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Why the kernels in force are the scalar ones, which are slow.</summary>
internal static class ScalarReason
{
    private const int FusedMultiplyAdd = 1 << 12, Avx2 = 1 << 5; // CPUID: leaf 1, ecx; leaf 7, ebx

    /// <summary>The reason, or null where the kernels are others, or EDGE_LLM_ISA asks for these.</summary>
    public static string? Of(Isa isa, string? forced)
    {
        if (isa != Isa.Scalar || !string.IsNullOrEmpty(forced)) return null;
        bool x64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;
        return Of(x64, x64 && HasAvx2(), JitInfo.GetCompiledMethodCount() > 0);
    }

    /// <summary>The reason on such a processor, in such a build.</summary>
    internal static string Of(bool x64, bool hasAvx2, bool compilesHere) => (x64, hasAvx2, compilesHere) switch
    {
        (false, _, _) => "there are no kernels for this processor",
        (_, false, _) => "the processor has no AVX2 with FMA",
        (_, _, false) => "this build is for every x86-64 processor, and this one has AVX2: take build v3 or v4",
        _ => "the processor has AVX2, but .NET may not use it here: the system does not save its registers, or DOTNET_EnableAVX2 or the like is 0",
    };

    // What the processor has; whether the system and the runtime let it be used is another question.
    private static bool HasAvx2() =>
        X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(1, 0).Ecx & FusedMultiplyAdd) != 0 && (X86Base.CpuId(7, 0).Ebx & Avx2) != 0;
}
