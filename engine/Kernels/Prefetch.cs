using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Software prefetch where the processor has it: it never faults, so it may run past the end of the weights.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Asks for the cache line of an address that will be read soon. (Sse is in every x64 baseline: the test is a constant.)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* p)
    {
        if (Sse.IsSupported) Sse.Prefetch0(p);
    }
}
