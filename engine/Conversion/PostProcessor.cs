using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>The tokens that a tokenizer.json puts around a text: a GGUF file can say one before it and one after it.</summary>
internal static class PostProcessor
{
    private static readonly KeyTable s_template = new("type single special_tokens", "pair");
    private static readonly KeyTable s_bert = new("type sep cls");
    private static readonly KeyTable s_offsets = new("", "type add_prefix_space trim_offsets use_regex");

    /// <summary>The ids before and after; -1 for none.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: other tokens or steps.</exception>
    public static (int First, int Last) Read(CheckedJson tokenizer)
    {
        (int First, int Last)? ends = null;
        foreach (CheckedJson step in TokenizerJson.Steps(tokenizer, "post_processor", "processors"))
        {
            switch (step.Text("type"))
            {
                case "ByteLevel":
                    s_offsets.Check(step);
                    break;
                case "TemplateProcessing" when ends is null:
                    s_template.Check(step);
                    ends = ReadTemplate(step);
                    break;
                case "BertProcessing" when ends is null:
                    s_bert.Check(step);
                    ends = (Id(step, "cls"), Id(step, "sep"));
                    break;
                default:
                    throw step.Unsupported($"post_processor of type '{step.Text("type")}'; expected ByteLevel and at most one TemplateProcessing");
            }
        }
        return ends ?? (-1, -1);
    }

    private static (int First, int Last) ReadTemplate(CheckedJson step)
    {
        int[] ids = [.. step.Array("single").Select(element => Id(step, step.Item("single", element)))]; // -1: the text
        return ids switch
        {
            [-1] => (-1, -1),
            [>= 0 and int first, -1] => (first, -1),
            [-1, >= 0 and int last] => (-1, last),
            [>= 0 and int first, -1, >= 0 and int last] => (first, last),
            _ => throw step.Unsupported(
                "single: expected the text with at most one special token before it and one after it, which is all that a GGUF file can say"),
        };
    }

    // A text and an id.
    private static int Id(CheckedJson step, string key) => step.Array(key).ToArray() is [_, { ValueKind: JsonValueKind.Number } id]
        && id.TryGetInt32(out int found) && found >= 0 ? found : throw step.Invalid($"{key}: expected a token's text and id");

    private static int Id(CheckedJson step, CheckedJson part)
    {
        if (part.Object("Sequence") is { } text) return text.Text("id") == "A" ? -1 : throw text.Unsupported("id: expected A");
        string name = part.Object("SpecialToken")?.Text("id") ?? throw part.Invalid("expected SpecialToken or Sequence");
        CheckedJson token = step.Object("special_tokens")?.Object(name) ?? throw step.Invalid($"special_tokens: no '{name}'");
        return token.Ints("ids") is [>= 0 and int id] ? id : throw token.Unsupported("ids: expected one id, which is all that a GGUF file can say");
    }
}
