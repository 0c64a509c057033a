using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>How kernels are chosen from the table.</summary>
[TestClass]
public class KernelSetTests
{
    [TestMethod]
    public void TheDefaultIsTheBestOrTheForcedOne()
    {
        Isa? forced = KernelSet.ParseIsa(Environment.GetEnvironmentVariable("EDGE_LLM_ISA"));
        Assert.AreEqual(forced ?? KernelTable.SupportedIsas()[^1], KernelSet.Default().Isa);
    }

    [TestMethod]
    public void EveryFormatHasTheBestRowThatTheInstructionSetAllows()
    {
        foreach (Isa isa in KernelTable.SupportedIsas())
            foreach (FormatRow format in KernelTable.Formats)
            {
                Isa best = KernelTable.Rows.Where(r => r.Type == format.Type && r.Isa <= isa).Max(r => r.Isa);
                KernelRow row = KernelSet.For(isa)[format.Type];
                Assert.AreEqual((format.Type, best), (row.Type, row.Isa));
                if (isa != Isa.Scalar && format.Type is not (GgmlType.Q8_1 or GgmlType.Q8_K)) Assert.AreNotEqual(Isa.Scalar, row.Isa, $"{format.Type} has no row for {isa}");
            }
    }

    [TestMethod]
    public void ScalarKernelsThatNobodyAskedForHaveAReason()
    {
        Assert.IsNull(ScalarReason.Of(Isa.Avx2, null));
        Assert.IsNull(ScalarReason.Of(Isa.Scalar, "scalar"));
        Assert.IsNotNull(ScalarReason.Of(Isa.Scalar, null));
        Assert.IsNotNull(ScalarReason.Of(Isa.Scalar, ""));
        StringAssert.Contains(ScalarReason.Of(x64: false, hasAvx2: false, compilesHere: true), "no kernels for this processor");
        StringAssert.Contains(ScalarReason.Of(x64: true, hasAvx2: false, compilesHere: true), "no AVX2");
        StringAssert.Contains(ScalarReason.Of(x64: true, hasAvx2: false, compilesHere: false), "no AVX2");
        StringAssert.Contains(ScalarReason.Of(x64: true, hasAvx2: true, compilesHere: false), "v3 or v4");
        StringAssert.Contains(ScalarReason.Of(x64: true, hasAvx2: true, compilesHere: true), "DOTNET_EnableAVX2");
    }

    [TestMethod]
    public void WhatThereIsNotIsNamed()
    {
        Assert.IsNull(KernelSet.ParseIsa(""));
        Assert.AreEqual(Isa.AdvSimdDp, KernelSet.ParseIsa("AdvSimdDp"));
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => KernelSet.ParseIsa("sse9")).Code);
        Isa[] supported = KernelTable.SupportedIsas();
        Isa missing = Enum.GetValues<Isa>().First(isa => !supported.Contains(isa)); // no machine has both families
        EdgeLlmException e = Assert.ThrowsExactly<EdgeLlmException>(() => KernelSet.For(missing));
        Assert.AreEqual(ErrorCode.Unsupported, e.Code);
        StringAssert.Contains(e.Message, KernelSet.Name(supported[^1]));
        Assert.IsNull(KernelSet.For(Isa.Scalar).TryGet((GgmlType)9999));
    }
}
