using System.Runtime.InteropServices;

namespace Edge.Llm.Grammars;

/// <summary>What may still come at one place: the rest of a terminal, what follows it in its rule, and where the rule returns to.</summary>
/// <param name="Pattern">The rest of the terminal.</param>
/// <param name="Rest">What follows it.</param>
/// <param name="Frame">Where the rule returns to.</param>
/// <param name="Text">The number of the terminal's text so far where it must differ from others; 0 where it does not matter.</param>
internal readonly record struct Item(int Pattern, int Rest, int Frame, int Text = 0) : IComparable<Item>
{
    public int CompareTo(Item other) =>
        Frame != other.Frame ? Frame.CompareTo(other.Frame) : Rest != other.Rest ? Rest.CompareTo(other.Rest)
        : Pattern != other.Pattern ? Pattern.CompareTo(other.Pattern) : Text.CompareTo(other.Text);
}

/// <summary>Where a rule returns to: one of some places behind its calls.</summary>
internal sealed record Frame(Return[] Returns, long MinLength);

/// <summary>A place behind the call of a rule.</summary>
internal readonly record struct Return(int Rest, int Frame) : IComparable<Return>
{
    public int CompareTo(Return other) => Frame != other.Frame ? Frame.CompareTo(other.Frame) : Rest.CompareTo(other.Rest);
}

/// <summary>The places that a text may have reached, all of them.</summary>
internal sealed class State
{
    /// <summary>Terminals under way or about to begin.</summary>
    public required Item[] Items { get; init; }

    /// <summary>Token terminals; the pattern of an item is the number of its set.</summary>
    public required Item[] Tokens { get; init; }

    /// <summary>Whether the text may end here.</summary>
    public required bool IsComplete { get; init; }

    /// <summary>Bytes of the shortest way to the end.</summary>
    public required long MinLength { get; init; }

    /// <summary>The bytes that may come next; more of them where something is excluded.</summary>
    public required ByteSet Live { get; init; }

    /// <summary>What each byte leads to, once many were asked for.</summary>
    public int[]? Row { get; set; }

    /// <summary>How many bytes were asked for.</summary>
    public int Steps { get; set; }

    /// <summary>The classes of bytes that lead back to the state, once that was asked for.</summary>
    public ulong? Staying { get; set; }

    /// <summary>Its mask, while there is room to keep it.</summary>
    public StateMask? Mask { get; set; }

    /// <summary>Whether its mask was asked for before.</summary>
    public bool WasMasked { get; set; }

    /// <summary>Tokens of the shortest way to the end, or -1: not counted yet.</summary>
    public int TokensToEnd { get; set; } = -1;

    /// <summary>The tokens that must come next, once that was asked for.</summary>
    public int[]? Forced { get; set; }
}

/// <summary>Walks the texts of a grammar byte by byte: an automaton with a stack, made deterministic as far as someone walks. A state is the
/// set of all places that the text may have reached. Equal sets have one number, and so have equal stacks, so that what was computed for one
/// text serves the next. A call at a rule's end leaves nothing on the stack.</summary>
internal sealed partial class Automaton
{
    /// <summary>No text of the grammar goes on like this.</summary>
    public const int Dead = -1;

    private const int Unknown = -2, StepsOfRow = 24;

    /// <summary>The frame behind the root rule.</summary>
    private const int End = 0;

    private readonly Effort _effort;
    private readonly Productions _productions;
    private readonly PatternPool _patterns;
    private readonly List<State> _states = [];
    private readonly Dictionary<Kernel, int> _ids = [];
    private readonly Dictionary<long, int> _steps = [];
    private readonly List<Frame> _frames = [new Frame([], 0)];
    private readonly Dictionary<FrameKey, int> _frameIds = [];

    public Automaton(Productions productions, int root, Effort effort)
    {
        (_productions, _patterns, _effort) = (productions, productions.Patterns, effort);
        if (productions.MinLength(root) >= Length.Infinite)
            throw new EdgeLlmException(ErrorCode.GrammarError, "no text matches the grammar");
        Start = Intern([new Item(PatternPool.Empty, root, End)]);
    }

    /// <summary>The state before the first byte.</summary>
    public int Start { get; }

    public State this[int state] => _states[state];

    public PatternPool Patterns => _patterns;

    public TokenSet TokensOf(int set) => _productions.TokensOf(set);

    /// <summary>The state behind a byte, or <see cref="Dead"/>.</summary>
    public int Step(int state, byte value)
    {
        State from = _states[state];
        if (from.Row is { } row && row[value] != Unknown) return row[value];
        if (!from.Live.Contains(value)) return Dead;
        long key = ((long)state << 8) | value;
        if (_steps.TryGetValue(key, out int known)) return known;
        var kernel = new List<Item>(from.Items.Length);
        foreach (Item item in from.Items)
        {
            int pattern = _patterns.Step(item.Pattern, value);
            if (pattern == PatternPool.Nothing) continue;
            kernel.Add(item with { Pattern = pattern, Text = item.Text == 0 ? 0 : _productions.Texts.Append(item.Text, value) });
        }
        int next = Intern(kernel);
        if (++from.Steps == StepsOfRow) MakeRow(state);
        if (from.Row is not null) from.Row[value] = next;
        else
        {
            _effort.Keep(40);
            _steps[key] = next;
        }
        return next;
    }

