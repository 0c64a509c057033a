using static Edge.Llm.Grammars.GbnfTree;

namespace Edge.Llm.Grammars;

/// <summary>A rule that calls itself only at the end of its alternatives, or only at their beginning, is a loop: <c>a ::= x a | y</c> is
/// <c>x* y</c>, and <c>a ::= a x | y</c> is <c>y x*</c>.</summary>
internal sealed class LinearRule(GbnfTree tree, int rule, Part[] parts)
{
    private const int MostAlternatives = 256;

    private readonly Dictionary<int, bool> _calls = [];

    /// <summary>The rule without its calls, or null.</summary>
    public Part? Solve()
    {
        List<Part> loops = [], ends = [];
        bool atEnd = false, atStart = false;
        List<List<int>>? alternatives = Alternatives();
        if (alternatives is null) return null;
        foreach (List<int> alternative in alternatives)
        {
            int calls = alternative.Count(Calls);
            if (calls == 0) ends.Add(Of(alternative));
            else if (calls > 1) return null;
            else if (alternative.Count == 1 && IsCall(alternative[0])) continue; // a ::= a adds nothing
            else if (IsCall(alternative[^1]))
            {
                atEnd = true;
                loops.Add(Of(alternative[..^1]));
            }
            else if (IsCall(alternative[0]))
            {
                atStart = true;
                loops.Add(Of(alternative[1..]));
            }
            else return null;
        }
        if (atStart && atEnd) return null;
        Part loop = tree.RepeatOf(tree.EitherOf(loops), 0, -1), end = tree.EitherOf(ends);
        return tree.SequenceOf(atStart ? [end, loop] : [loop, end]);
    }

    // An alternative whose last part is a group that calls the rule stands for one alternative for each way through the group.
    private List<List<int>>? Alternatives()
    {
        var found = new List<List<int>>();
        var open = new Stack<List<int>>([[tree.BodyOf(rule)]]);
        while (open.TryPop(out List<int>? at))
        {
            if (found.Count + open.Count > MostAlternatives) return null;
            int last = at.Count == 0 ? -1 : at[^1];
            if (last < 0 || !Calls(last) || tree[last].Kind == NodeKind.Rule)
            {
                found.Add(at);
                continue;
            }
            List<int> before = at[..^1];
            switch (tree[last])
            {
                case { Kind: NodeKind.Chain } sequence: open.Push([.. before, .. sequence.Parts]); break;
                case { Kind: NodeKind.Either } either:
                    if (either.Parts.Length > MostAlternatives) return null;
                    foreach (int part in either.Parts) open.Push([.. before, part]);
                    break;
                case { Kind: NodeKind.Repeat, Min: 0 or 1, Max: 1 } optional:
                    open.Push([.. before, optional.Parts[0]]);
                    if (optional.Min == 0) open.Push(before);
                    break;
                default: return null;
            }
        }
        return found;
    }

    private bool IsCall(int node) => tree[node] is { Kind: NodeKind.Rule } call && call.A == rule;

    // Parts stand before what they are part of: a list from there on needs no recursion.
    private bool Calls(int node)
    {
        if (_calls.Count == 0)
            foreach (int at in tree.NodesOf(rule)) _calls[at] = IsCall(at) || tree[at].Parts.Any(part => _calls.GetValueOrDefault(part));
        return _calls[node];
    }

    private Part Of(List<int> nodes) => tree.SequenceOf([.. nodes.Select(node => parts[node])]);
}
