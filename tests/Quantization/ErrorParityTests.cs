using System.Globalization;
using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Quantization;

/// <summary>Root-mean-square errors against llama.cpp's, for the same type and values: never more than 2 % above.</summary>
[TestClass]
public sealed class ErrorParityTests
{
    private const int Width = 1024;
    private const double Allowed = 1.02;

    private static readonly (string Tensor, Func<Random, double> Value)[] s_distributions =
    [
        ("attn_q", Gauss),
        ("attn_k", random => Gauss(random) / Math.Sqrt(Enumerable.Range(0, 3).Average(_ => Math.Pow(Gauss(random), 2)))), // Student's t
        ("attn_v", random => Math.Sign(random.NextDouble() - 0.5) * -Math.Log(1 - random.NextDouble())), // Laplace
        ("attn_output", random => 2 * random.NextDouble() - 1),
        ("ffn_up", random => Gauss(random) * (random.Next(100) == 0 ? 8 : 1)),
    ];

    private static readonly string[] s_types =
    [
        "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K_S", "Q4_K_S", "Q5_K_S", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4_MOE",
    ];

    [TestMethod]
    public void RootMeanSquareErrors()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            using var peer = new PeerQuantizer();
            string input = Path.Combine(folder, "in.gguf"), imatrix = Path.Combine(folder, "m.dat");
            string theirs = Path.Combine(folder, "theirs.gguf"), ours = Path.Combine(folder, "ours.gguf");
            WriteModel(input);
            WriteMatrix(imatrix);
            using GgufFile original = GgufFile.Open(input);
            var wrong = new List<string>();
            Console.WriteLine("largest ratio of our error to llama.cpp's: plain; with an importance matrix, plain and weighted by it");
            foreach (string name in s_types)
            {
                Assert.IsTrue(FileType.TryParse(name, out FileType? type));
                var worst = new double[3];
                foreach (bool weighted in (bool[])[false, true])
                {
                    var job = new Dictionary<string, object> { ["input"] = input, ["output"] = theirs, ["type"] = name, ["pure"] = true };
                    if (weighted) job["imatrix"] = imatrix;
                    Assert.IsNotNull(peer.Run(job));
                    ImportanceMatrix? matrix = weighted ? ImportanceMatrix.Load(imatrix) : null;
                    Quantizer.Run(QuantizePlan.Make(original, type, new() { Pure = true, Importance = matrix, Overwrite = true }), ours);
                    using GgufFile a = GgufFile.Open(ours), b = GgufFile.Open(theirs);
                    foreach ((string tensor, _) in s_distributions)
                    {
                        string full = $"blk.0.{tensor}.weight";
                        float[] x = SampleModel.Floats(original.GetTensor(full));
                        float[] ya = SampleModel.Floats(a.GetTensor(full)), yb = SampleModel.Floats(b.GetTensor(full));
                        Assert.AreEqual(b.GetTensor(full).Type, a.GetTensor(full).Type);
                        double[] columns = [.. Enumerable.Repeat(1.0, Width)];
                        worst[weighted ? 1 : 0] = Math.Max(worst[weighted ? 1 : 0], Error(x, ya, columns) / Error(x, yb, columns));
                        if (matrix is null) continue;
                        columns = [.. matrix.ColumnWeights(full, Width, 1)!.Select(v => (double)v)];
                        worst[2] = Math.Max(worst[2], Error(x, ya, columns) / Error(x, yb, columns));
                    }
                }
                string line = string.Create(CultureInfo.InvariantCulture, $"{name,-10} {worst[0]:F4}   {worst[1]:F4} {worst[2]:F4}");
                Console.WriteLine(line);
                if (worst.Max() > Allowed) wrong.Add(line);
            }
            Assert.AreEqual("", string.Join('\n', wrong));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Gauss(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static double Error(float[] x, float[] y, double[] columns)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++) sum += columns[i % Width] * Math.Pow((double)x[i] - y[i], 2);
        return Math.Sqrt(sum / x.Length);
    }

    private static void WriteModel(string path) => new SampleModel
    {
        Layers = 1, Width = Width, Rows = Settings.Full ? 400 : 40,
        Value = (name, random) => (float)(0.05 * (s_distributions.FirstOrDefault(entry => name == $"blk.0.{entry.Tensor}.weight").Value ?? Gauss)(random)),
    }.Write(path);

    // The old format, which the peer reads without llama.cpp.
    private static void WriteMatrix(string path)
    {
        var random = new Random(11);
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write(s_distributions.Length);
        foreach ((string tensor, _) in s_distributions)
        {
            byte[] name = Encoding.UTF8.GetBytes($"blk.0.{tensor}.weight");
            writer.Write(name.Length);
            writer.Write(name);
            writer.Write(1);
            writer.Write(Width);
            for (int i = 0; i < Width; i++) writer.Write((float)Math.Exp(1.5 * Gauss(random)));
        }
    }
}
