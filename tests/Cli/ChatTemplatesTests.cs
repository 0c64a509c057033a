using Edge.Llm.Cli.Chat;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>The templates that --chat-template knows by name write what the models' own write.</summary>
[TestClass]
public sealed class ChatTemplatesTests
{
    private static readonly ChatMessage[] s_messages = [new("system", "S"), new("user", "a"), new("assistant", "b"), new("user", "c")];

    [TestMethod]
    [DataRow("chatml", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
        + "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n")]
    [DataRow("llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\na [/INST] b </s><s>[INST] c [/INST]")]
    [DataRow("llama3", "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\nb<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n")]
    [DataRow("mistral", "<s>[INST] S\n\na [/INST] b</s>[INST] c [/INST]")]
    [DataRow("gemma", "<s><start_of_turn>user\nS\n\na<end_of_turn>\n<start_of_turn>model\nb<end_of_turn>\n<start_of_turn>user\nc<end_of_turn>\n"
        + "<start_of_turn>model\n")]
    [DataRow("phi3", "<|system|>\nS<|end|>\n<|user|>\na<|end|>\n<|assistant|>\nb<|end|>\n<|user|>\nc<|end|>\n<|assistant|>\n")]
    [DataRow("zephyr", "<|system|>\nS</s>\n<|user|>\na</s>\n<|assistant|>\nb</s>\n<|user|>\nc</s>\n<|assistant|>\n")]
    [DataRow("vicuna", "<s>S\n\nUSER: a\nASSISTANT: b</s>\nUSER: c\nASSISTANT:")]
    [DataRow("plain", "S\na\nb\nc\n")]
    public void Rendered(string name, string expected)
    {
        using var model = new ScriptedModel([" x"], ScriptedModel.FirstWord);
        using LanguageModel opened = LanguageModel.Open(model.File);
        Tokenizer tokenizer = Tokenizer.FromGguf(opened.File.Metadata);
        (ChatTemplate template, string[] stop) = ChatTemplates.Choose(name, opened, tokenizer);
        Assert.AreEqual(expected, template.Render(s_messages).Text);
        // What ends an answer stands in the text, or is the vocabulary's end of text.
        foreach (string text in stop) StringAssert.Contains(expected, text);
    }

    [TestMethod]
    public void AllAreTested() => Assert.AreEqual(ChatTemplates.All.Count,
        typeof(ChatTemplatesTests).GetMethod(nameof(Rendered))!.GetCustomAttributes(typeof(DataRowAttribute), false).Length);
}
