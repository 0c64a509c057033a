using System.Globalization;
using System.Text;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Operations;

/// <summary>Counters since the start, as Prometheus reads them.</summary>
internal sealed class Metrics
{
    private static readonly double[] s_seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private readonly Lock _gate = new();
    private readonly SortedDictionary<int, long> _byStatus = [];
    private readonly Histogram _firstToken = new(s_seconds), _perToken = new(s_seconds);
    private long _prompt, _reused, _completion, _drafted, _accepted, _preemptions;

    /// <summary>Requests under way.</summary>
    public int Running;

    /// <summary>Adds an answer.</summary>
    /// <param name="statistics">Its counts.</param>
    /// <param name="promptTokens">Tokens that were read of its prompt; 0: another answer counts them, or none were.</param>
    public void Observe(GenerationStatistics statistics, int promptTokens)
    {
        lock (_gate)
        {
            if (promptTokens > 0)
            {
                _prompt += promptTokens;
                _reused += Math.Min(statistics.ReusedTokens, promptTokens);
                if (statistics.GeneratedTokens > 0) _firstToken.Add(statistics.PromptTime.TotalSeconds);
            }
            _completion += statistics.GeneratedTokens;
            _drafted += statistics.DraftedTokens;
            _accepted += statistics.AcceptedTokens;
            _preemptions += statistics.Preemptions;
            if (statistics.GeneratedTokens > 1) _perToken.Add(statistics.GenerationTime.TotalSeconds / (statistics.GeneratedTokens - 1));
        }
    }

    /// <summary>Adds a request.</summary>
    public void Count(int status)
    {
        lock (_gate) _byStatus[status] = _byStatus.GetValueOrDefault(status) + 1;
    }

    /// <summary>GET /metrics.</summary>
    public static Task AnswerAsync(RequestContext context) =>
        Reply.TextAsync(context.Http, "text/plain; version=0.0.4; charset=utf-8", context.Server.Metrics.Text(context.Server.Models));

    private string Text(ModelPool models)
    {
        var text = new StringBuilder();
        lock (_gate)
        {
            Head(text, "requests_total", "counter", "Requests that were answered, by status.");
            foreach ((int status, long count) in _byStatus) Sample(text, "requests_total", $"{{status=\"{status}\"}}", count);
            Counter(text, "prompt_tokens_total", "Tokens of prompts.", _prompt);
            Counter(text, "prompt_tokens_cached_total", "Of these, tokens that were not computed again.", _reused);
            Counter(text, "generation_tokens_total", "Tokens of answers.", _completion);
            Counter(text, "draft_tokens_total", "Tokens that were drafted.", _drafted);
            Counter(text, "draft_tokens_accepted_total", "Of these, tokens that were chosen.", _accepted);
            Counter(text, "preemptions_total", "Answers that gave their part of the cache to another one.", _preemptions);
            _firstToken.Write(text, "time_to_first_token_seconds", "From the first pass until the first token was chosen.");
            _perToken.Write(text, "time_per_output_token_seconds", "Mean time between the tokens of an answer.");
        }
        Head(text, "requests_running", "gauge", "Requests under way.");
        Sample(text, "requests_running", "", Volatile.Read(ref Running));
        Head(text, "cache_blocks_free", "gauge", "Blocks of 64 positions that no text holds.");
        foreach (ModelSlot slot in models.Slots)
            if (slot.Loaded is { } model) Sample(text, "cache_blocks_free", $"{{model=\"{Escape(model.Name)}\"}}", model.Context.FreeCacheBlocks);
        return text.ToString();
    }

    private static void Counter(StringBuilder text, string name, string help, long value)
    {
        Head(text, name, "counter", help);
        Sample(text, name, "", value);
    }

    private static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append(CultureInfo.InvariantCulture, $"# HELP edge_llm_{name} {help}\n# TYPE edge_llm_{name} {type}\n");

    private static void Sample(StringBuilder text, string name, string labels, double value) =>
        text.Append(CultureInfo.InvariantCulture, $"edge_llm_{name}{labels} {value}\n");

    private static string Escape(string label) => label.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private sealed class Histogram(double[] bounds)
    {
        private readonly long[] _counts = new long[bounds.Length + 1];
        private double _sum;

        public void Add(double value)
        {
            int at = Array.FindIndex(bounds, bound => value <= bound);
            _counts[at < 0 ? bounds.Length : at]++;
            _sum += value;
        }

        public void Write(StringBuilder text, string name, string help)
        {
            Head(text, name, "histogram", help);
            long below = 0;
            for (int i = 0; i < bounds.Length; i++) Sample(text, name + "_bucket", FormattableString.Invariant($"{{le=\"{bounds[i]}\"}}"), below += _counts[i]);
            Sample(text, name + "_bucket", "{le=\"+Inf\"}", below + _counts[^1]);
            Sample(text, name + "_sum", "", _sum);
            Sample(text, name + "_count", "", below + _counts[^1]);
        }
    }
}
