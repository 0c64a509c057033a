using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>Times of sequences that run together, in the table of llama-batched-bench: the prompts of all, or the one that they share, then
/// their next tokens, one of each in a pass.</summary>
internal sealed class BatchedBench(Context context, int vocabSize, int prompt, int generated, bool shared, CancellationToken cancellation)
{
    private readonly Batch _batch = new();

    /// <summary>The seconds that a number of sequences took for their prompts and for their next tokens.</summary>
    public readonly record struct Times(int Sequences, double Prompt, double Generation);

    /// <summary>Most sequences.</summary>
    public const int MostSequences = 256;

    /// <summary>Numbers of sequences with commas between.</summary>
    public static int[] ParseSizes(string list) => [.. list.Split(',').Select(size =>
        int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value is >= 1 and <= MostSequences ? value
            : throw new UsageException($"--batch-sizes: expected integers from 1 to {MostSequences} with commas between, found '{list}'"))];

    /// <summary>The medians of some samples, after a short run to warm up.</summary>
    public Times Measure(int sequences, int samples, Action sampled)
    {
        Run(sequences, Math.Min(prompt, 16), Math.Min(generated, 1));
        var times = new Times[samples];
        for (int i = 0; i < samples; i++)
        {
            times[i] = Run(sequences, prompt, generated);
            sampled();
        }
        return new Times(sequences, BenchCommand.Median([.. times.Select(t => t.Prompt)]), BenchCommand.Median([.. times.Select(t => t.Generation)]));
    }

    private Times Run(int count, int promptTokens, int tokens)
    {
        var sequences = new List<Sequence>();
        try
        {
            long start = Stopwatch.GetTimestamp();
            for (int s = 0; s < (shared ? 1 : count); s++) sequences.Add(context.NewSequence());
            Prefill(sequences, promptTokens);
            while (sequences.Count < count) sequences.Add(sequences[0].Fork());
            TimeSpan prefilled = Stopwatch.GetElapsedTime(start);
            for (int at = promptTokens; at < promptTokens + tokens; at++)
            {
                _batch.Clear();
                for (int s = 0; s < count; s++) _batch.Add(sequences[s], Token(s, at), wantLogits: true);
                context.Forward(_batch, cancellation);
            }
            return new Times(count, prefilled.TotalSeconds, (Stopwatch.GetElapsedTime(start) - prefilled).TotalSeconds);
        }
        finally
        {
            foreach (Sequence sequence in sequences) sequence.Dispose();
        }
    }

    // Full passes, in which a prompt may begin behind the end of another.
    private void Prefill(List<Sequence> sequences, int length)
    {
        _batch.Clear();
        for (int s = 0; s < sequences.Count; s++)
            for (int at = 0; at < length;)
            {
                int[] run = new int[Math.Min(length - at, context.Options.BatchSize - _batch.Count)];
                for (int i = 0; i < run.Length; i++) run[i] = Token(s, at + i);
                at += run.Length;
                _batch.Add(sequences[s], run, at == length ? LogitsOf.Last : LogitsOf.None);
                if (_batch.Count < context.Options.BatchSize) continue;
                context.Forward(_batch, cancellation);
                _batch.Clear();
            }
        if (_batch.Count > 0) context.Forward(_batch, cancellation);
    }

    // Any will do, but different ones.
    private int Token(int sequence, int at) => (int)((at + (sequence * 101L)) * 7919 % vocabSize);

    /// <summary>Writes a table.</summary>
    public void WriteTable(Output output, IEnumerable<Times> rows)
    {
        output.WriteLine("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |");
        output.WriteLine("|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|");
        foreach (Times t in rows)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {prompt,5} | {generated,6} | {t.Sequences,4} | {Cached(t),6} | {t.Prompt,8:F3} | {PromptSpeed(t),8:F2} | {t.Generation,8:F3} " +
                $"| {GenerationSpeed(t),8:F2} | {t.Prompt + t.Generation,8:F3} | {Speed(t),8:F2} |"));
    }

    /// <summary>Writes the rows under llama-batched-bench's names.</summary>
    public void WriteJson(Utf8JsonWriter json, IEnumerable<Times> rows)
    {
        json.WriteStartObject();
        json.WriteNumber("threads", context.Options.Threads);
        json.WriteNumber("batch_size", context.Options.BatchSize);
        json.WriteBoolean("is_pp_shared", shared);
        json.WriteString("isa", EngineInfo.Current().InstructionSet);
        json.WriteStartArray("results");
        foreach (Times t in rows)
        {
            json.WriteStartObject();
            json.WriteNumber("pp", prompt);
            json.WriteNumber("tg", generated);
            json.WriteNumber("pl", t.Sequences);
            json.WriteNumber("n_kv", Cached(t));
            foreach ((string name, double value) in ((string, double)[])[("t_pp", t.Prompt), ("speed_pp", PromptSpeed(t)), ("t_tg", t.Generation),
                ("speed_tg", GenerationSpeed(t)), ("t", t.Prompt + t.Generation), ("speed", Speed(t))])
                json.WriteNumber(name, Math.Round(value, 6));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private int PromptTokens(Times t) => shared ? prompt : prompt * t.Sequences;

    private int Cached(Times t) => PromptTokens(t) + (generated * t.Sequences);

    private double PromptSpeed(Times t) => PerSecond(PromptTokens(t), t.Prompt);

    private double GenerationSpeed(Times t) => PerSecond(generated * t.Sequences, t.Generation);

    private double Speed(Times t) => PerSecond(Cached(t), t.Prompt + t.Generation);

    // No tokens take some time as well.
    private static double PerSecond(int tokens, double seconds) => tokens == 0 ? 0 : tokens / seconds;
}
