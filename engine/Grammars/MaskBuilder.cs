namespace Edge.Llm.Grammars;

/// <summary>Finds the tokens that may follow a state: walks the tree of tokens and the automaton together. Terminals that many bytes may begin
/// (strings) are walked once for all the places where they stand.</summary>
internal sealed class MaskBuilder(Automaton automaton, TokenTree tree)
{
    /// <summary>A terminal that this many bytes may begin has a mask of its own.</summary>
    private const int ManyBytes = 24;

    /// <summary>More nodes than this below one are not walked where their bytes change nothing.</summary>
    private const int ManyNodes = 16;

    /// <summary>Where a text must differ from others, the shortest one may be longer than the shortest of all, by this at most.</summary>
    public const int LongestDistinct = 256;

    private readonly int[] _states = new int[tree.LongestText + 2];
    private readonly int[] _ends = new int[tree.LongestText + 2];
    private Func<int, bool>? _fits;
    private long _longestEnd;

    /// <summary>Writes the mask of a state, and returns the bytes that the shortest end needs behind one of its tokens, at most.</summary>
    public long Fill(int state, TokenMask mask)
    {
        mask.Clear();
        _longestEnd = 0;
        State from = automaton[state];
        List<Item> few = [];
        List<(Item, TerminalMask)> many = [];
        foreach (Item item in from.Items)
            if (automaton.Patterns.First(item.Pattern).Count > ManyBytes && tree.Masks.Get(automaton.Patterns, item.Pattern, tree) is { } terminal)
                many.Add((item, terminal));
            else few.Add(item);
        foreach ((Item item, TerminalMask terminal) in many) AddTerminal(item, terminal, mask);
        if (few.Count > 0) Walk(many.Count == 0 ? state : automaton.Intern(few, closed: true), 0, mask);
        foreach (Item item in from.Tokens) AddTokens(item, mask);
        if (from.IsComplete) mask.AddAll(tree.EndOfGeneration);
        return _longestEnd;
    }

    /// <summary>Writes the tokens behind which a state fits. It takes some milliseconds where most tokens may follow.</summary>
    public void Fill(int state, TokenMask mask, Func<int, bool> fits)
    {
        mask.Clear();
        State from = automaton[state];
        int walked = automaton.WithoutTexts(state);
        _fits = fits;
        try
        {
            if (walked != Automaton.Dead) Walk(walked, 0, mask);
        }
        finally
        {
            _fits = null;
        }
        foreach (Item item in from.Tokens)
            if (fits(automaton.StateBehind(item))) AddTokens(item, mask);
        if (from.IsComplete) mask.AddAll(tree.EndOfGeneration);
    }

    private void AddTerminal(Item item, TerminalMask terminal, TokenMask mask)
    {
        mask.UnionWith(terminal.Tokens);
        int behind = automaton.StateBehind(item);
        State after = automaton[behind];
        _longestEnd = Math.Max(_longestEnd, Length.Add(terminal.LongestEnd, Length.Add(after.MinLength, item.Text == 0 ? 0 : LongestDistinct)));
        for (int value = after.Live.Next(0); value >= 0; value = after.Live.Next(value + 1))
        {
            ReadOnlySpan<int> nodes = terminal.ExitsOf((byte)value);
            if (nodes.IsEmpty) continue;
            int next = automaton.Step(behind, (byte)value);
            if (next == Automaton.Dead) continue;
            foreach (int node in nodes)
            {
                AddTokens(tree.TokensAt(node), next, mask);
                Walk(next, node, mask);
            }
        }
    }

    private void AddTokens(Item item, TokenMask mask)
    {
        TokenSet set = automaton.TokensOf(item.Pattern);
        _longestEnd = Math.Max(_longestEnd, automaton[automaton.StateBehind(item)].MinLength);
        if (!set.Excluded)
            mask.AddAll(set.Ids);
        else
            for (int token = 0; token < mask.VocabularySize; token++)
                if (tree.IsText(token) && !set.Names(token)) mask.Add(token);
    }

    private void AddTokens(ReadOnlySpan<int> tokens, int state, TokenMask mask)
    {
        if (tokens.IsEmpty || _fits?.Invoke(state) == false) return;
        mask.AddAll(tokens);
        _longestEnd = Math.Max(_longestEnd, automaton[state].MinLength);
    }

    // The nodes below one whose text led to a state.
    private void Walk(int state, int from, TokenMask mask)
    {
        ReadOnlySpan<byte> labels = tree.Labels;
        ReadOnlySpan<int> ends = tree.Ends;
        int depth = 0, node = from + 1, last = ends[from];
        (_states[0], _ends[0]) = (state, last);
        ByteSet live = automaton[state].Live;
        while (node < last)
        {
            if (node >= _ends[depth])
            {
                do depth--;
                while (node >= _ends[depth]);
                live = automaton[_states[depth]].Live;
            }
            int next = live.Contains(labels[node]) ? automaton.Step(_states[depth], labels[node]) : Automaton.Dead;
            int end = ends[node];
            if (next == Automaton.Dead)
            {
                node = end;
                continue;
            }
            if (next == _states[depth] && end > node + ManyNodes && (tree.ClassesBelow(node) & ~automaton.Staying(next)) == 0)
            {
                AddTokens(tree.TokensBelow(node), next, mask);
                node = end;
                continue;
            }
            AddTokens(tree.TokensAt(node), next, mask);
            if (++node == end) continue;
            depth++;
            (_states[depth], _ends[depth]) = (next, end);
            live = automaton[next].Live;
        }
    }
}
