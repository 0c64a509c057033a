using System.Diagnostics;
using System.Globalization;

namespace Edge.Llm.Bench;

/// <summary>What the scheduler adds to one stream: time a token over that of a bare loop of pass and sampler, which take turns. And what it costs to
/// check guesses: the time of a pass of 1 to 9 tokens with logits for each.</summary>
internal static class ServingTimes
{
    private const int Prompt = 32, Most = 9;

    public static int Run(string path, int threads, int rounds, int tokens)
    {
        using LanguageModel model = LanguageModel.Open(path);
        var options = new ContextOptions { Threads = threads, ContextSize = Prompt + tokens + Most, MaxSequences = 2, LogitsRows = Most };
        using Context context = model.CreateContext(options);
        int[] prompt = [.. Enumerable.Range(0, Prompt).Select(i => 100 + (i * 7 % 500))];
        foreach ((string name, SamplingOptions sampling) in new[] { ("greedy", SamplingOptions.Greedy), ("default", new SamplingOptions { Seed = 1 }) })
        {
            double[] bare = new double[rounds], scheduled = new double[rounds];
            for (int round = -2; round < rounds; round++)
            {
                double first = round % 2 == 0 ? Bare(context, prompt, sampling, tokens) : 0, other = Scheduled(context, prompt, sampling, tokens);
                if (round % 2 != 0) first = Bare(context, prompt, sampling, tokens);
                if (round >= 0) (bare[round], scheduled[round]) = (first, other);
            }
            (double one, double two) = (Median(bare), Median(scheduled));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-8} bare {one * 1e6,9:F1} us a token, scheduler {two * 1e6,9:F1}, {two / one:F4}"));
        }
        double[] passes = Passes(context, prompt, rounds * tokens / 8);
        Console.WriteLine($"us a pass of 1 to {Most} tokens: " + string.Join(' ', passes.Select(seconds => (seconds * 1e6).ToString("F0", CultureInfo.InvariantCulture))));
        return 0;
    }

    private static double Bare(Context context, int[] prompt, SamplingOptions sampling, int tokens)
    {
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        var sampler = new SamplerChain(sampling, context.Model.VocabSize);
        var text = new List<int>(prompt);
        long start = 0;
        for (int i = 0; i < tokens; i++)
        {
            batch.Clear();
            batch.Add(sequence, i == 0 ? prompt : [text[^1]]);
            Logits logits = context.Forward(batch);
            text.Add(sampler.Sample(logits[0], System.Runtime.InteropServices.CollectionsMarshal.AsSpan(text), text.Count));
            if (i == 0) start = Stopwatch.GetTimestamp();
        }
        return Stopwatch.GetElapsedTime(start).TotalSeconds / (tokens - 1);
    }

    private static double Scheduled(Context context, int[] prompt, SamplingOptions sampling, int tokens)
    {
        using Generation generation = context.Generate(prompt, new GenerateOptions { MaxTokens = tokens, IgnoreEos = true, Sampling = sampling });
        generation.MoveNext();
        long start = Stopwatch.GetTimestamp();
        for (int i = 1; i < tokens; i++) generation.MoveNext();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / (tokens - 1);
    }

    private static double[] Passes(Context context, int[] prompt, int rounds)
    {
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, prompt, prompt.Length);
        var batch = new Batch();
        double[][] times = [.. Enumerable.Range(0, Most).Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
            for (int count = 1; count <= Most; count++)
            {
                batch.Clear();
                batch.Add(sequence, prompt.AsSpan(0, count), LogitsOf.All);
                long start = Stopwatch.GetTimestamp();
                context.Forward(batch);
                times[count - 1][round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
                sequence.Trim(prompt.Length);
            }
        return [.. times.Select(Median)];
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
