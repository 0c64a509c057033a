using System.Security.Cryptography;
using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Quantization;

/// <summary>The types that the tensors of every architecture get, as a table: TypeMixParityTests compares the same plans with llama.cpp's.</summary>
[TestClass]
public sealed class ArchitectureTypesTests
{
    private static readonly string[] s_types = ["Q4_0", "Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_XS", "MXFP4_MOE"];

    private static readonly Lazy<Dictionary<string, string>> s_table = new(() => File
        .ReadLines(Path.Combine(RepositoryFiles.Root(), "tests", "data", "architectures", "types.tsv"))
        .ToDictionary(line => line[..line.IndexOf('\t', StringComparison.Ordinal)]));

    private static IEnumerable<string> Names => ModelSpecFile.Names;

    [TestMethod]
    [DynamicData(nameof(Names))]
    public void TypesAreThoseOfTheTable(string name) => Assert.AreEqual(s_table.Value.GetValueOrDefault(name), Line(name));

    // NAME, and for each file type the first digits of SHA-256 of the lines "TENSOR TYPE".
    private static string Line(string name)
    {
        using GgufFile file = GgufFile.Open(ModelSpecFile.Make(name, ModelSpecFile.WidenRows));
        return string.Join('\t', [name, .. s_types.Select(type => Hash(file, type))]);
    }

    private static string Hash(GgufFile file, string name)
    {
        Assert.IsTrue(FileType.TryParse(name, out FileType? type));
        IEnumerable<string> lines = QuantizePlan.Make(file, type, new QuantizeOptions()).Tensors
            .Select(tensor => $"{tensor.Source.Name} {GgmlTypes.Get(tensor.Type).Name}\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(lines))).AsSpan(0, 4));
    }
}
