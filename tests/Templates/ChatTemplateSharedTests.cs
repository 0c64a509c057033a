using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Templates;

/// <summary>Prompts through real vocabularies.</summary>
[TestClass]
public sealed class ChatTemplateSharedTests
{
    private static readonly ChatMessage[] s_messages =
        [new("system", "Be brief."), new("user", "Hello,  world!\n\nHow are you?"), new("assistant", "Fine."), new("user", "1234 é 漢字 🙂")];

    [TestMethod]
    [DataRow("llama-bpe", "llama3-8b")]
    [DataRow("qwen2", "qwen2.5-0.5b")]
    [DataRow("phi-3", "phi3-3.8b")]
    [DataRow("llama-spm", "llama2-7b")]
    [DataRow("deepseek-coder", "deepseek-coder-1.3b")]
    public void APlainConversationHasTheIdsOfItsText(string vocabulary, string template)
    {
        Tokenizer tokenizer = SharedVocabularies.Load(vocabulary);
        RenderedPrompt prompt = Template(template, tokenizer).Render(s_messages);
        int[] ids = prompt.Encode(tokenizer), whole = tokenizer.Encode(prompt.Text, addSpecial: false);
        if (tokenizer.Vocabulary.AddBos && whole[0] != tokenizer.Vocabulary.BosId) whole = [tokenizer.Vocabulary.BosId, .. whole];
        CollectionAssert.AreEqual(whole, ids);
    }

    [TestMethod]
    [DataRow("llama-bpe", "llama3-8b")]
    [DataRow("qwen2", "qwen2.5-0.5b")]
    [DataRow("phi-3", "phi3-3.8b")]
    [DataRow("llama-spm", "llama2-7b")]
    public void NoControlTokenComesFromAMessage(string vocabulary, string template)
    {
        Tokenizer tokenizer = SharedVocabularies.Load(vocabulary);
        Vocabulary tokens = tokenizer.Vocabulary;
        string all = string.Concat(Enumerable.Range(0, tokens.Count).Where(id => tokens.GetType(id) == TokenType.Control)
            .Select(id => System.Text.Encoding.UTF8.GetString(tokens.GetText(id))));
        ChatTemplate chat = Template(template, tokenizer);
        int Controls(string content) => chat.Render([new ChatMessage("user", content)]).Encode(tokenizer).Count(id => tokens.GetType(id) == TokenType.Control);
        Assert.AreEqual(Controls("plain"), Controls(all));
    }

    [TestMethod]
    [DataRow("qwen2", "<|im_start|>user\n1234 é 漢字 🙂<|im_end|>\n<|im_start|>assistant\n")]
    [DataRow("phi-3", "<|user|>\n1234 é 漢字 🙂<|end|>\n<|assistant|>\n")]
    public void AModelFilesOwnTemplateIsUsed(string vocabulary, string expectedEnd)
    {
        using GgufFile file = GgufFile.Open(SharedVocabularies.PathOf(vocabulary));
        StringAssert.EndsWith(ChatTemplate.FromGguf(file.Metadata).Render(s_messages).Text, expectedEnd);
    }

    private static ChatTemplate Template(string name, Tokenizer tokenizer) => ChatTemplate.Parse(
        File.ReadAllText(Path.Combine(RepositoryFiles.Root(), "tests", "data", "chat-templates", name + ".jinja")), tokenizer.Vocabulary);
}
