using System.Runtime.CompilerServices;

namespace Edge.Llm.Grammars;

/// <summary>The compiled grammars of a vocabulary, by what they say; those used least recently go first.</summary>
internal sealed class CompiledGrammars
{
    private const long MostBytes = 64 << 20;

    private static readonly ConditionalWeakTable<Tokenizer, CompiledGrammars> s_all = [];

    private readonly Dictionary<Grammar, LinkedListNode<(Grammar Key, CompiledGrammar Value)>> _known = [];
    private readonly LinkedList<(Grammar Key, CompiledGrammar Value)> _byUse = [];

    public static CompiledGrammars Of(Tokenizer tokenizer) => s_all.GetValue(tokenizer, static _ => new CompiledGrammars());

    /// <summary>How many are kept.</summary>
    public int Count
    {
        get
        {
            lock (_known) return _known.Count;
        }
    }

    public CompiledGrammar Get(Grammar grammar, Func<CompiledGrammar> make)
    {
        lock (_known)
            if (_known.TryGetValue(grammar, out var known))
            {
                _byUse.Remove(known);
                _byUse.AddFirst(known);
                return known.Value.Value;
            }
        CompiledGrammar made = make();
        lock (_known)
        {
            if (_known.TryGetValue(grammar, out var other)) return other.Value.Value;
            _known.Add(grammar, _byUse.AddFirst((grammar, made)));
            long bytes = 0;
            foreach ((Grammar key, CompiledGrammar value) in _byUse) bytes += key.Bytes + value.KeptBytes;
            for (; bytes > MostBytes && _byUse.Count > 1; _byUse.RemoveLast())
            {
                (Grammar key, CompiledGrammar value) = _byUse.Last!.Value;
                _known.Remove(key);
                bytes -= key.Bytes + value.KeptBytes;
            }
        }
        return made;
    }
}