    // Where many bytes are asked for, an array is smaller than a table of all of them, and faster.
    private void MakeRow(int state)
    {
        _effort.Keep(1100);
        int[] row = new int[256];
        ByteSet live = _states[state].Live;
        for (int value = 0; value < row.Length; value++)
            row[value] = !live.Contains((byte)value) ? Dead : _steps.Remove(((long)state << 8) | (uint)value, out int known) ? known : Unknown;
        _states[state].Row = row;
    }

    /// <summary>The classes of bytes that lead from a state back to it.</summary>
    public ulong Staying(int state)
    {
        State at = _states[state];
        if (at.Staying is { } known) return known;
        for (int value = at.Live.Next(0); value >= 0; value = at.Live.Next(value + 1)) Step(state, (byte)value);
        ulong staying = at.Row is { } row ? ByteClasses.Leading(row, state) : 0;
        at.Staying = staying;
        return staying;
    }

    /// <summary>The state of some places; <see cref="Dead"/> if there are none.</summary>
    /// <param name="kernel">The places.</param>
    /// <param name="closed">Only what is under way there counts, not what may follow it at once.</param>
    public int Intern(List<Item> kernel, bool closed = false)
    {
        if (kernel.Count == 0) return Dead;
        kernel.Sort();
        int kept = 1;
        for (int i = 1; i < kernel.Count; i++)
            if (kernel[i] != kernel[kept - 1]) kernel[kept++] = kernel[i];
        var key = new Kernel(CollectionsMarshal.AsSpan(kernel)[..kept].ToArray(), closed);
        if (_ids.TryGetValue(key, out int known)) return known;
        State state = Close(key.Items, closed);
        _effort.Keep(300 + 16 * (key.Items.Length + state.Items.Length));
        _states.Add(state);
        _ids.Add(key, _states.Count - 1);
        return _states.Count - 1;
    }

    /// <summary>The state behind a token that is a terminal, joined with that behind its text; <see cref="Dead"/> if neither is possible.</summary>
    public int StepToken(int state, int token, bool isText, int afterText)
    {
        var kernel = new List<Item>();
        foreach (Item item in _states[state].Tokens)
        {
            TokenSet set = TokensOf(item.Pattern);
            if (set.Names(token) != set.Excluded && (isText || !set.Excluded)) kernel.Add(item with { Pattern = PatternPool.Empty });
        }
        if (kernel.Count == 0) return afterText;
        if (afterText != Dead)
        {
            State after = _states[afterText];
            kernel.AddRange(after.Items);
            foreach (Item item in after.Tokens)
                kernel.Add(new Item(PatternPool.Empty, _productions.Sequence(_productions.Tokens(item.Pattern), item.Rest), item.Frame));
            if (after.IsComplete) kernel.Add(new Item(PatternPool.Empty, Productions.Empty, End));
        }
        return Intern(kernel);
    }

    /// <summary>The state behind a terminal. Where its text must differ from the next one, which is not known yet, no token reaches into
    /// that.</summary>
    public int StateBehind(Item item) => Intern([item with
    {
        Pattern = PatternPool.Empty, Text = 0, Rest = item.Text == 0 ? item.Rest : _productions.BehindDistinct(item.Rest),
    }]);

    /// <summary>The state without the texts that must differ from others: no token reaches into the next one of those.</summary>
    public int WithoutTexts(int state)
    {
        Item[] items = _states[state].Items;
        return !Array.Exists(items, item => item.Text != 0) && _states[state].Tokens.Length == 0 ? state : Intern(
            [.. items.Select(item => item.Text == 0 ? item : item with { Text = 0, Rest = _productions.BehindDistinct(item.Rest) })], closed: false);
    }

    /// <summary>Whether a state waits for a text of which too little is known.</summary>
    public bool WaitsForText(int state) => Array.Exists(_states[state].Tokens, item => TokensOf(item.Pattern) is { Ids: [], Excluded: false });

    /// <summary>The least byte of a shortest way to the end, and the state behind it.</summary>
    public (byte Value, int Next) StepToEnd(int state)
    {
        State at = _states[state];
        for (int value = at.Live.Next(0); value >= 0; value = at.Live.Next(value + 1))
            if (Step(state, (byte)value) is var next && next != Dead && _states[next].MinLength < at.MinLength) return ((byte)value, next);
        return (0, Dead);
    }

    /// <summary>The state behind a token terminal of a shortest way to the end.</summary>
    public int TokenToEnd(int state)
    {
        foreach (Item item in _states[state].Tokens)
            if (MinLength(item, 1) == _states[state].MinLength) return Intern([item with { Pattern = PatternPool.Empty }]);
        return Dead;
    }

    private long MinLength(Item item, long ofPattern) => Length.Add(ofPattern, Length.Add(_productions.MinLength(item.Rest), _frames[item.Frame].MinLength));

    private readonly record struct Kernel(Item[] Items, bool Closed)
    {
        public bool Equals(Kernel other) => Closed == other.Closed && Items.AsSpan().SequenceEqual(other.Items);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (Item item in Items)
            {
                hash.Add(item.Pattern);
                hash.Add(item.Rest);
                hash.Add(item.Frame);
                hash.Add(item.Text);
            }
            return hash.ToHashCode();
        }
    }

    private readonly record struct FrameKey(Return[] Returns)
    {
        public bool Equals(FrameKey other) => Returns.AsSpan().SequenceEqual(other.Returns);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (Return place in Returns)
            {
                hash.Add(place.Rest);
                hash.Add(place.Frame);
            }
            return hash.ToHashCode();
        }
    }
}
