using System.Runtime.InteropServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Evaluation;

/// <summary>The log-probabilities of one position as llama.cpp's logits files hold them: a scale and the lowest value (float32 each), then
/// a uint16 a token, padded to an even number of them. log p = lowest + scale * value; what is less likely than e^-16 of the likeliest
/// counts as that.</summary>
internal static class PackedRow
{
    private const int HeadBytes = 2 * sizeof(float);
    private const float Range = 16;

    /// <summary>Bytes of a row.</summary>
    public static int Bytes(int vocabSize) => HeadBytes + ((vocabSize + 1) / 2 * 2 * sizeof(ushort));

    /// <summary>Packs logits whose log(sum(exp)) is known.</summary>
    public static void Pack(ReadOnlySpan<float> logits, double logSumExp, Span<byte> row)
    {
        float max = logits[0], min = logits[0];
        foreach (float logit in logits)
        {
            max = Math.Max(max, logit);
            min = Math.Min(min, logit);
        }
        min = Math.Max(min, max - Range);
        float scale = (max - min) / ushort.MaxValue;
        MemoryMarshal.Write(row, scale);
        MemoryMarshal.Write(row[sizeof(float)..], (float)(min - logSumExp));
        Span<ushort> values = MemoryMarshal.Cast<byte, ushort>(row[HeadBytes..]);
        values.Clear();
        if (scale == 0) return;
        for (int i = 0; i < logits.Length; i++)
            values[i] = (ushort)Math.Clamp(Math.Round((logits[i] - (double)min) / scale), 0, ushort.MaxValue);
    }

    /// <summary>Whether the head holds numbers that can be.</summary>
    public static bool IsValid(ReadOnlySpan<byte> row)
    {
        float scale = MemoryMarshal.Read<float>(row), lowest = MemoryMarshal.Read<float>(row[sizeof(float)..]);
        return scale >= 0 && float.IsFinite(scale) && float.IsFinite(lowest);
    }

    /// <summary>Kullback-Leibler divergence in nats from the row's distribution P to that of the logits, Q: sum of P ln(P / Q), over the tokens
    /// with P above e^-16 as llama.cpp has it. Also the row's likeliest token, the lowest id among equals.</summary>
    public static (double Kl, int Likeliest) Compare(ReadOnlySpan<byte> row, ReadOnlySpan<float> logits, double logSumExp)
    {
        double scale = MemoryMarshal.Read<float>(row), lowest = MemoryMarshal.Read<float>(row[sizeof(float)..]);
        ReadOnlySpan<ushort> values = MemoryMarshal.Cast<byte, ushort>(row[HeadBytes..])[..logits.Length];
        double sum = 0;
        int likeliest = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] > values[likeliest]) likeliest = i;
            double logP = lowest + (scale * values[i]);
            if (logP > -Range) sum += ScalarMath.Exp((float)logP) * (logP - (logits[i] - logSumExp));
        }
        return (sum, likeliest);
    }
}
