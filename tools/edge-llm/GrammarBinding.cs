using System.CommandLine;
using System.Text;

namespace Edge.Llm.Cli;

/// <summary>The options that say what a text must look like; one of them at most. Names are llama.cpp's.</summary>
internal sealed class GrammarBinding
{
    private readonly Option<string?> _grammar = new("--grammar") { Description = "The text follows this grammar, in GBNF.", HelpName = "GBNF" };
    private readonly Option<string?> _grammarFile = new("--grammar-file") { Description = "The text follows the grammar of this file.", HelpName = "FILE" };

    private readonly Option<string?> _schema = new("--json-schema", "-j")
    {
        Description = "The text is JSON that this JSON Schema accepts; {}: any JSON.", HelpName = "SCHEMA",
    };

    private readonly Option<string?> _schemaFile = new("--json-schema-file", "-jf")
    {
        Description = "The text is JSON that the JSON Schema of this file accepts.", HelpName = "FILE",
    };

    private readonly Option<string?> _format = new("--format")
    {
        Description = "json: the text is JSON; a JSON Schema: JSON that it accepts. Ollama's name.", HelpName = "json|SCHEMA",
    };

    private readonly Option<string?> _regex = new("--regex") { Description = "The whole text matches this regular expression.", HelpName = "PATTERN" };

    public void AddTo(Command command)
    {
        foreach (Option<string?> option in (Option<string?>[])[_grammar, _grammarFile, _schema, _schemaFile, _format, _regex]) command.Add(option);
    }

    /// <summary>The grammar asked for, or null.</summary>
    public Grammar? Get(ParseResult parsed)
    {
        (Option<string?> Option, Func<string, Grammar> Make)[] all =
        [
            (_grammar, text => Grammar.Gbnf(text)), (_grammarFile, path => Grammar.Gbnf(Read(path))),
            (_schema, text => Grammar.JsonSchema(text)), (_schemaFile, path => Grammar.JsonSchema(Read(path))),
            (_format, text => text == "json" ? Grammar.Json() : Grammar.JsonSchema(text)), (_regex, Grammar.Regex),
        ];
        all = [.. all.Where(way => parsed.GetValue(way.Option) is not null)];
        return all switch
        {
            [] => null,
            [var only] => only.Make(parsed.GetValue(only.Option)!),
            _ => throw new UsageException($"{all[0].Option.Name} and {all[1].Option.Name}: expected one of them"),
        };
    }

    private static string Read(string path) => Encoding.UTF8.GetString(Input.ReadFile(path));
}
