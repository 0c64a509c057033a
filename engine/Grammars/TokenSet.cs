namespace Edge.Llm.Grammars;

/// <summary>Some tokens by id, or all text tokens but those.</summary>
internal sealed record TokenSet(int[] Ids, bool Excluded)
{
    public bool Names(int token) => Ids.AsSpan().Contains(token);
}
