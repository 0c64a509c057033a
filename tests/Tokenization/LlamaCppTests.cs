using System.Diagnostics;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Tokenization;

/// <summary>The same ids as llama.cpp, which runs beside the tests where the shared folder and Python are there.</summary>
[TestClass]
public class LlamaCppTests
{
    /// <summary>What texts are put together from: classes of the pre-tokenizers' rules, edges of Unicode, special tokens.</summary>
    private static readonly string[] s_parts =
    [
        "the", " The", "Hello", " world", "don't", "I'M", "we'LL", "'s", "'", "''re", " 'd", "ÜBER", "naïve", "e\u0301", "日本語", "中文，标点。", "한국어",
        "กำลัง", "עברית", "العربية", "हिन्दी", "😀", "👩‍👩‍👧", "🇩🇪", "🫠", " ", "  ", "   ", "     ", "\t", "\t\t", "\n", "\n\n", "\r\n", " \n", "\n ", "\u00A0", "\u3000",
        "\u2003", "\u0085", "\u200B", "\uFEFF", "0", "7", "12", "345", "6789", "1234567890", "٣٤", "Ⅳ", "½", "²", "3.14", ".", "...", ",", "!", "?!", "$", "+=", "<=>", "^~|`",
        "(", ")", "[]", "{};", "#", "//", "/* */", "_", "__init__", "=", "==", "\"", "\\n", "€", "→", "∑", "\u0001", "\u007F", "x", "AB", "ﬁ", "\u1E9E", "ǅ", "ÀB", "Aé", "éA", "CamelCase", "HTTPServer", "\u2126", "\u212A", "\u1FBE", "ⳬ", "Ꮳ", "ー", "ァ", "々", "𐐀", "!a", "-x", "/\r\n/",
        "<s>", "</s>", "<unk>", "<|endoftext|>", "<|end|>", "<|user|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|begin_of_text|>",
        "<|reserved_special_token_0|>", "<fim_prefix>", ">>TITLE<<", "<｜begin▁of▁sentence｜>", "[PAD151646]", "<0x41>", "▁", "Ġ", "<|", "|>", "<",
    ];

    public static IEnumerable<object[]> Vocabularies => SharedVocabularies.Names.Append("stories260K").Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Vocabularies))]
    public void RandomTextsHaveTheIdsOfLlamaCpp(string name)
    {
        Tokenizer tokenizer = SharedVocabularies.Load(name);
        string[] texts = RandomTexts(400);
        int[][] parsed = Peer(SharedVocabularies.PathOf(name), texts);
        int[][] plain = Peer(SharedVocabularies.PathOf(name), texts, "--no-special", "--no-bos");
        for (int i = 0; i < texts.Length; i++)
        {
            CollectionAssert.AreEqual(parsed[i], tokenizer.Encode(texts[i]), $"{name}: {JsonSerializer.Serialize(texts[i])}");
            CollectionAssert.AreEqual(plain[i], tokenizer.Encode(texts[i], addSpecial: false, parseSpecial: false),
                $"{name}, no special tokens: {JsonSerializer.Serialize(texts[i])}");
        }
    }

    /// <summary>The pre-tokenizers of which the shared folder holds no vocabulary, tried on that of GPT-2.</summary>
    [TestMethod]
    [DataRow("default")]
    [DataRow("dbrx")]
    [DataRow("qwen35")]
    [DataRow("tekken")]
    [DataRow("gpt-4o")]
    [DataRow("deepseek-llm")]
    [DataRow("deepseek-v3")]
    public void EachPreTokenizerCutsAsLlamaCppDoes(string pre)
    {
        string path = Path.GetTempFileName();
        try
        {
            using (GgufFile gpt2 = GgufFile.Open(SharedVocabularies.PathOf("gpt-2")))
            {
                var writer = new GgufWriter();
                foreach ((string key, GgufValue value) in gpt2.Metadata)
                {
                    if (key == "tokenizer.ggml.pre") writer.AddMetadata(key, pre);
                    else writer.AddMetadata(key, value);
                }
                using FileStream stream = File.Create(path);
                writer.WriteTo(stream, (_, _) => { });
            }
            using GgufFile file = GgufFile.Open(path);
            var tokenizer = Tokenizer.FromGguf(file.Metadata);
            string[] texts = RandomTexts(600);
            int[][] expected = Peer(path, texts);
            for (int i = 0; i < texts.Length; i++)
                CollectionAssert.AreEqual(expected[i], tokenizer.Encode(texts[i]), $"{pre}: {JsonSerializer.Serialize(texts[i])}");
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string[] RandomTexts(int count)
    {
        var random = new Random(7);
        return [.. Enumerable.Range(0, count).Select(_ =>
            string.Concat(Enumerable.Range(0, random.Next(1, 30)).Select(_ => s_parts[random.Next(s_parts.Length)])))];
    }

    private static int[][] Peer(string path, string[] texts, params string[] options)
    {
        string script = Settings.Shared("tools", "peer", "peer.py");
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(file, texts.Select(text => JsonSerializer.Serialize(text)));
            var start = new ProcessStartInfo("python3") { RedirectStandardOutput = true };
            foreach (string argument in (string[])[script, "tokenize", .. options, "--jsonl", file, path])
                start.ArgumentList.Add(argument);
            using Process peer = Start(start);
            string output = peer.StandardOutput.ReadToEnd();
            peer.WaitForExit();
            Assert.AreEqual(0, peer.ExitCode, "peer.py failed");
            using JsonDocument document = JsonDocument.Parse(output);
            return [.. document.RootElement.GetProperty("tokens").EnumerateArray().Select(ids => ids.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Inconclusive("python3 is not there");
            throw;
        }
    }
}
