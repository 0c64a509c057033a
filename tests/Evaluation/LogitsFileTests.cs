using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Evaluation;

/// <summary>Files of logits are untrusted.</summary>
[TestClass]
public sealed class LogitsFileTests
{
    private static byte[] s_good = [];

    [ClassInitialize]
    public static void MakeFile(TestContext context)
    {
        using var tiny = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(tiny.File);
        string path = PerplexityRunTests.Save(model);
        s_good = File.ReadAllBytes(path);
        File.Delete(path);
    }

    [TestMethod]
    public void TheHeadSaysWhatFollows() => With(s_good, path =>
    {
        using LogitsFile file = LogitsFile.Open(path);
        Assert.AreEqual((TinyModel.Vocab, 37, 3), (file.VocabSize, file.Chunks.Size, file.Chunks.Count));
    });

    [TestMethod]
    [DataRow(0, 0, "begin with")]
    [DataRow(8, 3, "chunk size: expected 4")]
    [DataRow(8, -1, "chunk size: expected 4")]
    [DataRow(8, 1 << 24, "bytes, and the file has")]
    [DataRow(12, 0, "vocabulary size: expected 1")]
    [DataRow(12, 130, "bytes, and the file has")]
    [DataRow(16, 0, "number of chunks: expected 1")]
    [DataRow(16, 4, "bytes, and the file has")]
    [DataRow(20, -5, "token -5")]
    public void AWrongFieldIsRefused(int offset, int value, string says)
    {
        byte[] bytes = [.. s_good];
        BitConverter.TryWriteBytes(bytes.AsSpan(offset), value);
        Refused(bytes, says);
    }

    [TestMethod]
    public void AFileCutAnywhereIsRefused()
    {
        foreach (int length in (int[])[0, 1, 19, 20, 100, s_good.Length - 1]) Refused(s_good[..length], "");
        Refused([.. s_good, 0], "bytes, and the file has");
    }

    [TestMethod]
    public void ScalesThatAreNoNumbersAreRefused()
    {
        byte[] bytes = [.. s_good];
        BitConverter.TryWriteBytes(bytes.AsSpan(20 + (3 * 37 * sizeof(int))), float.NaN);
        With(bytes, path =>
        {
            using LogitsFile file = LogitsFile.Open(path);
            Assert.AreEqual(ErrorCode.InvalidFile, Assert.ThrowsExactly<EdgeLlmException>(() => ReadRow(file)).Code);
        });
    }

    private static unsafe void ReadRow(LogitsFile file) => file.Rows(0, 0, 1);

    private static void Refused(byte[] bytes, string says) => With(bytes, path =>
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => LogitsFile.Open(path).Dispose());
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        StringAssert.Contains(error.Message, says);
    });

    private static void With(byte[] bytes, Action<string> action)
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, bytes);
        try
        {
            action(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
