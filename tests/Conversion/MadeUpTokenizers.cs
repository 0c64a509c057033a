using System.Text;
using System.Text.Json.Nodes;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Small tokenizer.json files, one for each setting that their format has, and texts that tell them apart.</summary>
internal static class MadeUpTokenizers
{
    /// <summary>Rows of the model's embedding: more than any of these has tokens.</summary>
    public const int Rows = 400;

    /// <summary>A made-up file.</summary>
    /// <param name="Name">What is special about it.</param>
    /// <param name="Json">The file.</param>
    /// <param name="Converts">It is converted, not refused.</param>
    /// <param name="Except">Texts that may get other ids, which a notice says.</param>
    internal sealed record Case(string Name, JsonObject Json, bool Converts, Func<string, bool>? Except = null)
    {
        public override string ToString() => Name;
    }

    public static readonly string[] Texts =
    [
        "hello world", "hello", " hello", "  hello  world ", "Hello HELLO hElLo", "it's 12345 o'clock, don't DON'T", "a\n\n b\r\n\tc", "é e\u0301 ﬁ Å \u00C0B \u00E0b",
        "中文 😀 ٣", "<s>hello</s> x", "a <think> b", "x<think>y", " <think>hello", "<think> <think>", "x<s> y", "", " ", "the hello the", "lo wo wor world", "llo", "12 345 6789",
        "<unk>", "<0x41>", "aCb CC hello", "▁hello", "aaaa ab abc bcd abcd",
    ];

    /// <summary>All of them.</summary>
    public static IEnumerable<Case> All =>
    [
        .. Words(), .. Pieces(),
    ];

