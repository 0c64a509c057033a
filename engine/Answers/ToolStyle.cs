namespace Edge.Llm.Answers;

/// <summary>How a model writes calls of tools. Markers are written as <see cref="Marker"/> has them; the first of a list is the one that a
/// grammar writes.</summary>
/// <param name="Name">Its name in messages and tests.</param>
/// <param name="Signs">What a chat template of the style has in its text: all of one list.</param>
/// <param name="Trigger">What a call begins with: behind it nothing but a call follows. Empty: only a whole opening tells.</param>
internal sealed record ToolStyle(string Name, string[][] Signs, string Trigger)
{
    /// <summary>From free text to the name of the tool.</summary>
    public required string[] First { get; init; }

    /// <summary>From one call to the name of the next tool; empty: as <see cref="First"/>.</summary>
    public string[] Next { get; init; } = [];

    /// <summary>Openings as <see cref="First"/>, but only where nothing stands before them.</summary>
    public string[] AtStart { get; init; } = [];

    /// <summary>From the name to the arguments; an empty one: nothing.</summary>
    public required string[] Middle { get; init; }

    /// <summary>Behind the arguments.</summary>
    public string[] Close { get; init; } = [""];

    /// <summary>Behind the last call; empty: nothing.</summary>
    public string End { get; init; } = "";

    /// <summary>How arguments are written.</summary>
    public ArgumentForm Arguments { get; init; } = JsonForm.Instance;

    /// <summary>Whether ids have nine letters and digits.</summary>
    public bool ShortIds { get; init; }

    /// <summary>Whether one answer may have several calls.</summary>
    public bool Parallel { get; init; } = true;

    /// <summary>Marks of the format that stand for nothing: headers of messages.</summary>
    public string[] Skipped { get; init; } = [];
}

/// <summary>The sections in which a model writes to itself.</summary>
/// <param name="Signs">What a chat template has in its text.</param>
/// <param name="Open">Before the section.</param>
/// <param name="Close">Behind it.</param>
internal sealed record ReasoningStyle(string[] Signs, string Open, string Close);
