using Edge.Llm.Kernels;
using Edge.Llm.Tests.Api;
using Edge.Llm.Tests.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Fuzz;

/// <summary>Weights of any bytes, infinite scales and NaNs included: every format runs, inside its buffers, and a model of them gives
/// logits or <see cref="ErrorCode.NonFinite"/>.</summary>
[TestClass]
public sealed unsafe class HostileWeightsTests
{
    private static readonly int s_rounds = Settings.Full ? 200 : 10;

    [TestMethod]
    public void KernelsStayInsideTheirBuffers()
    {
        const int K = 512, Rows = 35, Tokens = 5;
        var random = new Random(11);
        using var x = new GuardedBuffer(K / 256 * Tokens * 1024);
        using var y = new GuardedBuffer(Rows * Tokens * sizeof(float));
        using var scratch = new GuardedBuffer(MatMulArgs.GemmScratchBytes(Tokens) / 64 * 64 + 64);
        foreach (FormatRow format in KernelTable.Formats)
        {
            long rowBytes = GgmlTypes.RowBytes(format.Type, K);
            using var w = new GuardedBuffer((int)rowBytes * Rows);
            for (int round = 0; round < s_rounds; round++)
            {
                random.NextBytes(w.Span);
                if (round == 0) w.Span.Fill(0xff);
                _ = DequantizeTests.Dequantize(format.Type, w.Span);
                int tokenBytes = format.Activation == ActivationFormat.F32 ? 1024 : Q8_K.Bytes;
                var args = new MatMulArgs
                {
                    W = w.Data, RowBytes = (nint)rowBytes, Rows = Rows, K = K, X = x.Data, XTokenStride = tokenBytes, XGroupStride = tokenBytes * Tokens,
                    Tokens = Tokens, Dst = (float*)y.Data, DstStride = Rows, Scratch = scratch.Data,
                };
                foreach (KernelRow row in KernelTable.Rows.Where(row => row.Type == format.Type))
                {
                    row.Gemm(&args);
                    MatMulArgs one = args;
                    one.Tokens = 1;
                    row.Gemv(&one);
                }
            }
        }
    }

    [TestMethod]
    public void ModelsGiveLogitsOrNonFinite()
    {
        int ran = 0, refused = 0;
        foreach (FormatRow format in KernelTable.Formats)
            for (int seed = 0; seed < 2; seed++)
            {
                using var sample = new TinyModel(format.Type, format.Type);
                byte[] bytes = File.ReadAllBytes(sample.File);
                int header;
                using (GgufFile file = GgufFile.Open(bytes)) header = bytes.Length - (int)file.Tensors.Sum(tensor => (tensor.Bytes + 31) / 32 * 32);
                // All of it, or a byte in a thousand.
                var random = new Random(seed);
                if (seed == 0) random.NextBytes(bytes.AsSpan(header));
                else for (int i = header; i < bytes.Length; i += random.Next(1, 2000)) bytes[i] = (byte)random.Next(256);
                try
                {
                    using LanguageModel model = LanguageModel.Open(GgufFile.Open(bytes), new ModelOptions());
                    using Context context = model.CreateContext(new ContextOptions { ContextSize = 64, Threads = 1, LogitsRows = 8 });
                    foreach (float logit in context.AllLogits(InvarianceTests.Tokens(seed, 8), 8)) Assert.IsTrue(float.IsFinite(logit), $"{format.Type}");
                    ran++;
                }
                catch (EdgeLlmException e)
                {
                    Assert.AreEqual(ErrorCode.NonFinite, e.Code, $"{format.Type}: {e}");
                    refused++;
                }
            }
        Console.WriteLine($"{ran} ran, {refused} were not finite");
        Assert.IsTrue(ran > 0 && refused > 0);
    }
}
