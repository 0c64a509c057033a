namespace Edge.Llm.Grammars;

/// <summary>The tokens that may follow a state.</summary>
/// <param name="Tokens">The tokens.</param>
/// <param name="LongestEnd">Bytes that the shortest end needs behind one of them, at most.</param>
internal sealed record StateMask(TokenMask Tokens, long LongestEnd);
