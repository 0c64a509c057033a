namespace Edge.Llm.Grammars;

/// <summary>The states of a grammar that its texts have reached so far, and their masks. They grow with what the texts do; when they are
/// large, the texts go on with others. Thread-safe.</summary>
internal sealed class GrammarStates
{
    private const long MostMaskBytes = 8 << 20;

    private readonly Lock _lock = new();
    private readonly Effort _effort;
    private readonly Automaton _automaton;
    private readonly MaskBuilder _masks;
    private readonly TokenTree _tree;
    private readonly List<State> _masked = [];
    private readonly long _largeBytes;

    public GrammarStates(TokenTree tree, Productions productions, int root, Effort effort)
    {
        productions.Seal();
        (_tree, _effort) = (tree, effort);
        _automaton = new Automaton(productions, root, effort);
        _masks = new MaskBuilder(_automaton, tree);
        ShortestTokens = TokensToEnd(_automaton.Start);
        if (ShortestTokens == int.MaxValue)
            throw new EdgeLlmException(ErrorCode.GrammarError, "the vocabulary has no tokens to write a text of the grammar with");
        _largeBytes = (effort.KeptBytes + Effort.MostBytes) / 2;
    }

    /// <summary>Tokens that suffice for the shortest text.</summary>
    public int ShortestTokens { get; }

    public int Start => _automaton.Start;

    /// <summary>Whether half of the room that there was at the beginning is taken.</summary>
    public bool IsLarge => KeptBytes > _largeBytes;

    public long KeptBytes
    {
        get
        {
            lock (_lock) return _effort.KeptBytes;
        }
    }

    public bool IsComplete(int state)
    {
        lock (_lock) return _automaton[state].IsComplete;
    }

    /// <summary>The state behind a token, or <see cref="Automaton.Dead"/>.</summary>
    public int Accept(int state, int token)
    {
        lock (_lock)
        {
            _effort.Restart();
            return Advance(state, token);
        }
    }

    /// <summary>Writes which tokens may follow a state, so that the shortest end still fits.</summary>
    public void Fill(int state, TokenMask mask, int tokensLeft)
    {
        lock (_lock)
        {
            _effort.Restart();
            if (FirstForced(state, tokensLeft) is >= 0 and int forced)
            {
                mask.Clear();
                mask.Add(forced);
                return;
            }
            if (tokensLeft - 1 >= FillAll(state, mask)) return;
            int left = tokensLeft - 1;
            _masks.Fill(state, mask, next => Fits(next, _automaton.WaitsForText(next) ? left - MaskBuilder.LongestDistinct : left));
        }
    }

    /// <summary>The tokens that follow a state whatever is chosen, as the tokenizer writes them.</summary>
    public int[] ForcedTokens(int state)
    {
        lock (_lock)
        {
            _effort.Restart();
            return Forced(state);
        }
    }

    /// <summary>The token that follows a state whatever is chosen, if the shortest end fits behind it; -1 where there is none.</summary>
    public int ForcedToken(int state, int tokensLeft)
    {
        lock (_lock)
        {
            _effort.Restart();
            return FirstForced(state, tokensLeft);
        }
    }

    /// <summary>Whether the text is complete and nothing may follow.</summary>
    public bool MustEnd(int state)
    {
        lock (_lock) return _automaton[state] is { IsComplete: true, Live.IsEmpty: true, Tokens.Length: 0 };
    }

    private int FirstForced(int state, int tokensLeft) =>
        Forced(state) is [int first, ..] && Fits(Advance(state, first), tokensLeft - 1) ? first : -1;

    private int Advance(int state, int token)
    {
        bool isText = _tree.IsText(token);
        int next = isText ? state : Automaton.Dead;
        if (isText)
            foreach (byte value in _tree.TextOf(token))
                if ((next = _automaton.Step(next, value)) == Automaton.Dead) break;
        return _automaton[state].Tokens.Length == 0 ? next : _automaton.StepToken(state, token, isText, next);
    }

    private bool Fits(int state, int tokens) =>
        state != Automaton.Dead && (_automaton[state].MinLength <= tokens || TokensToEnd(state) <= tokens);

    // A mask is kept from the second time on that it is asked for: most states are passed once.
    private long FillAll(int state, TokenMask mask)
    {
        State at = _automaton[state];
        if (at.Mask is { } known)
        {
            mask.CopyFrom(known.Tokens);
            return known.LongestEnd;
        }
        long longestEnd = _masks.Fill(state, mask);
        if (at.WasMasked)
        {
            if ((_masked.Count + 1L) * mask.Words.Length * 8 > MostMaskBytes)
            {
                foreach (State masked in _masked) masked.Mask = null;
                _masked.Clear();
            }
            var kept = new TokenMask(mask.VocabularySize);
            kept.CopyFrom(mask);
            at.Mask = new StateMask(kept, longestEnd);
            _masked.Add(at);
        }
        at.WasMasked = true;
        return longestEnd;
    }

    // A shortest text to the end, in the longest tokens: enough of them, if not always the fewest. What is left behind each of these tokens is
    // what is counted from there, so that a count that fits goes on to fit.
    private int TokensToEnd(int state)
    {
        State start = _automaton[state];
        if (start.TokensToEnd >= 0) return start.TokensToEnd;
        int count = 0;
        for (int at = state; !_automaton[at].IsComplete; count++)
        {
            _effort.Spend(1);
            int node = 0, next = Automaton.Dead, walked = at;
            while (!_automaton[walked].IsComplete)
            {
                (byte value, int after) = _automaton.StepToEnd(walked);
                if (after == Automaton.Dead || (node = _tree.Child(node, value)) < 0) break;
                walked = after;
                if (!_tree.TokensAt(node).IsEmpty) next = walked;
            }
            if (next == Automaton.Dead && (next = _automaton.TokenToEnd(at)) == Automaton.Dead) return start.TokensToEnd = int.MaxValue;
            at = next;
        }
        return start.TokensToEnd = count;
    }

    private int[] Forced(int state)
    {
        State at = _automaton[state];
        if (at.Forced is { } known) return known;
        return at.Forced = ForcedText.Find(_automaton, _tree, state);
    }
}
