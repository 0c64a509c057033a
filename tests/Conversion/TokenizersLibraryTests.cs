using System.Text;
using System.Text.Json.Nodes;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Converted tokenizers against Hugging Face's tokenizers library: the same ids, or a refusal.</summary>
[TestClass]
public sealed class TokenizersLibraryTests
{
    private static readonly int s_rounds = Settings.Full ? 10000 : 300;

    [TestMethod]
    public void MadeUpTokenizersGiveTheSameIdsOrAreRefused()
    {
        using HfModel model = new HfModel("llama", vocab: MadeUpTokenizers.Rows).Write();
        File.Delete(model.In("tokenizer_config.json"));
        MadeUpTokenizers.Case[] cases = [.. MadeUpTokenizers.All];
        string[] files = [.. cases.Select((made, i) => Save(model, made.Json, $"{i}.json"))];
        int[][]?[] expected = TokenizersLibrary.Encode(files, MadeUpTokenizers.Texts);
        var wrong = new List<string>();
        int equal = 0, refused = 0;
        for (int i = 0; i < cases.Length; i++)
        {
            (Tokenizer? found, string why) = Converted(model, files[i]);
            if (found is null) refused++;
            else equal++;
            if (found is not null != cases[i].Converts) wrong.Add($"{cases[i]}: {(found is null ? why : "converted")}");
            if (found is null) continue;
            if (expected[i] is not { } ids) wrong.Add($"{cases[i]}: the library refuses it");
            else
                for (int t = 0; t < ids.Length; t++)
                {
                    string text = MadeUpTokenizers.Texts[t];
                    if (!ids[t].AsSpan().SequenceEqual(found.Encode(text)) && cases[i].Except?.Invoke(text) is not true)
                        wrong.Add($"{cases[i]}: '{text}': [{string.Join(", ", ids[t])}], found [{string.Join(", ", found.Encode(text))}]");
                }
        }
        Console.WriteLine($"{cases.Length} files: {equal} the same ids, {refused} refused");
        Assert.IsEmpty(wrong, string.Join('\n', wrong));
        Assert.IsGreaterThanOrEqualTo(40, cases.Length);
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void WordPieceGivesTheSameIds(bool lowercase)
    {
        using HfModel model = HfEncoderTests.Make("bert", "mean").Write();
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(model.In("tokenizer.json")))!;
        json["normalizer"]!["lowercase"] = lowercase;
        model.Write("tokenizer.json", json);
        File.Delete(model.In("tokenizer_config.json"));
        string[] texts = [.. MadeUpTokenizers.Texts, "UNwantéd,running!", "the[MASK]中hello", "ÉCOLE É É", "don't—stop…", "a~b|c$d^e`f"];
        int[][] expected = TokenizersLibrary.Encode([model.In("tokenizer.json")], texts)[0]!;
        using GgufFile file = GgufFile.Open(HfConverterTests.Convert(model));
        Tokenizer found = Tokenizer.FromGguf(file.Metadata);
        for (int i = 0; i < texts.Length; i++) CollectionAssert.AreEqual(expected[i], found.Encode(texts[i]), texts[i]);
    }

    [TestMethod]
    public void EditedTokenizersGiveTheSameIdsOrAreRefused()
    {
        using HfModel model = new HfModel("llama", vocab: MadeUpTokenizers.Rows).Write();
        File.Delete(model.In("tokenizer_config.json"));
        var random = new Random(17);
        var kinds = new List<string>();
        var files = new List<string>();
        var unedited = new List<int>(); // which it was before
        JsonObject[] bases = [MadeUpTokenizers.ByteLevelBase(), MadeUpTokenizers.PiecesBase()];
        string[][][] paths = [.. bases.Select(json => JsonEdits.Paths(json, [], []).ToArray())];
        string[][][] settings = [.. bases.Select(json => JsonEdits.Paths(json, [], ["vocab"]).ToArray())];
        while (files.Count < s_rounds)
        {
            int which = random.Next(bases.Length);
            string[][] from = random.Next(4) == 0 ? paths[which] : settings[which];
            JsonEdits.Edit? edit = random.Next(3) == 0 ? JsonEdits.OfArray(bases[which], random)
                : JsonEdits.Make(bases[which], from[random.Next(from.Length)], JsonEdits.Kinds[random.Next(JsonEdits.Kinds.Length)]);
            if (edit is null) continue;
            files.Add(model.In($"{files.Count}.json"));
            kinds.Add($"{edit.Key}: {edit.Kind}");
            unedited.Add(which);
            File.WriteAllText(files[^1], edit.Text);
        }
        string[] originals = [.. bases.Select((json, i) => Save(model, json, $"base{i}.json"))];
        int[][]?[] expected = TokenizersLibrary.Encode(files, MadeUpTokenizers.Texts), before = TokenizersLibrary.Encode(originals, MadeUpTokenizers.Texts);
        int equal = 0, refused = 0, alone = 0;
        var wrong = new List<string>();
        for (int i = 0; i < files.Count; i++)
        {
            (Tokenizer? found, string told) = Converted(model, files[i]);
            if (found is null)
            {
                refused++;
                continue;
            }
            // Where the library takes no such file, the edit must have changed nothing.
            int[][] ids = expected[i] ?? before[unedited[i]]!;
            if (expected[i] is null) alone++;
            else equal++;
            for (int t = 0; t < ids.Length; t++)
            {
                string text = MadeUpTokenizers.Texts[t];
                bool isTold = (told.Contains("a control token to readers", StringComparison.Ordinal) && text.Contains("</s>", StringComparison.Ordinal))
                    || Encoding.UTF8.GetBytes(text).Any(value => told.Contains($"0x{value:X2}", StringComparison.Ordinal));
                if (!isTold && !ids[t].AsSpan().SequenceEqual(found.Encode(text)))
                    wrong.Add($"{kinds[i]}: '{text}': [{string.Join(", ", ids[t])}], found [{string.Join(", ", found.Encode(text))}]");
            }
        }
        Console.WriteLine($"{files.Count} edits: {equal} the same ids, {refused} refused, {alone} that the library does not take and that change nothing");
        Assert.IsEmpty(wrong, string.Join('\n', wrong));
        Assert.IsGreaterThan(files.Count / 20, equal);
    }

