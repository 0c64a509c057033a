using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

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
        int[] prompt = [.. Enumerable.Range(0, Prompt).Select(i => 3 + (i * 7 % (Math.Min(500, model.VocabSize) - 3)))];
        var noEnd = model.Tokenizer.Vocabulary.EndOfGenerationIds.ToDictionary(id => id, _ => float.NegativeInfinity);
        foreach ((string name, SamplingOptions sampling) in new[]
                 { ("greedy", SamplingOptions.Greedy with { LogitBias = noEnd }), ("default", new SamplingOptions { Seed = 1, LogitBias = noEnd }) })
        {
            List<double> bare = [], scheduled = [];
            for (int round = -1; round < rounds; round++)
            {
                TakeTurns(context, prompt, sampling, tokens, bare, scheduled);
                if (round >= 0) continue;
                bare.Clear(); // nothing was warm
                scheduled.Clear();
            }
            (double one, double two) = (Median(bare), Median(scheduled));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-8} bare {one * 1e6,9:F1} us a token, scheduler {two * 1e6,9:F1}, {two / one:F4}"));
        }
        double[] passes = Passes(context, prompt, Math.Max(1, rounds * tokens / 8));
        Console.WriteLine($"us a pass of 1 to {Most} tokens: " + string.Join(' ', passes.Select(seconds => (seconds * 1e6).ToString("F0", CultureInfo.InvariantCulture))));
        return 0;
    }

    // The same text twice, token by token in turn.
    private static void TakeTurns(Context context, int[] prompt, SamplingOptions sampling, int tokens, List<double> bare, List<double> scheduled)
    {
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        var sampler = new SamplerChain(sampling, context.Model.VocabSize);
        var text = new List<int>(prompt);
        using Generation generation = context.Generate(prompt, new GenerateOptions { MaxTokens = tokens, Sampling = sampling });
        for (int i = 0; i < tokens; i++)
        {
            double first = i % 2 == 0 ? Seconds(Next) : 0, other = Seconds(() => generation.MoveNext());
            if (i % 2 != 0) first = Seconds(Next);
            if (i == 0) continue; // the prompt
            bare.Add(first);
            scheduled.Add(other);
        }

        void Next()
        {
            batch.Clear();
            batch.Add(sequence, text.Count == Prompt ? prompt : [text[^1]]);
            Logits logits = context.Forward(batch);
            text.Add(sampler.Sample(logits[0], CollectionsMarshal.AsSpan(text), text.Count));
        }
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
                times[count - 1][round] = Seconds(() => context.Forward(batch));
                sequence.Trim(prompt.Length);
            }
        return [.. times.Select(Median)];
    }

    private static double Seconds(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(IReadOnlyList<double> values) => values.Order().ElementAt(values.Count / 2);
}
