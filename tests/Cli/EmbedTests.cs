using System.Text;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>edge-llm embed and edge-llm rerank.</summary>
[TestClass]
public sealed class EmbedTests
{
    // A WordPiece vocabulary of a few words, in front of the small model's tensors.
    private static readonly string[] s_words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁one", "▁two", "▁three"];

    private static string Write(string name)
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, ModelSpecFile.Make(name, line => !line.StartsWith("general.architecture", StringComparison.Ordinal) ? line
            : line + "\ntokenizer.ggml.model text bert\ntokenizer.ggml.tokens texts "
                + string.Join(',', s_words.Concat(Enumerable.Range(s_words.Length, 147).Select(i => $"▁w{i}"))) + Ids()));
        return path;
    }

    private static string Ids() => "\ntokenizer.ggml.cls_token_id int 2\ntokenizer.ggml.bos_token_id int 2\ntokenizer.ggml.seperator_token_id int 3\ntokenizer.ggml.unknown_token_id int 1\ntokenizer.ggml.padding_token_id int 0\ntokenizer.ggml.mask_token_id int 4";

    [TestMethod]
    public void EachTextHasALineOfJson()
    {
        string model = Write("bert-multilingual"), npy = Path.GetTempFileName();
        try
        {
            CommandLine.Result result = CommandLine.Run("embed", "-m", model, "one two", "three");
            Assert.AreEqual(0, result.ExitCode, result.Error);
            JsonElement[] lines = [.. result.Output.Trim().Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
            Assert.HasCount(2, lines);
            float[][] vectors = [.. lines.Select(line => line.GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle()).ToArray())];
            using LanguageModel opened = LanguageModel.Open(model);
            using Context context = opened.CreateContext();
            for (int i = 0; i < 2; i++)
            {
                Assert.AreEqual(i, lines[i].GetProperty("index").GetInt32());
                Assert.AreEqual(1.0, Math.Sqrt(vectors[i].Sum(value => (double)value * value)), 1e-5);
                CollectionAssert.AreEqual(context.Embed(opened.Tokenizer.Encode(i == 0 ? "one two" : "three")), vectors[i]);
            }

            Assert.AreEqual(0, CommandLine.Run("embed", "-m", model, "one two", "three", "--out", npy).ExitCode);
            byte[] bytes = File.ReadAllBytes(npy);
            int header = 10 + BitConverter.ToUInt16(bytes, 8);
            StringAssert.Contains(Encoding.ASCII.GetString(bytes, 10, header - 10), $"'shape': (2, {vectors[0].Length})");
            Assert.AreEqual(0, header % 64);
            Assert.AreEqual(vectors[1][^1], BitConverter.ToSingle(bytes, bytes.Length - 4));
            Assert.AreEqual(header + (2 * vectors[0].Length * 4), bytes.Length);
        }
        finally
        {
            File.Delete(model);
            File.Delete(npy);
        }
    }

    [TestMethod]
    public void WrongUsesAreNamed()
    {
        string model = Write("bert-multilingual"), lines = Path.GetTempFileName();
        try
        {
            CommandLine.AssertUsageError(CommandLine.Run("embed", "-m", model, "one", "--file", lines), "not both");
            CommandLine.AssertUsageError(CommandLine.Run("embed", "-m", model, "--file", lines), "empty");
            CommandLine.AssertUsageError(CommandLine.Run("rerank", "-m", model, "one"), "--query");
            CommandLine.AssertUsageError(CommandLine.Run("rerank", "-m", model, "--query", "two", "one"), "rank");
            CommandLine.AssertUsageError(CommandLine.Run("run", "-m", model, "-p", "one"), "no logits");
        }
        finally
        {
            File.Delete(model);
            File.Delete(lines);
        }
    }
}
