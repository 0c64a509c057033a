namespace Edge.Llm.Native;

/// <summary>The parts of an answer that wait for the caller.</summary>
internal sealed unsafe class AnswerParts(AnswerScanner scanner)
{
    private readonly Queue<AnswerDelta> _waiting = [];
    private readonly Utf8Text _text = new(), _id = new(), _name = new();

    /// <summary>Takes the text of a step.</summary>
    public void Add(string text, bool isLast)
    {
        foreach (AnswerDelta delta in scanner.Append(text)) _waiting.Enqueue(delta);
        if (!isLast) return;
        foreach (AnswerDelta delta in scanner.Finish()) _waiting.Enqueue(delta);
    }

    /// <summary>The next part; of kind 0 if there is none.</summary>
    public PartData Next()
    {
        if (!_waiting.TryDequeue(out AnswerDelta delta)) delta = new AnswerDelta(0, "");
        _text.Set(delta.Text);
        _id.Set(delta.Id ?? "");
        _name.Set(delta.Name ?? "");
        return new PartData
        {
            StructSize = (uint)sizeof(PartData), Kind = (int)delta.Part, Index = delta.Index, Text = _text.Data, TextLength = _text.Length,
            Id = _id.Data, IdLength = _id.Length, Name = _name.Data, NameLength = _name.Length,
        };
    }
}
