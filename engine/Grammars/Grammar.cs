using Edge.Llm.Grammars;
using Edge.Llm.Grammars.Json;

namespace Edge.Llm;

/// <summary>What a text must look like: a grammar, a regular expression, JSON, or JSON of a schema. Compared by content.</summary>
public sealed record Grammar
{
    private const int LongestText = 4 << 20;

    private readonly GrammarKind _kind;
    private readonly string _text;
    private readonly string _root;
    private readonly JsonGrammarOptions _json;
    private readonly GrammarSource? _source;

    private Grammar(GrammarKind kind, string text, string root = "", JsonGrammarOptions? json = null)
    {
        if (text.Length > LongestText)
            throw new EdgeLlmException(ErrorCode.GrammarError, $"a grammar of {text.Length} characters: expected at most {LongestText}");
        (_kind, _text, _root, _json) = (kind, text, root, json ?? JsonGrammarOptions.Default);
        _json.Check();
    }

    private Grammar(GrammarSource source) : this(GrammarKind.Source, "") => _source = source;

    /// <summary>A grammar in GBNF, llama.cpp's notation.</summary>
    public static Grammar Gbnf(string text, string root = "root")
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(root);
        return new Grammar(GrammarKind.Gbnf, text, root);
    }

    /// <summary>A regular expression that the whole text must match.</summary>
    public static Grammar Regex(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return new Grammar(GrammarKind.Regex, pattern);
    }

    /// <summary>Any JSON value.</summary>
    public static Grammar Json(JsonGrammarOptions? options = null) => new(GrammarKind.JsonSchema, "true", "", options);

    /// <summary>A JSON value that a JSON Schema (draft 7 or 2020-12) accepts.</summary>
    public static Grammar JsonSchema(string schema, JsonGrammarOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return new Grammar(GrammarKind.JsonSchema, schema, "", options);
    }

    /// <summary>A grammar that another part of the engine makes.</summary>
    internal static Grammar Of(GrammarSource source) => new(source);

    /// <summary>Makes it ready for a vocabulary, or finds that it was before.</summary>
    /// <exception cref="EdgeLlmException">GrammarError: with line or path; Cancelled.</exception>
    public CompiledGrammar Compile(Tokenizer tokenizer, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return CompiledGrammars.Of(tokenizer).Get(this, () => new CompiledGrammar(tokenizer.Vocabulary, making => Make(tokenizer, making), cancellation));
    }

    /// <summary>What equal grammars take in the store of compiled ones, beside what they were compiled to.</summary>
    internal int Bytes => 200 + 2 * _text.Length + (_source?.Bytes ?? 0);

    /// <summary>Adds it to others.</summary>
    /// <returns>The production of its root.</returns>
    internal int AddTo(Productions productions, Tokenizer tokenizer) => _kind switch
    {
        GrammarKind.Gbnf => GbnfParser.Parse(_text, _root, tokenizer, productions),
        GrammarKind.Regex => productions.Pattern(RegexParser.Parse(_text).ToWholePattern(productions.Patterns, set => set.ToPattern(productions.Patterns))),
        GrammarKind.JsonSchema => JsonSchemaGrammar.Make(_text, _json, productions),
        _ => _source!.Make(productions, tokenizer),
    };

    private GrammarStates Make(Tokenizer tokenizer, CancellationToken cancellation)
    {
        TokenTree tree = TokenTree.Of(tokenizer);
        var effort = new Effort();
        effort.Restart(cancellation);
        var productions = new Productions(effort);
        return new GrammarStates(tree, productions, AddTo(productions, tokenizer), effort);
    }

    private enum GrammarKind { Gbnf, Regex, JsonSchema, Source }
}
