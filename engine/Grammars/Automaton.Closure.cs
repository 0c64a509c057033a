namespace Edge.Llm.Grammars;

internal sealed partial class Automaton
{
    private readonly Stack<Return> _waiting = [];
    private readonly HashSet<Return> _seen = [];
    private readonly Dictionary<int, int> _called = []; // rule -> index of its call
    private readonly List<List<Return>> _calls = []; // where the rules called here return to; frame ~i is that of call i, until it has a number

    // From the terminals that end here, over returns and calls, to the terminals that may begin here.
    private State Close(Item[] kernel, bool closed)
    {
        _seen.Clear();
        _waiting.Clear();
        _called.Clear();
        _calls.Clear();
        List<Item> items = [], tokens = [];
        bool complete = false;
        foreach (Item item in kernel)
        {
            if (item.Pattern != PatternPool.Empty) items.Add(item);
            if (!closed && _patterns.IsNullable(item.Pattern)) Visit(Behind(item), item.Frame);
        }
        while (_waiting.TryPop(out Return at))
        {
            Productions.Key key = _productions[at.Rest];
            bool isSequence = key.Kind == ProductionKind.Chain;
            int rest = isSequence ? key.B : Productions.Empty;
            Productions.Key head = isSequence ? _productions[key.A] : key;
            switch (head.Kind)
            {
                case ProductionKind.Empty when at.Frame == End: complete = true; break;
                case ProductionKind.Empty when at.Frame > End: // a rule called here that matches the empty text is passed over where it is called
                    foreach (Return place in _frames[at.Frame].Returns) Visit(place.Rest, place.Frame);
                    break;
                case ProductionKind.Pattern:
                    items.Add(new Item(head.A, rest, at.Frame));
                    if (_patterns.IsNullable(head.A)) Visit(rest, at.Frame);
                    break;
                case ProductionKind.Distinct:
                    items.Add(new Item(_productions.PatternOf(head), _productions.Sequence(head.B, rest), at.Frame, DistinctTexts.Empty));
                    break;
                case ProductionKind.Tokens: tokens.Add(new Item(head.A, rest, at.Frame)); break;
                case ProductionKind.Rule: Call(head.A, rest, at.Frame); break;
                case ProductionKind.Either:
                    foreach (int member in head.List!) Visit(_productions.Sequence(member, rest), at.Frame);
                    break;
                case ProductionKind.Repeat:
                    int again = _productions.Repeat(head.A, Math.Max(head.B - 1, 0), head.C < 0 ? -1 : head.C - 1);
                    Visit(_productions.Sequence(head.A, _productions.Sequence(again, rest)), at.Frame);
                    if (head.B == 0) Visit(rest, at.Frame);
                    break;
            }
        }
        if (_calls.Count > 0)
        {
            int[] frames = NumberCalls();
            Replace(items, frames);
            Replace(tokens, frames);
        }
        long min = complete ? 0 : Length.Infinite;
        ByteSet live = default;
        foreach (Item item in items)
        {
            live |= _patterns.First(item.Pattern);
            if (!complete) min = Math.Min(min, MinLength(item, _patterns.MinLength(item.Pattern)));
        }
        foreach (Item item in tokens) min = Math.Min(min, MinLength(item, 1));
        _effort.Spend(items.Count);
        return new State { Items = [.. items], Tokens = [.. tokens], IsComplete = complete, MinLength = min, Live = live };
    }

    // What follows a terminal whose text is known now.
    private int Behind(Item item)
    {
        if (item.Text == 0) return item.Rest;
        Productions.Key key = _productions[item.Rest];
        return key.Kind == ProductionKind.Chain ? _productions.Sequence(_productions.After(_productions[key.A], item.Text), key.B)
            : _productions.After(key, item.Text);
    }

    private void Visit(int production, int frame)
    {
        _effort.Spend(1);
        if (_productions.MinLength(production) >= Length.Infinite) return;
        var place = new Return(production, frame);
        if (_seen.Add(place)) _waiting.Push(place);
    }

