using System.Text;
using System.Text.Json;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Conversion;

/// <summary>A BPE as Hugging Face stores it: tokens and merges, from tokenizer.json or from vocab.json and merges.txt.</summary>
internal sealed class BpeModel
{
    private readonly CheckedJson _json; // for messages

    private BpeModel(CheckedJson json, CheckedJson vocab, IEnumerable<(string Left, string Right)> merges)
    {
        _json = json;
        foreach (JsonProperty member in vocab.Element.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.Number || !member.Value.TryGetInt32(out int id))
                throw vocab.Invalid($"token '{vocab.Name(member)}': expected an integer");
            Ids.Add(vocab.Name(member), id);
        }
        // Of equal merges the last counts.
        var ranks = new Dictionary<(string, string), int>();
        (string Left, string Right)[] all = [.. merges];
        for (int i = 0; i < all.Length; i++) ranks[all[i]] = i;
        Merges = ranks.Count == all.Length ? all : [.. ranks.OrderBy(merge => merge.Value).Select(merge => merge.Key)];
        foreach ((string left, string right) in Merges)
            foreach (string text in (string[])[left, right, left + right])
                if (!Ids.ContainsKey(text)) throw json.Invalid($"merges: '{left}' and '{right}': '{text}' is no token");
    }

    /// <summary>Ids by text.</summary>
    public Dictionary<string, int> Ids { get; } = [];

    /// <summary>Merges, the first to be done first.</summary>
    public IReadOnlyList<(string Left, string Right)> Merges { get; }

    /// <summary>ignore_merges: a word that is a token is that token, whatever the merges make of it.</summary>
    public bool IgnoresMerges { get; private init; }

    /// <summary>byte_fallback: a character without a token becomes its bytes.</summary>
    public bool FallsBackToBytes { get; private init; }

    /// <summary>unk_token.</summary>
    public string? Unknown { get; private init; }

    /// <summary>Reads the model of tokenizer.json.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static BpeModel Read(CheckedJson tokenizer)
    {
        CheckedJson model = tokenizer.Object("model") ?? throw tokenizer.Invalid("missing key model");
        string type = model.Text("type") ?? "BPE";
        if (type != "BPE") throw model.Unsupported($"type '{type}'; expected BPE");
        KnownKeys.Bpe.Check(model);
        CheckedJson vocab = model.Object("vocab") ?? throw model.Invalid("missing key vocab");
        if (!model.TryGet("merges", out _)) throw model.Invalid("missing key merges");
        return new BpeModel(model, vocab, model.Array("merges").Select(merge => ReadMerge(model, merge)))
        {
            IgnoresMerges = model.Flag("ignore_merges") is true,
            FallsBackToBytes = model.Flag("byte_fallback") is true,
            Unknown = model.Text("unk_token"),
        };
    }

    /// <summary>Reads vocab.json and the lines of merges.txt.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static BpeModel Read(CheckedJson vocab, string merges)
    {
        IEnumerable<string> lines = merges.Split('\n').Select(line => line.TrimEnd('\r'))
            .Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal));
        return new BpeModel(vocab, vocab, lines.Select(line => Split(vocab, line)));
    }

    /// <summary>A token that the merges do not make of its own characters, or null. Without one, ignore_merges changes nothing.</summary>
    /// <param name="added">Tokens that are cut out of texts before merging.</param>
    public string? FindUnreachable(HashSet<string> added)
    {
        var pairs = new Dictionary<(int, int), (uint Rank, int Id)>();
        for (int i = 0; i < Merges.Count; i++)
        {
            (string left, string right) = Merges[i];
            pairs[(Ids[left], Ids[right])] = ((uint)i, Ids[left + right]);
        }
        var merger = new SymbolMerger();
        foreach ((string text, int id) in Ids)
        {
            if (text.Length == 0 || added.Contains(text)) continue;
            merger.Clear();
            int at = 0;
            foreach (Rune rune in text.EnumerateRunes()) merger.Add(at++, 1, Ids.GetValueOrDefault(rune.ToString(), -1));
            merger.Merge(new RankRule(pairs));
            if (merger[0].Next < merger.Count || merger[0].Id != id) return text;
        }
        return null;
    }

    /// <summary>An error about the model.</summary>
    public EdgeLlmException Unsupported(string message) => _json.Unsupported(message);

    private readonly struct RankRule(Dictionary<(int, int), (uint Rank, int Id)> pairs) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out uint priority, out int mergedId)
        {
            bool found = pairs.TryGetValue((left.Id, right.Id), out (uint Rank, int Id) merge);
            (priority, mergedId) = found ? merge : (0, -1);
            return found;
        }
    }

    /// <summary>"left right", or in newer files [left, right].</summary>
    private static (string Left, string Right) ReadMerge(CheckedJson model, JsonElement merge)
    {
        if (merge.ValueKind != JsonValueKind.Array) return Split(model, model.Text("merges", merge));
        if (merge.GetArrayLength() != 2) throw model.Invalid($"merges: expected two parts, found {merge.GetArrayLength()}");
        return (model.Text("merges", merge[0]), model.Text("merges", merge[1]));
    }

    private static (string Left, string Right) Split(CheckedJson model, string text)
    {
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space <= 0 || text.IndexOf(' ', space + 1) >= 0) throw model.Invalid($"merges: expected two parts, found '{text}'");
        return (text[..space], text[(space + 1)..]);
    }
}