    [TestMethod]
    [DataRow("llama-bpe")]
    [DataRow("qwen2")]
    [DataRow("gpt-2")]
    [DataRow("llama-spm")]
    public void PublishedVocabularies(string name)
    {
        using GgufFile original = GgufFile.Open(SharedVocabularies.PathOf(name));
        GgufMetadata m = original.Metadata;
        string[] tokens = m.GetArray("tokenizer.ggml.tokens").GetStrings();
        int[] types = m.GetArray("tokenizer.ggml.token_type").GetInt32s();
        using HfModel model = new HfModel("llama", vocab: tokens.Length).Write();
        File.Delete(model.In("tokenizer_config.json"));
        string file = Save(model, name == "llama-spm" ? PublishedPieces(m, tokens, types) : PublishedWords(name, m, tokens, types), "published.json");
        string[] texts = [.. File.ReadAllText(SharedVocabularies.PathOf(name) + ".inp").Split("\n__ggml_vocab_test__\n"),
            .. File.ReadAllLines(Path.Combine(RepositoryFiles.Root(), "tests", "data", "heldout.txt")), .. RandomTexts(Settings.Full ? 20000 : 500)];
        int[][] expected = TokenizersLibrary.Encode([file], texts)[0]!;
        Tokenizer found = Converted(model, file).Found!;
        string[] wrong = [.. texts.Where((text, i) => !expected[i].AsSpan().SequenceEqual(found.Encode(text)))];
        Console.WriteLine($"{name}: {texts.Length} texts");
        Assert.IsEmpty(wrong, string.Join('\n', wrong));
    }

    private static JsonObject PublishedPieces(GgufMetadata m, string[] tokens, int[] types)
    {
        float[] scores = m.GetArray("tokenizer.ggml.scores").GetFloats();
        return TokenizerFiles.FromPieces([.. tokens.Select((text, id) => (text, scores[id], types[id]))]);
    }

    private static JsonObject PublishedWords(string name, GgufMetadata m, string[] tokens, int[] types)
    {
        var vocab = new JsonObject();
        for (int id = 0; id < tokens.Length; id++)
            if (types[id] == 1 || (name == "gpt-2" && types[id] == 3)) vocab[tokens[id]] = id;
        (int, string, bool)[] added = [.. Enumerable.Range(0, tokens.Length).Where(id => types[id] is 3 or 4).Select(id => (id, tokens[id], types[id] == 3))];
        JsonObject json = TokenizerFiles.ByteLevel(vocab, m.GetArray("tokenizer.ggml.merges").GetStrings(),
            name == "qwen2" ? TokenizerFiles.Qwen2Split : TokenizerFiles.Llama3Split, added, ignoreMerges: name == "llama-bpe");
        if (name == "gpt-2") json["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
        return json;
    }

    private static IEnumerable<string> RandomTexts(int count)
    {
        string[] parts =
        [
            "hello", " world", "'s", "'LL", " ", "  ", "\n", "\r\n", "\t", "123", "1", "٣", "é", "Ünder", "中文", "😀", "👩‍👧", "...", "<=", "\u00A0", "=", "aa", "a", " the", "The", "ing", "ation", "_", "-", ".", "(", ")", "int", "return", ";", "&", "/", "x",
        ];
        var random = new Random(3);
        for (int i = 0; i < count; i++) yield return string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => parts[random.Next(parts.Length)]));
    }

    private static string Save(HfModel model, JsonObject json, string name)
    {
        model.Write(name, json);
        return model.In(name);
    }

    // The tokenizer and what was told, or null and why not.
    private static (Tokenizer? Found, string Told) Converted(HfModel model, string file)
    {
        File.Copy(file, model.In("tokenizer.json"), overwrite: true);
        try
        {
            using HfConverter converter = HfConverter.Open(model.Folder);
            using var stream = new MemoryStream();
            converter.WriteTo(stream);
            using GgufFile converted = GgufFile.Open(stream.ToArray());
            return (Tokenizer.FromGguf(converted.Metadata), string.Join('\n', converter.Notices));
        }
        catch (EdgeLlmException e) when (e.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported)
        {
            return (null, e.Message);
        }
    }
}
