using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>Speed, measured as llama-bench does: the prompt test prefills P tokens, the generation test decodes N tokens one by one, both
/// after a prompt of D tokens that is not timed; each once to warm up and then R times. With S sequences each decodes N tokens, one of
/// each in a batch. <see cref="BatchedBench"/> measures several numbers of sequences.</summary>
internal static class BenchCommand
{
    public static Command Make()
    {
        Option<int> prompt = Opt.Integer("--n-prompt", ["-p"], "Tokens of the prompt test; 0: leave it out.", 512, 0, 1 << 20);
        Option<int> generate = Opt.Integer("--n-gen", ["-n"], "Tokens of the generation test; 0: leave it out.", 128, 0, 1 << 20);
        Option<int> depth = Opt.Integer("--n-depth", ["-d"], "Tokens in the context before each test.", 0, 0, 1 << 20);
        Option<int> parallel = Opt.Integer("--n-parallel", ["-np"], "Sequences that the generation test decodes together.", 1, 1, 256);
        Option<int> repetitions = Opt.Integer("--repetitions", ["-r"], "Samples of each test; their median counts.", 5, 1, 1000);
        Option<bool> batched = Opt.Flag("--batched", "Measure numbers of sequences that run together, each with a prompt of its own.");
        Option<string?> sizes = Opt.Text("--batch-sizes", ["-npl"], "The numbers of sequences for --batched; by default 1,2,4,8,16,32.", "N,N,...");
        Option<bool> shared = Opt.Flag("--shared-prompt", "One prompt for all sequences of --batched, computed once.", "-pps");
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        var command = new CommandWithExamples("bench", "Measures prompt and generation speed and the resident memory.",
            "-m model.gguf", "-m model.gguf -p 512 -n 128 -t 1 -r 5 --json", "-m model.gguf -p 0 -n 32 -d 4096", "-m model.gguf -p 0 -n 32 -np 16",
            "-m model.gguf --batched -p 128 -n 64 --batch-sizes 1,4,16 -r 1")
            { prompt, generate, depth, parallel, repetitions, batched, sizes, shared, json };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command, withContextSize: false);
        command.SetAction(parsed =>
        {
            int promptTokens = parsed.GetValue(prompt), generated = parsed.GetValue(generate), samples = parsed.GetValue(repetitions);
            int before = parsed.GetValue(depth), sequences = parsed.GetValue(parallel);
            CheckTogether(parsed, parsed.GetValue(batched), [depth, parallel], [sizes, shared]);
            int[] counts = BatchedBench.ParseSizes(parsed.GetValue(sizes) ?? "1,2,4,8,16,32");
            using LanguageModel model = modelOptions.Open(parsed);
            ContextOptions options = modelOptions.Context(parsed, model);
            if (parsed.GetValue(batched))
            {
                RunBatched(model, options, counts, promptTokens, generated, samples, parsed.GetValue(shared), parsed.GetValue(json));
                return Failure.Ok;
            }
            using Context context = model.CreateContext(options with
            {
                ContextSize = Math.Max(1, before + Math.Max(promptTokens, generated)),
                MaxSequences = sequences,
                BatchSize = Math.Max(options.BatchSize, sequences),
            });
            using var interrupts = new Interrupts();
            using var progress = new Progress("measuring", reports: true);
            var bench = new Bench(context, model.VocabSize, progress, 2 * (samples + 1), interrupts.Token);
            double[] promptSpeeds = bench.Measure(promptTokens, context.Options.BatchSize, samples, before, 1);
            double[] generationSpeeds = bench.Measure(generated, 1, samples, before, sequences);
            progress.Dispose();
            using var output = new Output();
            if (parsed.GetValue(json)) WriteJson(output, context, before, (promptTokens, promptSpeeds), (generated, generationSpeeds));
            else
            {
                output.WriteLine(Row("prompt", promptTokens, promptSpeeds));
                output.WriteLine(Row("generation", generated, generationSpeeds));
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"resident     {ResidentBytes() / 1048576.0,10:F1} MiB"));
            }
            return Failure.Ok;
        });
        return command;
    }

    // Options that would change nothing are refused.
    private static void CheckTogether(ParseResult parsed, bool batched, Option[] without, Option[] with)
    {
        foreach (Option option in batched ? without : with)
            if (parsed.GetResult(option) is { Implicit: false })
                throw new UsageException($"{option.Name}: {(batched ? "not with --batched" : "only with --batched")}");
    }

    private static void RunBatched(
        LanguageModel model, ContextOptions options, int[] counts, int prompt, int generated, int samples, bool shared, bool asJson)
    {
        if (prompt + generated == 0) throw new UsageException("--batched: expected tokens to measure, found -p 0 and -n 0");
        using Context context = model.CreateContext(options with
        {
            ContextSize = prompt + generated, BatchSize = Math.Max(options.BatchSize, counts.Max()),
            MaxSequences = counts.Max() + (shared ? 1 : 0), // all copy the last block of the prompt at once
        });
        using var interrupts = new Interrupts();
        using var progress = new Progress("measuring", reports: true);
        var bench = new BatchedBench(context, model.VocabSize, prompt, generated, shared, interrupts.Token);
        int done = 0;
        BatchedBench.Times[] rows = [.. counts.Select(count => bench.Measure(count, samples, () => progress.Report(++done, samples * counts.Length)))];
        progress.Dispose();
        using var output = new Output();
        if (!asJson)
        {
            bench.WriteTable(output, rows);
            return;
        }
        using var json = new Utf8JsonWriter(output, Json.Indented);
        bench.WriteJson(json, rows);
        json.Flush();
        output.WriteLine();
    }

    private sealed class Bench(Context context, int vocabSize, Progress progress, int runs, CancellationToken cancellation)
    {
        private readonly Batch _batch = new();
        private int _runs;

        /// <summary>Tokens a second of each sample: in each sequence <paramref name="tokens"/> tokens in batches, after <paramref name="depth"/> others.</summary>
        public double[] Measure(int tokens, int batchSize, int samples, int depth, int sequences)
        {
            if (tokens == 0) return [];
            Run(tokens, batchSize, depth, sequences); // warm-up
            double[] speeds = new double[samples];
            for (int i = 0; i < samples; i++) speeds[i] = tokens * sequences / Run(tokens, batchSize, depth, sequences).TotalSeconds;
            return speeds;
        }

        private TimeSpan Run(int tokens, int batchSize, int depth, int count)
        {
            Sequence[] sequences = [.. Enumerable.Range(0, count).Select(_ => context.NewSequence())];
            try
            {
                foreach (Sequence sequence in sequences) Forward([sequence], depth, context.Options.BatchSize);
                long start = Stopwatch.GetTimestamp();
                Forward(sequences, depth + tokens, batchSize);
                return Stopwatch.GetElapsedTime(start);
            }
            finally
            {
                foreach (Sequence sequence in sequences) sequence.Dispose();
                progress.Report(++_runs, runs);
            }
        }

        // Runs sequences of equal length to a length. Any tokens will do, but different ones: equal ones would keep the embedding's row in
        // the processor's cache.
        private void Forward(Sequence[] sequences, int length, int batchSize)
        {
            while (sequences[0].Length < length)
            {
                int at = sequences[0].Length;
                int[] next = new int[Math.Min(batchSize, length - at)];
                _batch.Clear();
                for (int s = 0; s < sequences.Length; s++)
                {
                    for (int i = 0; i < next.Length; i++) next[i] = (int)((at + i + (s * 101L)) * 7919 % vocabSize);
                    _batch.Add(sequences[s], next);
                }
                context.Forward(_batch, cancellation);
            }
        }
    }

    private static string Row(string test, int tokens, double[] speeds) => speeds.Length == 0 ? $"{test}: not measured"
        : string.Create(CultureInfo.InvariantCulture,
            $"{test,-12} {Median(speeds),10:F2} tokens/s  median of {speeds.Length}, {speeds.Min():F2} to {speeds.Max():F2}, {tokens} tokens");

    private static void WriteJson(Output output, Context context, int depth, (int Tokens, double[] Speeds) prompt, (int Tokens, double[] Speeds) generation)
    {
        using var json = new Utf8JsonWriter(output, Json.Indented);
        json.WriteStartObject();
        json.WriteNumber("threads", context.Options.Threads);
        json.WriteNumber("batch_size", context.Options.BatchSize);
        json.WriteNumber("depth", depth);
        json.WriteNumber("sequences", context.Options.MaxSequences);
        json.WriteString("isa", EngineInfo.Current().InstructionSet);
        Write(json, "prompt_tokens_per_second", prompt.Tokens, prompt.Speeds);
        Write(json, "generation_tokens_per_second", generation.Tokens, generation.Speeds);
        json.WriteNumber("resident_bytes", ResidentBytes());
        json.WriteEndObject();
        json.Flush();
        output.WriteLine();
    }

    private static void Write(Utf8JsonWriter json, string name, int tokens, double[] speeds)
    {
        json.WriteStartObject(name);
        json.WriteNumber("tokens", tokens);
        if (speeds.Length == 0) json.WriteNull("median");
        else json.WriteNumber("median", Math.Round(Median(speeds), 4));
        json.WriteStartArray("samples");
        foreach (double speed in speeds) json.WriteNumberValue(Math.Round(speed, 4));
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The median, of an even number the mean of the two in the middle.</summary>
    public static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static long ResidentBytes()
    {
        using Process process = Process.GetCurrentProcess();
        return process.WorkingSet64; // on Linux VmRSS
    }
}
