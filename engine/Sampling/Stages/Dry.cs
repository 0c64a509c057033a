namespace Edge.Llm.Sampling;

/// <summary>A penalty on tokens that would go on with a repetition ("don't repeat yourself"): where the text ends with the L tokens that once
/// stood before a token, the logit of that token falls by multiplier * base^(L - allowed), L at least the allowed length. Repetitions do not
/// reach over a breaker.</summary>
internal sealed class Dry(SamplingOptions options, DryBreakers breakers, int vocabularySize) : ISamplerStage
{
    private readonly Dictionary<int, int> _longest = []; // repetition that a token would go on with
    private int[] _common = [];

    public bool ChangesLogits => true;

    public void Apply(Candidates candidates, in SamplingStep step)
    {
        ReadOnlySpan<int> last = Penalties.Last(step.History, options.DryPenaltyLastN, vocabularySize);
        int limit = breakers.TokensSince(last);
        if (limit < options.DryAllowedLength) return;
        FindRepetitions(last, limit);
        foreach ((int token, int length) in _longest)
        {
            if (candidates.Logits[token] == float.NegativeInfinity) continue; // banned stays banned
            double penalty = options.DryMultiplier;
            for (int i = options.DryAllowedLength; i < length && penalty < float.MaxValue; i++) penalty *= options.DryBase;
            candidates.Logits[token] = (float)Math.Max(candidates.Logits[token] - penalty, float.MinValue);
        }
        _longest.Clear();
    }

    // common[k]: how many tokens before the end are the same as before k tokens earlier. This is the Z function of the reversed text, which
    // takes linear time: within a stretch that is known to repeat, earlier results hold.
    private void FindRepetitions(ReadOnlySpan<int> text, int limit)
    {
        int n = text.Length;
        if (_common.Length < n) _common = new int[Math.Max(n, 2 * _common.Length)];
        int left = 0, right = 0;
        for (int k = 1; k < n; k++)
        {
            int common = k < right ? Math.Min(right - k, _common[k - left]) : 0;
            while (k + common < n && text[n - 1 - common] == text[n - 1 - k - common]) common++;
            _common[k] = common;
            if (k + common > right) (left, right) = (k, k + common);
            int length = Math.Min(common, limit), next = text[n - k];
            if (length >= options.DryAllowedLength && length > _longest.GetValueOrDefault(next)) _longest[next] = length;
        }
    }
}
