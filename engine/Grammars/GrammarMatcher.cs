using Edge.Llm.Grammars;

namespace Edge.Llm;

/// <summary>Follows one text through a grammar, token by token. Not thread-safe: one a generation.</summary>
public sealed class GrammarMatcher
{
    private readonly CompiledGrammar _grammar;
    private readonly List<int> _tokens = [];
    private List<int> _numbers = []; // of the states behind each token
    private GrammarStates _states;
    private bool _ended;

    internal GrammarMatcher(CompiledGrammar grammar) => (_grammar, _states) = (grammar, grammar.States());

    /// <summary>Tokens accepted so far.</summary>
    public int Count => _tokens.Count;

    /// <summary>Whether the text so far is a whole text of the grammar.</summary>
    public bool IsComplete => _states.IsComplete(Last);

    /// <summary>Whether a token has ended the text.</summary>
    public bool IsEnded => _ended;

    /// <summary>Whether the text is complete and no more may follow.</summary>
    internal bool MustEnd => !_ended && _states.MustEnd(Last);

    private int Last => _numbers.Count == 0 ? _states.Start : _numbers[^1];

    /// <summary>Takes the next token. A token that ends the generation is taken where the text is complete.</summary>
    /// <returns>Whether the grammar lets it follow; if not, nothing has changed.</returns>
    /// <exception cref="EdgeLlmException">InvalidArgument: no token of the vocabulary. GrammarError: the text takes too much memory or
    /// time.</exception>
    public bool Accept(int token)
    {
        if ((uint)token >= (uint)_grammar.VocabularySize)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"token id {token}: expected 0 to {_grammar.VocabularySize - 1}");
        if (_ended) return false;
        Renew();
        int next;
        if (_grammar.IsEndOfGeneration(token))
        {
            if (!IsComplete) return false;
            (next, _ended) = (Last, true);
        }
        else next = _states.Accept(Last, token);
        if (next == Automaton.Dead) return false;
        _tokens.Add(token);
        _numbers.Add(next);
        return true;
    }

    /// <summary>Takes the last tokens back.</summary>
    public void Rollback(int tokens)
    {
        if (tokens < 0 || tokens > _tokens.Count)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"roll back {tokens} tokens: expected 0 to {_tokens.Count}");
        if (tokens > 0) _ended = false;
        _tokens.RemoveRange(_tokens.Count - tokens, tokens);
        _numbers.RemoveRange(_numbers.Count - tokens, tokens);
    }

    /// <summary>Writes which tokens may come next. Where the grammar leaves no choice of text, that is the token that the tokenizer writes it
    /// with.</summary>
    /// <param name="mask">Where to.</param>
    /// <param name="tokensLeft">Tokens that may still be generated: only those stay behind which the shortest end still fits.</param>
    public void Fill(TokenMask mask, int tokensLeft = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(mask);
        if (mask.VocabularySize != _grammar.VocabularySize)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"a mask of {mask.VocabularySize} tokens: expected {_grammar.VocabularySize}");
        if (_ended)
        {
            mask.Clear();
            return;
        }
        Renew();
        _states.Fill(Last, mask, tokensLeft);
    }

    /// <summary>The token that must come next, which is then the only one that <see cref="Fill"/> allows; -1 where there is a choice.</summary>
    internal int ForcedToken(int tokensLeft) => _ended ? -1 : _states.ForcedToken(Last, tokensLeft);

    /// <summary>The tokens that must come next: while there are some, <see cref="Fill"/> allows the first of them only.</summary>
    public int[] ForcedTokens() => _ended ? [] : [.. _states.ForcedTokens(Last)];

    // Goes on with other states when these have grown large: walks the text so far again.
    private void Renew()
    {
        GrammarStates states = _grammar.States();
        if (states == _states) return;
        var numbers = new List<int>(_tokens.Count);
        int last = states.Start;
        foreach (int token in _tokens) numbers.Add(last = _grammar.IsEndOfGeneration(token) ? last : states.Accept(last, token));
        (_states, _numbers) = (states, numbers);
    }
}
