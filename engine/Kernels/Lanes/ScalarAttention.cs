namespace Edge.Llm.Kernels;

/// <summary>The scalar reference of attention.</summary>
internal static unsafe class ScalarAttention
{
    /// <summary>Attends every token and head; see <see cref="AttentionArgs"/> for the canonical order.</summary>
    public static void Run(AttentionArgs* a)
    {
        for (int t = 0; t < a->Tokens; t++)
            for (int h = 0; h < a->Heads; h++)
                Head(a, t, h, a->Q + (t * a->QTokenStride) + (h * a->KeyDim),
                    a->Out + (t * a->OutTokenStride) + (h * a->ValueDim));
    }

    private static void Head(AttentionArgs* a, int token, int head, float* q, float* output)
    {
        int keyDim = AttentionArgs.PaddedHeadDim(a->KeyDim), valueDim = AttentionArgs.PaddedHeadDim(a->ValueDim);
        float* s = stackalloc float[AttentionArgs.BlockLength];
        float* lanes = stackalloc float[16];
        float* blockOut = (float*)a->Scratch, keys = blockOut + valueDim, values = keys + (AttentionArgs.BlockLength * keyDim);
        int visibleEnd = a->EndOf(token), first = a->StartOf(token);
        float* bias = a->Bias == null ? null : a->Bias + (head * a->BiasStride) - (a->FirstPosition + token);
        float max = float.NegativeInfinity, sum = 0;
        new Span<float>(output, a->ValueDim).Clear();
        for (int block = first / AttentionArgs.BlockLength; block <= (visibleEnd - 1) / AttentionArgs.BlockLength; block++)
        {
            int start = Math.Max(first - (block * AttentionArgs.BlockLength), 0);
            int end = Math.Min(visibleEnd - (block * AttentionArgs.BlockLength), AttentionArgs.BlockLength);
            a->LoadKeys(a->Blocks[block] + a->KeyOffset, a->KeyStride, end, keyDim, keys);
            a->LoadValues(a->Blocks[block] + a->ValueOffset, a->ValueStride, end, valueDim, values);
            float blockMax = float.NegativeInfinity;
            for (int j = start; j < end; j++)
            {
                s[j] = Dot(q, keys + (j * keyDim), a->KeyDim) * a->Scale;
                if (a->Softcap != 0) s[j] = ScalarMath.SoftCap(s[j], a->Softcap);
                if (bias != null) s[j] += bias[(block * AttentionArgs.BlockLength) + j];
                blockMax = Math.Max(blockMax, s[j]);
            }
            new Span<float>(blockOut, a->ValueDim).Clear();
            new Span<float>(lanes, 16).Clear();
            for (int j = start; j < end; j++)
            {
                float p = ScalarMath.Exp(s[j] - blockMax);
                lanes[j % 16] += p;
                for (int i = 0; i < a->ValueDim; i++)
                    blockOut[i] = MathF.FusedMultiplyAdd(p, values[(j * valueDim) + i], blockOut[i]);
            }
            float newMax = Math.Max(max, blockMax);
            float keep = ScalarMath.Exp(max - newMax), take = ScalarMath.Exp(blockMax - newMax);
            sum = MathF.FusedMultiplyAdd(sum, keep, Canonical.Tree16(lanes) * take);
            for (int i = 0; i < a->ValueDim; i++) output[i] = MathF.FusedMultiplyAdd(output[i], keep, blockOut[i] * take);
            max = newMax;
        }
        float keepAll = a->Sinks == null ? 1 : JoinSink(a->Sinks[head], max, ref sum);
        for (int i = 0; i < a->ValueDim; i++) output[i] = output[i] * keepAll / sum;
    }

    /// <summary>Adds a sink to the sum of exp(score - max); returns the factor on the output that its maximum asks for.</summary>
    public static float JoinSink(float sink, float max, ref float sum)
    {
        float newMax = Math.Max(max, sink), keep = ScalarMath.Exp(max - newMax);
        sum = MathF.FusedMultiplyAdd(sum, keep, ScalarMath.Exp(sink - newMax));
        return keep;
    }

    private static float Dot(float* q, float* key, int n)
    {
        float* lanes = stackalloc float[16];
        for (int i = 0; i < n; i++) lanes[i % 16] = MathF.FusedMultiplyAdd(q[i], key[i], lanes[i % 16]);
        return Canonical.Tree16(lanes);
    }
}
