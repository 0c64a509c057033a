namespace Edge.Llm.Grammars;

/// <summary>Texts and sets of texts by number, for lists whose members must differ.</summary>
internal sealed class DistinctTexts(Effort effort)
{
    /// <summary>The set without texts.</summary>
    public const int None = 0;

    /// <summary>The empty text.</summary>
    public const int Empty = 1;

    private readonly List<(int Before, byte Last)> _texts = [default, default];
    private readonly Dictionary<(int, byte), int> _longer = [];
    private readonly List<int[]> _sets = [[]];
    private readonly Dictionary<(int, int), int> _larger = [];

    /// <summary>A text with one more byte.</summary>
    public int Append(int text, byte value)
    {
        if (_longer.TryGetValue((text, value), out int known)) return known;
        effort.Keep(60);
        _texts.Add((text, value));
        return _longer[(text, value)] = _texts.Count - 1;
    }

    /// <summary>A set with one more text.</summary>
    public int With(int set, int text)
    {
        if (_larger.TryGetValue((set, text), out int known)) return known;
        effort.Keep(60 + 4 * _sets[set].Length);
        _sets.Add([.. _sets[set], text]);
        return _larger[(set, text)] = _sets.Count - 1;
    }

    /// <summary>The texts of a set.</summary>
    public IEnumerable<byte[]> Of(int set) => _sets[set].Select(Bytes);

    private byte[] Bytes(int text)
    {
        var bytes = new List<byte>();
        for (; text != Empty; text = _texts[text].Before) bytes.Add(_texts[text].Last);
        bytes.Reverse();
        return [.. bytes];
    }
}
