using System.Text.Json;

namespace Edge.Llm.Grammars.Json;

/// <summary>Makes productions of a JSON Schema. Each set of schemas that a value must match becomes a rule; the rules wait on a list, so that
/// nesting costs no stack.</summary>
internal sealed class JsonSchemaGrammar
{
    private const int DeepestSchema = 256;

    private readonly Productions _productions;
    private readonly SchemaTable _table;
    private readonly Alternatives _alternatives;
    private readonly JsonSyntax _syntax;
    private readonly ScalarPatterns _scalars;
    private readonly ObjectProductions _objects;
    private readonly ArrayProductions _arrays;
    private readonly SchemaCheck _check;
    private readonly Dictionary<string, int> _rules = [];
    private readonly Queue<(SchemaRef[] Schemas, int Rule)> _waiting = [];

    private JsonSchemaGrammar(JsonElement root, JsonGrammarOptions options, Productions productions, TextNotation? notation)
    {
        _productions = productions;
        _table = new SchemaTable(root, productions.Effort);
        _alternatives = new Alternatives(_table, new SchemaReader(_table), productions.Effort);
        _syntax = new JsonSyntax(productions, options, notation);
        _scalars = new ScalarPatterns(_syntax, _table);
        _check = new SchemaCheck(_table, _alternatives, _scalars, productions.Effort);
        _alternatives.AreDisjoint = _check.AreDisjoint;
        _objects = new ObjectProductions(_syntax, _table, _check, _scalars, Value, options.AnyOrder);
        _arrays = new ArrayProductions(_syntax, _table, _check, _scalars, Value);
    }

    /// <summary>The production of a schema.</summary>
    /// <param name="schema">The document.</param>
    /// <param name="options">How JSON is written.</param>
    /// <param name="productions">Where to.</param>
    /// <param name="at">A place in the document, as a reference names it.</param>
    /// <param name="notation">How texts are written; null: as JSON has them.</param>
    /// <exception cref="EdgeLlmException">GrammarError, with the line of a text that is no JSON, or the path of what is not supported.</exception>
    public static int Make(string schema, JsonGrammarOptions options, Productions productions, string at = "#", TextNotation? notation = null)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = DeepestSchema });
        }
        catch (Exception e) when (e is JsonException or ArgumentException) // half a surrogate pair
        {
            throw new EdgeLlmException(ErrorCode.GrammarError, $"the schema is no JSON of at most {DeepestSchema} levels: {e.Message}", e);
        }
        using (document)
        {
            try
            {
                return new JsonSchemaGrammar(document.RootElement, options, productions, notation).MakeAll(at);
            }
            catch (InvalidOperationException e) // a text of the schema has half a surrogate pair
            {
                throw new EdgeLlmException(ErrorCode.GrammarError, $"the schema has a text that is no Unicode: {e.Message}", e);
            }
        }
    }

    private int MakeAll(string at)
    {
        int root = Value([at == "#" ? new SchemaRef(0, false) : _table.Resolve(0, at)]);
        while (_waiting.TryDequeue(out (SchemaRef[] Schemas, int Rule) next))
        {
            var ways = new List<int>();
            foreach (Shape shape in _alternatives.Of(next.Schemas)) ways.Add(Of(shape, next.Schemas[0].Id));
            _productions.SetBody(next.Rule, _productions.Either([.. ways]));
        }
        return root;
    }

    /// <summary>A value that some schemas accept.</summary>
    private int Value(IEnumerable<SchemaRef> schemas)
    {
        SchemaRef[] all = [.. schemas.Where(schema => !_check.IsTrue(schema)).Distinct()];
        if (all.Length == 0) return _syntax.AnyValue;
        if (Array.Exists(all, _check.IsFalse)) return Productions.Nothing;
        string key = string.Join(' ', all.Select(schema => (schema.Negated ? "!" : "") + schema.Id));
        if (_rules.TryGetValue(key, out int rule)) return _productions.Rule(rule);
        rule = _productions.NewRule();
        _productions.Keep(100 + 2 * key.Length);
        _rules.Add(key, rule);
        _waiting.Enqueue((all, rule));
        return _productions.Rule(rule);
    }

    private int Of(Shape shape, int id)
    {
        if (shape.Values is { } values)
            return _syntax.Values(values.Where(value => _check.Accepts(value, shape, listed: true)));
        var ways = new List<int> { _productions.Pattern(_scalars.Of(shape, id, unique: false)) };
        if (shape.Types.HasFlag(JsonTypes.Array)) ways.Add(_arrays.Of(shape, id));
        if (shape.Types.HasFlag(JsonTypes.Object)) ways.Add(_objects.Of(shape, id));
        return _productions.Either([.. ways]);
    }
}
