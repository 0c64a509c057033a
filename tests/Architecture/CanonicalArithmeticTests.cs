using System.Text.RegularExpressions;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Architecture;

/// <summary>What the engine's sources must not call, because the answer depends on the platform or the instruction set.</summary>
[TestClass]
public sealed partial class CanonicalArithmeticTests
{
    [TestMethod]
    public void NoEngineFileLeavesTheCanonicalArithmetic() => RepositoryFiles.AssertNone(Lines(PlatformDependent()));

    [TestMethod]
    public void OnlyTheKernelTableAsksWhatTheProcessorSupports() => RepositoryFiles.AssertNone(
        Lines(IsSupported()).Where(line =>
            !line.StartsWith("engine/Kernels/KernelTable", StringComparison.Ordinal)
            && !line.StartsWith("engine/Kernels/Lanes/Prefetch.cs", StringComparison.Ordinal))); // a hint; the answer is a constant on every target

    [TestMethod]
    [DataRow("MathF.Exp(x)", true)]
    [DataRow("Math.SinCos(x)", true)]
    [DataRow("Avx512F.Reciprocal14(v)", true)]
    [DataRow("AdvSimd.ReciprocalSquareRootEstimate(v)", true)]
    [DataRow("MathF.Sqrt(x) + MathF.FusedMultiplyAdd(a, b, c)", false)]
    [DataRow("ScalarMath.Exp(x) + DoubleMath.Pow(a, b)", false)]
    public void PlatformDependentCallsAreFound(string line, bool found) => Assert.AreEqual(found, PlatformDependent().IsMatch(line));

    private static IEnumerable<string> Lines(Regex pattern) =>
        from file in RepositoryFiles.All()
        where file.Path.StartsWith("engine/", StringComparison.Ordinal) && file.Path.EndsWith(".cs", StringComparison.Ordinal)
        from line in file.Text.Split('\n')
        where pattern.IsMatch(line)
        select $"{file.Path}: {line.Trim()}";

    [GeneratedRegex(@"\b(MathF?|float|double|Vector\d+)\.(Exp|Log|Pow|Sin|Cos|Tan|Asin|Acos|Atan|Sinh|Cosh|Tanh|Cbrt|Hypot)\w*\(|Estimate\(|Reciprocal(Sqrt|14|\()|ReciprocalSquareRoot|TensorPrimitives")]
    private static partial Regex PlatformDependent();

    [GeneratedRegex(@"\.IsSupported\b|IsHardwareAccelerated")]
    private static partial Regex IsSupported();
}
