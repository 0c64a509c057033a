namespace Edge.Llm.Grammars;

/// <summary>What a pattern is made of.</summary>
internal enum PatternKind : byte
{
    /// <summary>Matches nothing.</summary>
    Nothing,

    /// <summary>Matches the empty text.</summary>
    Empty,

    /// <summary>One byte of a set.</summary>
    Bytes,

    /// <summary>One of some texts, from a depth on: rows A to B of table C; the depth is in D.</summary>
    Literals,

    /// <summary>Decimal digits whose number leaves A more than a multiple of B; C says whether it ends here.</summary>
    Multiple,

    /// <summary>A, then B; A is no chain.</summary>
    Chain,

    /// <summary>One of a list.</summary>
    Either,

    /// <summary>All of a list.</summary>
    Both,

    /// <summary>Everything but A.</summary>
    Not,

    /// <summary>A, at least B times, at most C times; C is -1 without a limit.</summary>
    Repeat,
}
