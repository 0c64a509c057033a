using Edge.Llm.Grammars;

namespace Edge.Llm;

/// <summary>A grammar made ready for a vocabulary. Any number of texts may follow it at once; what is found out for one of them is kept for
/// the others. Thread-safe.</summary>
public sealed class CompiledGrammar
{
    private readonly Lock _lock = new();
    private readonly Vocabulary _vocabulary;
    private readonly Func<CancellationToken, GrammarStates> _make;
    private GrammarStates _states;

    internal CompiledGrammar(Vocabulary vocabulary, Func<CancellationToken, GrammarStates> make, CancellationToken cancellation)
    {
        (_vocabulary, _make, _states) = (vocabulary, make, make(cancellation));
        ShortestTokens = _states.ShortestTokens;
    }

    /// <summary>Tokens that suffice for the shortest text.</summary>
    public int ShortestTokens { get; }

    /// <summary>Begins a text.</summary>
    public GrammarMatcher NewMatcher() => new(this);

    internal int VocabularySize => _vocabulary.Count;

    internal long KeptBytes
    {
        get
        {
            lock (_lock) return _states.KeptBytes;
        }
    }

    internal bool IsEndOfGeneration(int token) => _vocabulary.IsEndOfGeneration(token);

    /// <summary>The states that texts go on with: those there are, until they have grown large.</summary>
    internal GrammarStates States()
    {
        lock (_lock)
        {
            if (_states.IsLarge) _states = _make(CancellationToken.None);
            return _states;
        }
    }
}
