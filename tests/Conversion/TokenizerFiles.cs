using System.Text;
using System.Text.Json.Nodes;

namespace Edge.Llm.Tests.Conversion;

/// <summary>Tokenizers in the forms that Hugging Face folders hold.</summary>
internal static class TokenizerFiles
{
    public const string Qwen2Split =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string Llama3Split =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string Gpt4oSplit =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        + @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        + @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>tokenizer.json of a byte-level BPE that cuts words with a regular expression.</summary>
    public static JsonObject ByteLevel(JsonObject vocab, IEnumerable<string> merges, string split, (int Id, string Text, bool Special)[] added,
        bool ignoreMerges = false) => new()
    {
        ["version"] = "1.0",
        ["added_tokens"] = Added(added),
        ["normalizer"] = null,
        ["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray(
                new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = split }, ["behavior"] = "Isolated", ["invert"] = false },
                new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = false }),
        },
        ["model"] = new JsonObject { ["type"] = "BPE", ["byte_fallback"] = false, ["ignore_merges"] = ignoreMerges, ["vocab"] = vocab, ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)]) },
    };

    /// <summary>tokenizer.json of a SentencePiece BPE, as Hugging Face's converter writes it: merges from pieces and their scores.</summary>
    public static JsonObject FromPieces(IReadOnlyList<(string Text, float Score, int Type)> pieces)
    {
        var vocab = new JsonObject();
        var ids = new Dictionary<string, int>();
        for (int id = 0; id < pieces.Count; id++)
            if (ids.TryAdd(pieces[id].Text, id)) vocab[pieces[id].Text] = id;
        // For each piece, best score first, its splits into two pieces, in the order of their ids.
        IEnumerable<(string Left, string Right)> merges = pieces.Where(piece => piece.Type == 1).OrderByDescending(piece => piece.Score).SelectMany(piece =>
            Enumerable.Range(1, piece.Text.Length - 1).Select(at => (Left: piece.Text[..at], Right: piece.Text[at..]))
                .Where(split => ids.ContainsKey(split.Left) && ids.ContainsKey(split.Right)).OrderBy(split => (ids[split.Left], ids[split.Right])));
        return new JsonObject
        {
            ["added_tokens"] = Added([.. pieces.Select((piece, id) => (Id: id, piece.Text, Special: true, piece.Type)).Where(piece => piece.Type is 2 or 3).Select(piece => (piece.Id, piece.Text, true))]),
            ["normalizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray(new JsonObject { ["type"] = "Prepend", ["prepend"] = "▁" },
                    new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = " " }, ["content"] = "▁" }),
            },
            ["post_processor"] = Template("<s>", 1),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["unk_token"] = "<unk>", ["byte_fallback"] = true, ["vocab"] = vocab,
                ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)new JsonArray(merge.Left, merge.Right))]),
            },
        };
    }

    /// <summary>A post-processor that puts a token before texts.</summary>
    public static JsonObject Template(string token, int id) => new()
    {
        ["type"] = "TemplateProcessing",
        ["single"] = new JsonArray(Special(token), Sequence("A")),
        ["pair"] = new JsonArray(Special(token), Sequence("A"), Special(token), Sequence("B")),
        ["special_tokens"] = new JsonObject { [token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(token) } },
    };

    /// <summary>A special token in a template.</summary>
    public static JsonObject Special(string token) => new() { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = 0 } };

    /// <summary>A text in a template.</summary>
    public static JsonObject Sequence(string name) => new() { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = 0 } };

    /// <summary>tokenizer.model: a ModelProto of pieces, a trainer_spec and a normalizer_spec, with more fields if asked.</summary>
    public static byte[] SentencePiece(
        IEnumerable<(string Text, float Score, int Type)> pieces, int modelType = 2, bool addDummyPrefix = true, byte[]? trainer = null, byte[]? normalizer = null)
    {
        using var file = new MemoryStream();
        foreach ((string text, float score, int type) in pieces)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            Message(file, 1, [0x0a, .. Varint(utf8.Length), .. utf8, 0x15, .. BitConverter.GetBytes(score), 0x18, (byte)type]);
        }
        Message(file, 2, [0x0a, 0x03, .. "txt"u8, .. Number(3, modelType), .. Number(4, 8192), .. trainer ?? Number(35, 1)]); // input, model_type, vocab_size, byte_fallback
        Message(file, 3, [0x0a, 0x08, .. "identity"u8, .. Number(3, addDummyPrefix ? 1 : 0), .. normalizer ?? Number(4, 0)]); // remove_extra_whitespaces
        return file.ToArray();
    }

    /// <summary>A field that is a number.</summary>
    public static byte[] Number(int field, int value) => [.. Varint(field << 3), .. Varint(value)];

    private static JsonArray Added((int Id, string Text, bool Special)[] tokens) =>
        new([.. tokens.Select(token => (JsonNode)new JsonObject { ["id"] = token.Id, ["content"] = token.Text, ["single_word"] = false,
            ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = token.Special })]);

    private static void Message(MemoryStream file, int field, byte[] bytes)
    {
        file.WriteByte((byte)((field << 3) | 2));
        file.Write(Varint(bytes.Length));
        file.Write(bytes);
    }

    private static byte[] Varint(int value) => value < 128 ? [(byte)value] : [(byte)(value | 128), .. Varint(value >> 7)];
}
