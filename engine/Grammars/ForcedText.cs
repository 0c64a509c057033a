namespace Edge.Llm.Grammars;

/// <summary>Text that a grammar leaves no choice about, as tokens. It is spelled as the tokenizer spells it, which is how models know it, and
/// so that the same tokens come out whether they are computed one by one or as a batch.</summary>
internal static class ForcedText
{
    private const int LongestText = 4096;

    public static int[] Find(Automaton automaton, TokenTree tree, int state)
    {
        State at = automaton[state];
        if (at.Tokens is [var only] && at.Items.Length == 0 && !at.IsComplete && automaton.TokensOf(only.Pattern) is { Excluded: false, Ids: [int id] })
            return [id];
        var text = new List<byte>();
        for (; text.Count < LongestText; at = automaton[state])
        {
            if (at.IsComplete || at.Tokens.Length > 0 || at.Live.Count != 1) break;
            byte value = (byte)at.Live.Next(0);
            int next = automaton.Step(state, value);
            if (next == Automaton.Dead) break;
            text.Add(value);
            state = next;
        }
        return text.Count == 0 ? [] : Tokens([.. text], automaton[state], tree);
    }

    private static int[] Tokens(byte[] text, State behind, TokenTree tree)
    {
        int[] tokens = tree.Tokenizer.EncodeContinuation(text);
        int[] starts = new int[tokens.Length];
        int length = 0;
        for (int i = 0; i < tokens.Length; i++)
        {
            ReadOnlySpan<byte> piece = tree.IsText(tokens[i]) ? tree.TextOf(tokens[i]) : default;
            if (piece.IsEmpty || !text.AsSpan(length).StartsWith(piece)) return []; // a tokenizer that changes spaces or letters
            starts[i] = length;
            length += piece.Length;
        }
        if (length != text.Length) return [];
        if (behind.Live.IsEmpty) return tokens;
        // The last tokens may be the beginning of a longer one that goes on into text that is free.
        for (int i = 0; i < tokens.Length; i++)
        {
            if (text.Length - starts[i] >= tree.LongestText) continue;
            int node = tree.Find(text.AsSpan(starts[i]));
            if (node >= 0 && tree.Ends[node] > node + 1) return tokens[..i];
        }
        return tokens;
    }
}
