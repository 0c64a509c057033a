using System.Text.Json;
using Edge.Llm.Grammars;
using Edge.Llm.Grammars.Json;

namespace Edge.Llm.Answers;

/// <summary>Makes the productions of calls, from the name of the first tool on.</summary>
internal sealed class CallProductions(AnswerGrammar answer, Productions productions, MarkerSpelling spelling)
{
    private readonly ToolStyle _style = answer.Style!;
    private readonly ToolSet _tools = ToolSet.Parse(answer.Tools);

    /// <summary>One call or more.</summary>
    public int Make()
    {
        var ways = new List<int>();
        foreach (string name in _tools.Names)
            if (answer.Named.Length == 0 || name == answer.Named) ways.Add(Call(name));
        int end = spelling.Of(_style.End);
        if (!answer.Parallel || !_style.Parallel || answer.Named.Length > 0) return productions.Sequence(productions.Either([.. ways]), end);
        int call = Rule(productions.Either([.. ways])), more = productions.NewRule();
        int next = spelling.Of(_style.Next is [string between, ..] ? between : _style.First[0]);
        productions.SetBody(more, productions.Either(end, productions.Sequence(next, call, productions.Rule(more))));
        return productions.Sequence(call, productions.Rule(more));
    }

    private int Call(string name)
    {
        try
        {
            int arguments = _style.Arguments switch
            {
                KeyedForm keyed => Keyed(name, keyed),
                BareForm bare => JsonSchemaGrammar.Make(
                    _tools.SchemaOf(name), new JsonGrammarOptions { WhiteSpace = false }, productions, notation: new TextNotation(bare.Quote, bare.Quote)),
                _ => JsonSchemaGrammar.Make(_tools.SchemaOf(name), JsonGrammarOptions.Default, productions),
            };
            return productions.Sequence(spelling.Of(name + _style.Middle[0]), arguments, spelling.Of(_style.Close[0]));
        }
        catch (EdgeLlmException error) when (error.Code == ErrorCode.GrammarError)
        {
            throw new EdgeLlmException(ErrorCode.GrammarError, $"tool \"{name}\": {error.Message}", error);
        }
    }

    // Each property on its own: a text as it is, other values as JSON.
    private int Keyed(string name, KeyedForm form)
    {
        string schema = _tools.SchemaOf(name);
        using JsonDocument document = JsonDocument.Parse(schema);
        string[] required = document.RootElement.TryGetProperty("required", out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)] : [];
        string[] names = document.RootElement.TryGetProperty("properties", out JsonElement properties) && properties.ValueKind == JsonValueKind.Object
            ? [.. properties.EnumerateObject().Select(property => property.Name)] : [];
        if (required.Except(names).FirstOrDefault() is { } unknown)
            throw new EdgeLlmException(ErrorCode.GrammarError, $"#/required: expected names of properties, found \"{unknown}\"");
        string line = form.Lines ? "\n" : "";
        int result = spelling.Of(form.End);
        foreach (string property in names.Reverse())
        {
            TextNotation? notation = _tools.IsText(name, property) ? new TextNotation("", form.Close) : null;
            string place = "#/properties/" + Uri.EscapeDataString(SchemaTable.Escape(property));
            int argument = productions.Sequence(
                spelling.Of(form.Open + property + form.Middle + line), JsonSchemaGrammar.Make(schema, JsonGrammarOptions.Default, productions, place, notation),
                spelling.Of(line + form.Close + "\n"));
            result = productions.Sequence(required.Contains(property) ? argument : productions.Optional(argument), result);
        }
        return result;
    }

    private int Rule(int body)
    {
        int rule = productions.NewRule();
        productions.SetBody(rule, body);
        return productions.Rule(rule);
    }
}
