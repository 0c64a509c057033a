namespace Edge.Llm.Scheduling;

/// <summary>Drafts what followed the text's last three tokens where they stood before: answers copy from their prompts and from themselves
/// (prompt lookup, Saxena 2023).</summary>
internal sealed class PromptLookup
{
    private const int Gram = 3;

    private readonly Dictionary<(int, int, int), int> _ends = []; // behind the last place of each gram that is followed by something
    private int _indexed;

    /// <summary>Adds what may follow a text to a draft. The text only grows from one call to the next.</summary>
    public void Propose(ReadOnlySpan<int> text, int most, List<int> draft)
    {
        for (; _indexed + Gram < text.Length; _indexed++) _ends[At(text, _indexed)] = _indexed + Gram;
        if (text.Length < Gram || !_ends.TryGetValue(At(text, text.Length - Gram), out int from)) return;
        // A text that repeats itself goes on so behind its end.
        for (int i = from; draft.Count < most; i++) draft.Add(i < text.Length ? text[i] : draft[i - text.Length]);
    }

    private static (int, int, int) At(ReadOnlySpan<int> text, int at) => (text[at], text[at + 1], text[at + 2]);
}
