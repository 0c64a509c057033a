using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Puts texts together, each part with its origin, and charges their length to the rendering.</summary>
internal sealed class TextBuilder(Rendering rendering)
{
    private readonly StringBuilder _text = new();
    private readonly List<Stretch> _stretches = [];

    public int Length => _text.Length;

    public void Append(TracedText text)
    {
        rendering.Charge(text.Length);
        AppendCharged(text);
    }

    public void Append(TracedText text, int start, int length)
    {
        if (length > 0) Append(text.Substring(start, length));
    }

    /// <summary>A text over and over.</summary>
    public void Append(TracedText text, long count)
    {
        if (count <= 0 || text.Length == 0) return;
        rendering.Charge(checked(Math.Min(count, int.MaxValue) * text.Length));
        for (long i = 0; i < count; i++) AppendCharged(text);
    }

    public void Append(string text, bool fromUser = false)
    {
        if (text.Length == 0) return;
        rendering.Charge(text.Length);
        _text.Append(text);
        Extend(_text.Length, fromUser);
    }

    public TracedText ToText() => TracedText.FromParts(_text.ToString(), _stretches);

    private void AppendCharged(TracedText text)
    {
        _text.Append(text.Value);
        int start = _text.Length - text.Length;
        foreach (Stretch stretch in text.Stretches) Extend(start + stretch.End, stretch.FromUser);
    }

    private void Extend(int end, bool fromUser)
    {
        if (_stretches.Count > 0 && _stretches[^1].FromUser == fromUser) _stretches[^1] = new Stretch(end, fromUser);
        else _stretches.Add(new Stretch(end, fromUser));
    }
}
