using System.Text;
using Edge.Llm.Tokenization;
using Edge.Llm.Templates.Jinja;

namespace Edge.Llm;

/// <summary>A stretch of a prompt: the template's own words, or what the conversation brought.</summary>
public readonly record struct PromptSegment(string Text, bool FromTemplate);

/// <summary>The text of a conversation, which knows what the template wrote and what came from the messages: only in the template's own
/// words do spellings of special tokens become those tokens.</summary>
public sealed class RenderedPrompt
{
    private readonly TracedText _text;
    private readonly string _template;

    internal RenderedPrompt(TracedText text, string template)
    {
        _text = text;
        _template = template;
    }

    /// <summary>The whole text.</summary>
    public string Text => _text.Value;

    /// <summary>The text in stretches by origin.</summary>
    public IReadOnlyList<PromptSegment> Segments
    {
        get
        {
            var segments = new List<PromptSegment>(_text.Stretches.Length);
            int start = 0;
            foreach (Stretch stretch in _text.Stretches)
            {
                segments.Add(new PromptSegment(Text[start..stretch.End], !stretch.FromUser));
                start = stretch.End;
            }
            return segments;
        }
    }

    /// <summary>The ids of the prompt: those of the whole text, where messages hold no special tokens. BOS is put first if the model asks
    /// for it and the template did not write it.</summary>
    public int[] Encode(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return tokenizer.EncodePrompt(Text, Mask(), _template);
    }

    private PromptMask Mask()
    {
        var mask = new PromptMask();
        int start = 0, bytes = 0;
        foreach (Stretch stretch in _text.Stretches)
        {
            // A cut pair of surrogates counts as the conversation's.
            int end = stretch.End;
            if (Splits(Text, end)) end += stretch.FromUser ? 1 : -1;
            int next = bytes + Encoding.UTF8.GetByteCount(Text.AsSpan(start, end - start));
            if (stretch.FromUser && next > bytes) mask.AddUser(bytes, next);
            (start, bytes) = (end, next);
        }
        return mask;
    }

    private static bool Splits(string text, int at) => at > 0 && at < text.Length && char.IsSurrogatePair(text[at - 1], text[at]);
}