    private void Call(int rule, int rest, int frame)
    {
        int body = _productions.Body(rule);
        if (_productions[body].Kind == ProductionKind.Pattern) // no place to return to is needed
        {
            Visit(_productions.Sequence(body, rest), frame);
            return;
        }
        if (_called.TryAdd(rule, _calls.Count)) _calls.Add([]);
        int call = _called[rule];
        _calls[call].Add(new Return(rest, frame));
        Visit(body, ~call);
        if (_productions.IsNullable(body)) Visit(rest, frame);
    }

    private static void Replace(List<Item> items, int[] frames)
    {
        for (int i = 0; i < items.Count; i++)
            if (items[i].Frame < 0) items[i] = items[i] with { Frame = frames[~items[i].Frame] };
    }

    // Numbers the frames of the calls, those first that others return to. Calls in a circle (left recursion) get frames of their own.
    private int[] NumberCalls()
    {
        int[] frames = new int[_calls.Count], open = new int[_calls.Count];
        Array.Fill(frames, -1);
        var users = new List<int>[_calls.Count];
        var ready = new Queue<int>();
        for (int call = 0; call < _calls.Count; call++)
        {
            foreach (Return place in _calls[call])
                if (place.Frame < 0)
                {
                    open[call]++;
                    (users[~place.Frame] ??= []).Add(call);
                }
            if (open[call] == 0) ready.Enqueue(call);
        }
        while (ready.TryDequeue(out int call))
        {
            frames[call] = NumberFrame(ReturnsOf(call, frames));
            foreach (int user in users[call] ?? [])
                if (--open[user] == 0) ready.Enqueue(user);
        }
        NumberCircle(frames);
        return frames;
    }

    private void NumberCircle(int[] frames)
    {
        var circle = new List<int>();
        for (int call = 0; call < frames.Length; call++)
            if (frames[call] < 0)
            {
                frames[call] = _frames.Count;
                _effort.Keep(100);
                _frames.Add(new Frame([], Length.Infinite));
                circle.Add(call);
            }
        foreach (int call in circle) _frames[frames[call]] = new Frame(ReturnsOf(call, frames), Length.Infinite);
        for (bool changed = circle.Count > 0; changed;)
        {
            changed = false;
            foreach (int call in circle)
            {
                _effort.Spend(1);
                Frame frame = _frames[frames[call]];
                long min = ShortestOf(frame.Returns);
                if (min >= frame.MinLength) continue;
                _frames[frames[call]] = frame with { MinLength = min };
                changed = true;
            }
        }
    }

    // A place with nothing left before its own return stands for the places that it returns to.
    private Return[] ReturnsOf(int call, int[] frames)
    {
        var places = new SortedSet<Return>();
        foreach (Return place in _calls[call])
        {
            int frame = place.Frame < 0 ? frames[~place.Frame] : place.Frame;
            if (place.Rest != Productions.Empty || frame == End || _frames[frame].Returns.Length == 0) places.Add(place with { Frame = frame });
            else
                foreach (Return further in _frames[frame].Returns) places.Add(further);
            _effort.Spend(1 + _frames[frame].Returns.Length);
        }
        return [.. places];
    }

    private int NumberFrame(Return[] returns)
    {
        if (returns is [(Productions.Empty, End)]) return End;
        var key = new FrameKey(returns);
        if (_frameIds.TryGetValue(key, out int known)) return known;
        _effort.Keep(100 + 8 * returns.Length);
        _frames.Add(new Frame(returns, ShortestOf(returns)));
        _frameIds.Add(key, _frames.Count - 1);
        return _frames.Count - 1;
    }

    private long ShortestOf(Return[] returns)
    {
        long min = Length.Infinite;
        foreach (Return place in returns) min = Math.Min(min, Length.Add(_productions.MinLength(place.Rest), _frames[place.Frame].MinLength));
        return min;
    }
}
