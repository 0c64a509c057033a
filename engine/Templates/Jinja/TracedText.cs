namespace Edge.Llm.Templates.Jinja;

/// <summary>The end of a stretch of characters, and whether they came from the caller and not from the template.</summary>
internal readonly record struct Stretch(int End, bool FromUser);

/// <summary>A string that remembers which of its characters the caller gave. Immutable; equal if the characters are.</summary>
internal sealed class TracedText : IEquatable<TracedText>, IComparable<TracedText>
{
    public static readonly TracedText Empty = new("", [], isMarkup: false);

    private readonly Stretch[] _stretches; // none are empty; neighbours differ; the last ends at the text's end

    private TracedText(string value, Stretch[] stretches, bool isMarkup)
    {
        Value = value;
        _stretches = stretches;
        IsMarkup = isMarkup;
    }

    public static TracedText Template(string value) => Of(value, fromUser: false);

    public static TracedText User(string value) => Of(value, fromUser: true);

    public static TracedText Of(string value, bool fromUser) =>
        value.Length == 0 ? Empty : new(value, [new Stretch(value.Length, fromUser)], isMarkup: false);

    public string Value { get; }

    public int Length => Value.Length;

    /// <summary>Whether the filters escape and safe made it: then + escapes what is put to it.</summary>
    public bool IsMarkup { get; }

    public TracedText AsMarkup(bool isMarkup = true) => isMarkup == IsMarkup ? this : new(Value, _stretches, isMarkup);

    public ReadOnlySpan<Stretch> Stretches => _stretches;

    public bool AnyFromUser => _stretches.Length > 1 || (_stretches.Length == 1 && _stretches[0].FromUser);

    public TracedText Substring(int start, int length)
    {
        if (length == 0) return Empty.AsMarkup(IsMarkup);
        if (length == Length) return this;
        string value = Value.Substring(start, length);
        if (_stretches.Length == 1) return Of(value, _stretches[0].FromUser).AsMarkup(IsMarkup);
        int end = start + length, first = IndexAt(start);
        var stretches = new List<Stretch>();
        for (int i = first; i < _stretches.Length; i++)
        {
            stretches.Add(new Stretch(Math.Min(_stretches[i].End, end) - start, _stretches[i].FromUser));
            if (_stretches[i].End >= end) break;
        }
        return new TracedText(value, [.. stretches], IsMarkup);
    }

    /// <summary>Other characters of the same number and origin.</summary>
    public TracedText WithCharacters(string value) => value.Length == Length ? new(value, _stretches, IsMarkup) : Of(value, AnyFromUser).AsMarkup(IsMarkup);

    public bool Equals(TracedText? other) => other is not null && Value == other.Value;

    public override bool Equals(object? obj) => Equals(obj as TracedText);

    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    /// <summary>By code points: a surrogate pair comes after every single character.</summary>
    public int CompareTo(TracedText? other)
    {
        ReadOnlySpan<char> left = Value, right = other?.Value;
        int same = left.CommonPrefixLength(right);
        if (same == left.Length || same == right.Length) return left.Length.CompareTo(right.Length);
        (bool isPair, bool isOtherPair) = (char.IsSurrogate(left[same]), char.IsSurrogate(right[same]));
        return isPair != isOtherPair ? isPair.CompareTo(isOtherPair) : left[same].CompareTo(right[same]);
    }

    public override string ToString() => Value;

    public static TracedText FromParts(string value, List<Stretch> stretches) => value.Length == 0 ? Empty : new(value, [.. stretches], isMarkup: false);

    private int IndexAt(int position)
    {
        int low = 0, high = _stretches.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_stretches[middle].End > position) high = middle;
            else low = middle + 1;
        }
        return low;
    }
}
