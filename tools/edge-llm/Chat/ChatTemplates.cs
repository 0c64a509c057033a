using System.Text;

namespace Edge.Llm.Cli.Chat;

/// <summary>Which chat template turns messages into a prompt.</summary>
internal static class ChatTemplates
{
    /// <summary>A template of a family of models, for files that have none; the text ends an answer where the vocabulary has no token for it.</summary>
    public sealed record BuiltIn(string Name, string Source, string? Stop);

    public static readonly IReadOnlyList<BuiltIn> All =
    [
        new("chatml", "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
            + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "<|im_end|>"),
        new("llama2", "{% set ns = namespace(system='') %}{% for m in messages %}{% if m.role == 'system' %}"
            + "{% set ns.system = '<<SYS>>\\n' + m.content + '\\n<</SYS>>\\n\\n' %}{% elif m.role == 'user' %}"
            + "{{ bos_token }}[INST] {{ ns.system }}{{ m.content }} [/INST]{% set ns.system = '' %}"
            + "{% else %} {{ m.content }} {{ eos_token }}{% endif %}{% endfor %}", null),
        new("llama3", "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
            + "{{ m.content | trim }}<|eot_id|>{% endfor %}"
            + "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}", "<|eot_id|>"),
        new("mistral", "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}{% if m.role == 'system' %}"
            + "{% set ns.system = m.content + '\\n\\n' %}{% elif m.role == 'user' %}"
            + "[INST] {{ ns.system }}{{ m.content }} [/INST]{% set ns.system = '' %}"
            + "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}", null),
        new("gemma", "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}{% if m.role == 'system' %}"
            + "{% set ns.system = m.content + '\\n\\n' %}{% else %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
            + "{{ ns.system }}{{ m.content | trim }}<end_of_turn>\n{% set ns.system = '' %}{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}", "<end_of_turn>"),
        new("phi3", "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>\n{% endif %}", "<|end|>"),
        new("zephyr", "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>\n{% endif %}", null),
        new("vicuna", "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n\n{% elif m.role == 'user' %}"
            + "USER: {{ m.content }}\n{% else %}ASSISTANT: {{ m.content }}{{ eos_token }}\n{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}ASSISTANT:{% endif %}", "USER:"),
        new("plain", "{% for m in messages %}{{ m.content }}\n{% endfor %}", null),
    ];

    public static string Names { get; } = string.Join(", ", All.Select(template => template.Name));

    /// <summary>The template of --chat-template; without it the model's own; without that one of ours, which is announced.</summary>
    public static (ChatTemplate Template, string[] Stop) Choose(string? option, LanguageModel model, Tokenizer tokenizer)
    {
        Vocabulary vocabulary = tokenizer.Vocabulary;
        if (option is null)
        {
            if (ChatTemplate.TryFromGguf(model.File.Metadata, vocabulary) is { } own) return (own, []);
            option = vocabulary.Find("<|im_start|>"u8) >= 0 ? "chatml" : "plain";
            Console.Error.WriteLine($"edge-llm: the model has no chat template: taking {option} (--chat-template chooses another)");
        }
        if (All.FirstOrDefault(template => template.Name == option) is { } known)
            return (ChatTemplate.Parse(known.Source, vocabulary), known.Stop is null ? [] : [known.Stop]);
        if (option.StartsWith('@')) return (ChatTemplate.Parse(Encoding.UTF8.GetString(Input.ReadFile(option[1..])), vocabulary), []);
        if (option.Contains('{', StringComparison.Ordinal)) return (ChatTemplate.Parse(option, vocabulary), []);
        throw new UsageException($"--chat-template: expected a Jinja text, @FILE, or one of {Names}; found '{option}'");
    }
}
