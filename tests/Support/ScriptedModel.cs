using System.Text;

namespace Edge.Llm.Tests.Support;

/// <summary>A Llama whose likeliest next token depends on the current token alone, as a script says: embeddings are one-hot, attention and
/// feed-forward add nothing, and the output matrix holds the script. Its tokenizer knows all bytes and a few words.</summary>
internal sealed class ScriptedModel : IDisposable
{
    public const int Bos = 1, Eos = 2, FirstByte = 3, FirstWord = FirstByte + 256, ContextLength = 128;

    // Wide apart: the next token of the script is chosen at any sensible temperature.
    private const float Strength = 40;

    /// <summary>Writes the file. Token <c>script[i]</c> is followed by <c>script[i + 1]</c>; where the script ends, EOS follows.</summary>
    public ScriptedModel(IReadOnlyList<string> words, params int[] script) : this(words, script, chatTemplate: null)
    {
    }

    /// <summary>The same with a chat template.</summary>
    /// <param name="words">The words.</param>
    /// <param name="script">The script.</param>
    /// <param name="chatTemplate">The template, or null.</param>
    /// <param name="addEos">Whether texts end with EOS.</param>
    /// <param name="poison">A token behind which no logits are finite; -1: none.</param>
    public ScriptedModel(IReadOnlyList<string> words, int[] script, string? chatTemplate, bool addEos = false, int poison = -1)
    {
        // SentencePiece builds a word letter by letter: its beginnings are tokens as well.
        string[] beginnings = [.. words.SelectMany(word => Enumerable.Range(1, word.Length - 1).Select(length => word[..length])).Distinct()];
        string[] texts = ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), .. words, .. beginnings];
        TokenType[] types = [TokenType.Unknown, TokenType.Control, TokenType.Control, .. Enumerable.Repeat(TokenType.Byte, 256),
            .. Enumerable.Repeat(TokenType.Normal, words.Count + beginnings.Length)];
        int n = VocabSize = texts.Length;
        int[] next = [.. Enumerable.Repeat(Eos, n)];
        for (int i = 0; i + 1 < script.Length; i++) next[script[i]] = script[i + 1];

        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", "llama");
        writer.AddMetadata("llama.context_length", ContextLength);
        writer.AddMetadata("llama.embedding_length", n);
        writer.AddMetadata("llama.block_count", 1);
        writer.AddMetadata("llama.feed_forward_length", 32);
        writer.AddMetadata("llama.attention.head_count", 1);
        writer.AddMetadata("llama.attention.key_length", 32);
        writer.AddMetadata("llama.attention.value_length", 32);
        writer.AddMetadata("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        writer.AddMetadata("tokenizer.ggml.model", "llama");
        writer.AddMetadata("tokenizer.ggml.tokens", texts);
        writer.AddMetadata("tokenizer.ggml.token_type", [.. types.Select(type => (int)type)]);
        writer.AddMetadata("tokenizer.ggml.scores", [.. Enumerable.Range(0, n).Select(id => -(float)id)]);
        writer.AddMetadata("tokenizer.ggml.bos_token_id", Bos);
        writer.AddMetadata("tokenizer.ggml.eos_token_id", Eos);
        if (addEos) writer.AddMetadata("tokenizer.ggml.add_eos_token", true);
        if (chatTemplate is not null) writer.AddMetadata("tokenizer.chat_template", chatTemplate);
        writer.AddTensor("token_embd.weight", GgmlType.F32, n, n);
        writer.AddTensor("output_norm.weight", GgmlType.F32, n);
        writer.AddTensor("output.weight", GgmlType.F32, n, n);
        writer.AddTensor("blk.0.attn_norm.weight", GgmlType.F32, n);
        writer.AddTensor("blk.0.attn_q.weight", GgmlType.F32, n, 32);
        writer.AddTensor("blk.0.attn_k.weight", GgmlType.F32, n, 32);
        writer.AddTensor("blk.0.attn_v.weight", GgmlType.F32, n, 32);
        writer.AddTensor("blk.0.attn_output.weight", GgmlType.F32, 32, n);
        writer.AddTensor("blk.0.ffn_norm.weight", GgmlType.F32, n);
        writer.AddTensor("blk.0.ffn_gate.weight", GgmlType.F32, n, 32);
        writer.AddTensor("blk.0.ffn_up.weight", GgmlType.F32, n, 32);
        writer.AddTensor("blk.0.ffn_down.weight", GgmlType.F32, 32, n);
        File = Path.GetTempFileName();
        using FileStream stream = System.IO.File.Create(File);
        writer.WriteTo(stream, (tensor, output) =>
        {
            float[] values = new float[tensor.Elements];
            if (tensor.Name.Contains("norm", StringComparison.Ordinal)) Array.Fill(values, 1);
            // RMSNorm of a one-hot row of length n is sqrt(n) at the one.
            for (int id = 0; id < n; id++)
            {
                if (tensor.Name == "token_embd.weight") values[id * n + id] = id == poison ? float.NaN : 1;
                if (tensor.Name == "output.weight") values[next[id] * n + id] = Strength / MathF.Sqrt(n);
            }
            output.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
        });
    }

    public string File { get; }

    public int VocabSize { get; }

    /// <summary>The byte tokens of a text.</summary>
    public static int[] Bytes(string text) => [.. Encoding.UTF8.GetBytes(text).Select(value => FirstByte + value)];

    public void Dispose() => System.IO.File.Delete(File);
}
