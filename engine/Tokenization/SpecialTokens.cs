using System.Text;

namespace Edge.Llm.Tokenization;

/// <summary>Files often leave special tokens unnamed: they are known by their text, by llama.cpp's rules.</summary>
internal static class SpecialTokens
{
    /// <summary>Keys that a file may leave out, and the texts that stand for them, first found first.</summary>
    private static readonly (string Key, string[] Texts)[] s_byText =
    [
        ("eot_token_id", ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>",
            "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>"]),
        ("eom_token_id", ["<|eom_id|>"]),
        ("fim_pre_token_id", ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>",
            "<|prefix|>"]),
        ("fim_suf_token_id", ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>",
            "<|suffix|>"]),
        ("fim_mid_token_id", ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>",
            "<|middle|>"]),
        ("fim_pad_token_id", ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]),
        ("fim_rep_token_id", ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]),
        ("fim_sep_token_id", ["<|file_sep|>"]),
    ];

    private static readonly string[] s_stopTexts =
    [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>",
        "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>", "[e~[",
    ];

    private static readonly string[] s_stopKeys =
        ["eos_token_id", "eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id"];

    /// <summary>gpt-oss writes its channels with these: the reader of the text must see them.</summary>
    private static readonly string[] s_alwaysRendered = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

    /// <summary>Completes the ids, corrects the types of tokens that are control tokens by their text, and returns the ids that end generation.</summary>
    public static HashSet<int> Resolve(Vocabulary vocabulary, Dictionary<string, int> ids, TokenType[] types)
    {
        int Find(string text) => vocabulary.Find(Encoding.UTF8.GetBytes(text));

        foreach ((string key, string[] texts) in s_byText)
        {
            if (ids.ContainsKey(key)) continue;
            int id = texts.Select(Find).FirstOrDefault(found => found >= 0, -1);
            if (id < 0) continue;
            ids[key] = id;
            types[id] = TokenType.Control;
        }

        var stops = new HashSet<int>();
        foreach (int id in s_stopTexts.Select(Find).Where(found => found >= 0))
        {
            stops.Add(id);
            types[id] = TokenType.Control;
        }
        foreach (int id in s_alwaysRendered.Select(Find).Where(found => found >= 0)) types[id] = TokenType.UserDefined;
        foreach (string key in s_stopKeys)
            if (ids.TryGetValue(key, out int id)) stops.Add(id);

        bool Stops(string text) => stops.Contains(Find(text));

        // In these two families <|end|> closes a channel, not the answer.
        bool calls = Stops("<|call|>") || Stops("<|calls|>");
        if (calls && (Stops("<|return|>") || Stops("<|flush|>")) && Stops("<|end|>"))
        {
            stops.Remove(Find("<|end|>"));
            types[Find("<|end|>")] = TokenType.UserDefined;
        }
        // Gemma 4 uses </s> as plain text.
        if (Stops("<|tool_response>") && Stops("</s>"))
        {
            stops.Remove(Find("</s>"));
            types[Find("</s>")] = TokenType.Normal;
        }
        return stops;
    }

    /// <summary>Special tokens that swallow the white space before or after them. No file says so: it goes by the model's name.</summary>
    public static (HashSet<int> Left, HashSet<int> Right) Strips(Vocabulary vocabulary, int[] special)
    {
        HashSet<int> left = [], right = [];
        string name = vocabulary.ModelName.ToLowerInvariant();
        if (vocabulary.Pre is "jina-v2-de" or "jina-v2-es" or "jina-v2-code" || vocabulary.Architecture is "nomic-bert-moe" or "jina-bert-v3")
            left.Add(vocabulary.Find("<mask>"u8));
        else if (name.Contains("phi-3", StringComparison.Ordinal) || name.Contains("phi3", StringComparison.Ordinal))
        {
            right.UnionWith(special);
            right.Remove(vocabulary.Find("<unk>"u8));
            right.Remove(vocabulary.Find("<s>"u8));
            right.Remove(vocabulary.Find("<|endoftext|>"u8));
        }
        else if (name.Contains("modern-bert", StringComparison.Ordinal)) left.Add(vocabulary.Find("[MASK]"u8));
        return (left, right);
    }
}
