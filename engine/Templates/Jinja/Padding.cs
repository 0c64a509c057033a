namespace Edge.Llm.Templates.Jinja;

/// <summary>Texts made longer.</summary>
internal static class Padding
{
    /// <summary>The methods ljust, rjust and center: -1, 1 and 0.</summary>
    public static TracedText Justify(Rendering rendering, TracedText text, Arguments arguments, int side)
    {
        TracedText fill = arguments.TextOrNull(1, "fillchar") ?? TracedText.Template(" ");
        if (Sequences.Count(rendering, fill) != 1) throw rendering.Fail("expected one character to fill with");
        long width = arguments.Integer(0, "width"), room = width - Sequences.Count(rendering, text);
        if (room <= 0) return text;
        long left = side switch { < 0 => 0, > 0 => room, _ => room / 2 + (room & width & 1) }; // as Python centers
        return Around(rendering, text, left, room - left, fill);
    }

    /// <summary>A sign stays before the zeros.</summary>
    public static TracedText ZeroFill(Rendering rendering, TracedText text, long width)
    {
        long room = width - Sequences.Count(rendering, text);
        if (room <= 0) return text;
        int sign = text.Value is ['+' or '-', ..] ? 1 : 0;
        TracedText zeros = Around(rendering, text.Substring(sign, text.Length - sign), room, 0, TracedText.Template("0"));
        return sign == 0 ? zeros : Operators.Concat(rendering, text.Substring(0, 1), zeros);
    }

    /// <summary>Spaces; none where the count is negative.</summary>
    public static TracedText Spaces(Rendering rendering, long count) => Around(rendering, TracedText.Empty, count, 0, TracedText.Template(" "));

    public static TracedText Around(Rendering rendering, TracedText text, long left, long right, TracedText fill)
    {
        var builder = new TextBuilder(rendering);
        builder.Append(fill, left);
        builder.Append(text);
        builder.Append(fill, right);
        return builder.ToText();
    }

    public static TracedText ExpandTabs(Rendering rendering, TracedText text, long size)
    {
        var builder = new TextBuilder(rendering);
        TracedText space = TracedText.Template(" ");
        long column = 0;
        int from = 0;
        for (int at = 0; at < text.Length; at++)
        {
            if (text.Value[at] is '\n' or '\r') column = 0;
            else if (text.Value[at] != '\t')
            {
                if (!char.IsLowSurrogate(text.Value[at])) column++;
                continue;
            }
            else
            {
                builder.Append(text, from, at - from);
                long width = size > 0 ? size - column % size : 0;
                builder.Append(space, width);
                column += width;
                from = at + 1;
            }
        }
        builder.Append(text, from, text.Length - from);
        return builder.ToText();
    }
}
