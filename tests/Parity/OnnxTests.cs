using System.Diagnostics;
using System.Globalization;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>Trained encoders: their vectors as a GGUF file beside those of ONNX Runtime.</summary>
[TestClass]
public sealed class OnnxTests
{
    private static readonly string[] s_texts =
    [
        "hello world", "Hello, WORLD!", "The quick brown fox jumps over the lazy dog.", "A café in Zürich costs €4.50; naïve readers pay twice.",
        "def f(x): return x ** 2", "東京は日本の首都です。", "unbelievably antidisestablishmentarianism", "x", "\U0001f600 emoji and \tspaces  ",
        string.Join(' ', Enumerable.Repeat("many words make a long text", 60)),
    ];

    [TestMethod]
    [DataRow("MiniLM", "mean", 1)]
    [DataRow("ArcticXs", "cls", 2)]
    public void VectorsOfTrainedEncoders(string name, string pooling, int poolingType)
    {
        string program = Settings.Onnx(), folder = Directory.CreateTempSubdirectory("edge-llm-onnx-").FullName;
        try
        {
            Run(program, [name, pooling, folder], "");
            string path = Path.Combine(folder, "model.gguf");
            new OnnxModel(Path.Combine(folder, "model.onnx")).WriteGguf(path, File.ReadAllLines(Path.Combine(folder, "vocab.txt")), heads: 12, poolingType);
            using LanguageModel model = LanguageModel.Open(path);
            using Context context = model.CreateContext(new ContextOptions { ContextSize = 512, BatchSize = 512, TypeK = KvType.F32, TypeV = KvType.F32 });
            int[][] ids = [.. s_texts.Select(text => model.Tokenizer.Encode(text))];
            string[] lines = Run(program, [name, pooling, folder], string.Concat(ids.Select(text => string.Join(' ', text) + "\n"))).Split('\n');
            for (int i = 0; i < ids.Length; i++)
            {
                float[] expected = Array.ConvertAll(lines[i].Split(' '), text => float.Parse(text, CultureInfo.InvariantCulture));
                Assert.IsGreaterThan(0.9999, Cosine(expected, context.Embed(ids[i])), s_texts[i]);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Cosine(float[] a, float[] b)
    {
        Assert.HasCount(a.Length, b);
        double product = 0, first = 0, second = 0;
        for (int i = 0; i < a.Length; i++)
        {
            product += (double)a[i] * b[i];
            first += (double)a[i] * a[i];
            second += (double)b[i] * b[i];
        }
        return product / Math.Sqrt(first * second);
    }

    private static string Run(string program, string[] arguments, string input)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode, program);
        return output;
    }
}