    /// <summary>A byte-level BPE in which "hello" is a token that no merge makes.</summary>
    public static JsonObject ByteLevelBase(string split = TokenizerFiles.Llama3Split, bool ignoreMerges = true)
    {
        var vocab = new JsonObject { ["<|endoftext|>"] = 0, ["<s>"] = 1, ["</s>"] = 2 };
        Span<byte> spelling = stackalloc byte[2];
        for (int value = 0; value < 256; value++) vocab[Encoding.UTF8.GetString(spelling[..ByteLevel.Spell((byte)value, spelling)])] = vocab.Count;
        string[] merges = ["h e", "l o", "Ġ w", "o r", "Ġw or", "l d", "Ġwor ld", "t he", "1 2", "12 3", "Ġ Ġ", "b c", "a b", "a bc", "Ã ©"];
        foreach (string merge in merges) vocab.TryAdd(merge.Replace(" ", "", StringComparison.Ordinal), vocab.Count);
        vocab["hello"] = vocab.Count;
        JsonObject json = TokenizerFiles.ByteLevel(vocab, merges, split,
            [(0, "<|endoftext|>", true), (1, "<s>", true), (2, "</s>", true), (vocab.Count, "<think>", false)], ignoreMerges);
        json["post_processor"] = TokenizerFiles.Template("<s>", 1);
        json["decoder"] = Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""");
        return json;
    }

    /// <summary>A SentencePiece BPE as tokenizer.json.</summary>
    public static JsonObject PiecesBase()
    {
        JsonObject json = TokenizerFiles.FromPieces(
        [
            ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), .. Enumerable.Range(0, 256).Select(value => ($"<0x{value:X2}>", 0f, 6)),
            ("▁t", -1, 1), ("he", -2, 1), ("▁the", -3, 1), ("lo", -4, 1), ("llo", -5, 1), ("hel", -5.5f, 1), ("hello", -6, 1), ("▁hello", -7, 1), ("ab", -8, 1), ("▁a", -9, 1),
            .. "▁thelowrdabcxy123é中".Select((letter, i) => (letter.ToString(), -20f - i, 1)).DistinctBy(piece => piece.Item1),
        ]);
        ((JsonArray)json["added_tokens"]!).Add(Parse(
            $$"""{"id":{{((JsonObject)json["model"]!["vocab"]!).Count}},"content":"<think>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}"""));
        json["decoder"] = Parse("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""");
        return json;
    }

    private static IEnumerable<Case> Words()
    {
        Case Edit(string name, bool converts, Action<JsonObject> edit, Func<string, bool>? except = null, string split = TokenizerFiles.Llama3Split, bool ignoreMerges = true)
        {
            JsonObject json = ByteLevelBase(split, ignoreMerges);
            edit(json);
            return new Case("words: " + name, json, converts, except);
        }
        Action<JsonObject> Set(string path, string value) => json => Put(json, path, Parse(value));

        yield return Edit("llama-bpe", true, _ => { });
        yield return Edit("ignore_merges false", true, _ => { }, ignoreMerges: false);
        yield return Edit("ignore_merges absent", true, json => ((JsonObject)json["model"]!).Remove("ignore_merges"));
        yield return Edit("qwen2", true, _ => { }, split: TokenizerFiles.Qwen2Split, ignoreMerges: false);
        yield return Edit("qwen2 with ignore_merges", false, _ => { }, split: TokenizerFiles.Qwen2Split);
        yield return Edit("qwen2 with ignore_merges that changes nothing", true, json =>
        {
            ((JsonObject)json["model"]!["vocab"]!).Remove("hello");
            json["added_tokens"]![3]!["id"] = json["added_tokens"]![3]!["id"]!.GetValue<int>() - 1;
        }, split: TokenizerFiles.Qwen2Split);
        yield return Edit("gpt-4o", true, _ => { }, split: TokenizerFiles.Gpt4oSplit, ignoreMerges: false);
        yield return Edit("gpt-2", true, Set("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"""), ignoreMerges: false);
        yield return Edit("gpt-2 with a space before", false, Set("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"""), ignoreMerges: false);
        yield return Edit("smollm", true, Set("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}"""), ignoreMerges: false);
        yield return Edit("digits together", false, Set("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}"""), ignoreMerges: false);
        yield return Edit("Whitespace", false, Set("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Whitespace"},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}"""));
        yield return Edit("no ByteLevel", false, json => ((JsonArray)json["pre_tokenizer"]!["pretokenizers"]!).RemoveAt(1));
        yield return Edit("two of ByteLevel", false, json => ((JsonArray)json["pre_tokenizer"]!["pretokenizers"]!).Add(json["pre_tokenizer"]!["pretokenizers"]![1]!.DeepClone()));
        yield return Edit("ByteLevel first", false, json =>
        {
            var steps = (JsonArray)json["pre_tokenizer"]!["pretokenizers"]!;
            JsonNode split = steps[0]!;
            steps.RemoveAt(0);
            steps.Add(split);
        });
        yield return Edit("split removed", false, Set("pre_tokenizer.pretokenizers.0.behavior", "\"Removed\""));
        yield return Edit("split inverted", false, Set("pre_tokenizer.pretokenizers.0.invert", "true"));
        yield return Edit("NFC", true, Set("normalizer", """{"type":"NFC"}"""), except: text => text.Contains('\u0301', StringComparison.Ordinal));
        foreach (string normalizer in (string[])["""{"type":"Lowercase"}""", """{"type":"NFKC"}""", """{"type":"Strip","strip_left":true,"strip_right":true}""", """{"type":"Prepend","prepend":"x"}""",
            """{"type":"Replace","pattern":{"String":"l"},"content":"b"}""", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}""", """{"type":"ByteLevel"}"""])
            yield return Edit($"normalizer {normalizer}", false, Set("normalizer", normalizer));
        yield return Edit("end_of_word_suffix", false, json =>
        {
            Put(json, "model.end_of_word_suffix", "</w>");
            json["model"]!["vocab"]!["d</w>"] = ((JsonObject)json["model"]!["vocab"]!).Count;
            ((JsonArray)json["added_tokens"]!).RemoveAt(3);
        });
        yield return Edit("continuing_subword_prefix", false, Set("model.continuing_subword_prefix", "\"##\""));
        yield return Edit("dropout", false, Set("model.dropout", "1.0"));
        yield return Edit("equal merges", true, json => ((JsonArray)json["model"]!["merges"]!).Add("a b"));
        yield return Edit("a byte without a token", true, json =>
        {
            var vocab = (JsonObject)json["model"]!["vocab"]!;
            vocab["hell"] = vocab["C"]!.DeepClone();
            vocab.Remove("C");
        }, except: text => text.Contains('C', StringComparison.Ordinal));
        foreach (string flag in (string[])["lstrip", "rstrip", "single_word"]) yield return Edit(flag, false, Set($"added_tokens.3.{flag}", "true"));
        yield return Edit("normalized without a normalizer", true, Set("added_tokens.3.normalized", "true"));
        yield return Edit("an added token's id is not the next", false, Set("added_tokens.3.id", "300"));
        yield return Edit("an added token takes a word's id", false, Set("added_tokens.3.id", "260"));
        yield return Edit("a second token before texts", false, json => ((JsonArray)json["post_processor"]!["single"]!).Insert(1, TokenizerFiles.Special("<s>")));
        yield return Edit("a token that is two", false, Set("post_processor.special_tokens.<s>.ids", "[1,1]"));
        yield return Edit("a token after texts", true, json =>
        {
            ((JsonArray)json["post_processor"]!["single"]!).Add(TokenizerFiles.Special("</s>"));
            json["post_processor"]!["special_tokens"]!["</s>"] = Parse("""{"id":"</s>","ids":[2],"tokens":["</s>"]}""");
        });
        yield return Edit("nothing around texts", true, Set("post_processor", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}"""));
        yield return Edit("another token before texts", false, json => json["post_processor"] = TokenizerFiles.Template("<|endoftext|>", 0));
        yield return Edit("RobertaProcessing", false, Set("post_processor", """{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",1],"trim_offsets":true,"add_prefix_space":false}"""));
        yield return Edit("added tokens that overlap", false, json => AddTokens(json, "ab", "bcd"));
        yield return Edit("added runs", true, json => AddTokens(json, "aa", "aaa"));
        yield return Edit("an unknown key", false, Set("model.pretty", "true"));
    }

    private static IEnumerable<Case> Pieces()
    {
        Case Edit(string name, bool converts, Action<JsonObject> edit)
        {
            JsonObject json = PiecesBase();
            edit(json);
            return new Case("pieces: " + name, json, converts);
        }
        Action<JsonObject> Set(string path, string value) => json => Put(json, path, Parse(value));
        Action<JsonObject> Metaspace(string scheme, string replacement = "▁", bool split = false) => json =>
        {
            json["normalizer"] = null;
            json["pre_tokenizer"] = new JsonObject { ["type"] = "Metaspace", ["replacement"] = replacement, ["prepend_scheme"] = scheme, ["split"] = split };
        };

        yield return Edit("Prepend and Replace", true, _ => { });
        yield return Edit("Replace alone", true, Set("normalizer", """{"type":"Replace","pattern":{"String":" "},"content":"▁"}"""));
        yield return Edit("no normalizer", false, Set("normalizer", "null"));
        yield return Edit("Prepend alone", false, Set("normalizer", """{"type":"Prepend","prepend":"▁"}"""));
        yield return Edit("Prepend of another text", false, Set("normalizer.normalizers.0.prepend", "\"x\""));
        yield return Edit("Prepend of a space", true, Set("normalizer.normalizers.0.prepend", "\" \""));
        yield return Edit("Replace of another text", false, Set("normalizer.normalizers.1.pattern", """{"String":"a"}"""));
        yield return Edit("Lowercase", false, json => ((JsonArray)json["normalizer"]!["normalizers"]!).Insert(0, Parse("""{"type":"Lowercase"}""")));
        yield return Edit("NFKC", false, json => ((JsonArray)json["normalizer"]!["normalizers"]!).Insert(0, Parse("""{"type":"NFKC"}""")));
        yield return Edit("Strip", false, json => ((JsonArray)json["normalizer"]!["normalizers"]!).Insert(0, Parse("""{"type":"Strip","strip_left":true,"strip_right":true}""")));
        yield return Edit("Digits", false, Set("pre_tokenizer", """{"type":"Digits","individual_digits":true}"""));
        yield return Edit("Whitespace", false, Set("pre_tokenizer", """{"type":"Whitespace"}"""));
        yield return Edit("Metaspace never", true, Metaspace("never"));
        yield return Edit("Metaspace always", false, Metaspace("always"));
        yield return Edit("Metaspace first", false, Metaspace("first"));
        yield return Edit("Metaspace with another mark", false, Metaspace("never", "_"));
        yield return Edit("Metaspace that cuts words", true, Metaspace("never", split: true));
        yield return Edit("Metaspace that cuts a token", false, json =>
        {
            Metaspace("never", split: true)(json);
            json["model"]!["vocab"]!["▁▁"] = ((JsonObject)json["model"]!["vocab"]!).Count;
            ((JsonArray)json["model"]!["merges"]!).Add(new JsonArray("▁", "▁"));
            ((JsonArray)json["added_tokens"]!).RemoveAt(3);
        });
        yield return Edit("ignore_merges", false, Set("model.ignore_merges", "true"));
        yield return Edit("byte_fallback false", false, Set("model.byte_fallback", "false"));
        yield return Edit("a byte without a token", false, json => ((JsonObject)json["model"]!["vocab"]!).Remove("<0xC3>"));
        yield return Edit("a merge fewer", false, json => ((JsonArray)json["model"]!["merges"]!).RemoveAt(0));
        yield return Edit("merges of one token apart", false, json =>
        {
            var merges = (JsonArray)json["model"]!["merges"]!;
            JsonNode first = merges.First(merge => (string)merge![0]! + (string)merge[1]! == "hello")!;
            merges.Remove(first);
            merges.Insert(0, first);
        });
        yield return Edit("fuse_unk", true, Set("model.fuse_unk", "true"));
        yield return Edit("an added token that is normalized", false, Set("added_tokens.3.normalized", "true"));
        yield return Edit("lstrip", false, Set("added_tokens.3.lstrip", "true"));
    }

    private static void AddTokens(JsonObject json, params string[] texts)
    {
        var vocab = (JsonObject)json["model"]!["vocab"]!;
        var added = (JsonArray)json["added_tokens"]!;
        foreach (string text in texts)
        {
            JsonNode token = added[3]!.DeepClone();
            token["content"] = text;
            token["id"] = vocab.TryGetPropertyValue(text, out JsonNode? known) ? known!.GetValue<int>() : 1 + added.Max(other => other!["id"]!.GetValue<int>());
            added.Add(token);
        }
    }

    private static JsonNode? Parse(string json) => JsonNode.Parse(json);

    private static void Put(JsonObject json, string path, JsonNode? value)
    {
        string[] names = path.Split('.');
        JsonNode node = json;
        foreach (string name in names[..^1]) node = (int.TryParse(name, out int index) ? node[index] : node[name])!;
        node[names[^1]] = value;
    }
}
