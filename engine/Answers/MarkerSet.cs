namespace Edge.Llm.Answers;

/// <summary>What a marker in free text begins.</summary>
internal enum MarkerRole { Call, ReasoningOpen, ReasoningClose, Skipped }

/// <summary>The markers of a format, ready to be matched.</summary>
internal sealed class MarkerSet
{
    private readonly List<(Marker Marker, MarkerRole Role, Place Where)> _inText = [];

    private MarkerSet(AnswerFormat format)
    {
        if (format.Style is { } style)
        {
            Add(style.First, MarkerRole.Call, Place.Content);
            Add(style.AtStart, MarkerRole.Call, Place.Start);
            Add(style.Next, MarkerRole.Call, Place.AfterCall);
            if (style.End.Length > 0) Add([style.End], MarkerRole.Skipped, Place.AfterCall);
            Add(style.Skipped, MarkerRole.Skipped, Place.Content);
            (Middle, MayLackMiddle) = (Made(style.Middle), style.Middle.Any(string.IsNullOrWhiteSpace));
            (Close, MayLackClose) = (Made(style.Close), style.Close.Contains(""));
        }
        if (format.Reasoning is { } reasoning)
        {
            Add([reasoning.Open], MarkerRole.ReasoningOpen, Place.Start);
            Add([reasoning.Close], MarkerRole.ReasoningClose, Place.Reasoning);
        }
    }

    private enum Place { Content, Start, AfterCall, Reasoning }

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => _inText.Count == 0;

    /// <summary>Between name and arguments.</summary>
    public Marker[] Middle { get; } = [];

    /// <summary>Whether nothing may stand between name and arguments.</summary>
    public bool MayLackMiddle { get; }

    /// <summary>Behind arguments.</summary>
    public Marker[] Close { get; } = [];

    /// <summary>Whether nothing need stand behind arguments.</summary>
    public bool MayLackClose { get; }

    public static MarkerSet Of(AnswerFormat format) => new(format);

    /// <summary>What the marker begins.</summary>
    public MarkerRole RoleOf(Marker marker) => _inText.Find(entry => entry.Marker == marker).Role;

    /// <summary>The markers that may begin at a place.</summary>
    public IEnumerable<Marker> Beginning(bool inReasoning, bool isStart, bool afterCall)
    {
        foreach ((Marker marker, _, Place where) in _inText)
            if (where switch { Place.Content => !inReasoning, Place.Start => isStart && !inReasoning, Place.AfterCall => afterCall, _ => inReasoning })
                yield return marker;
    }

    private void Add(string[] texts, MarkerRole role, Place where)
    {
        foreach (string text in texts) _inText.Add((new Marker(text), role, where));
    }

    private static Marker[] Made(string[] texts) => [.. texts.Where(text => !string.IsNullOrWhiteSpace(text)).Select(text => new Marker(text))];
}
