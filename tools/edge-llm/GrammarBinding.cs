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

    private readonly Option<JsonGrammarOptions> _whiteSpace = Opt.Choice("--json-whitespace", [], "White space in JSON: as the model likes, none, or one space behind commas and colons.",
        JsonGrammarOptions.Default, ("any", JsonGrammarOptions.Default), ("none", new JsonGrammarOptions { WhiteSpace = false }), ("spaced", JsonGrammarOptions.Spaced));

    private readonly Option<bool> _anyOrder = Opt.Flag("--json-any-order", "Let the properties of JSON objects come in any order.");

    public void AddTo(Command command)
    {
        command.Add(_whiteSpace);
        command.Add(_anyOrder);
        foreach (Option<string?> option in (Option<string?>[])[_grammar, _grammarFile, _schema, _schemaFile, _format, _regex]) command.Add(option);
    }

    /// <summary>The grammar asked for, or null.</summary>
    public Grammar? Get(ParseResult parsed)
    {
        JsonGrammarOptions json = parsed.GetValue(_whiteSpace)! with { AnyOrder = parsed.GetValue(_anyOrder) };
        (Option<string?> Option, Func<string, Grammar> Make)[] all =
        [
            (_grammar, text => Grammar.Gbnf(text)), (_grammarFile, path => Grammar.Gbnf(Read(path))),
            (_schema, text => Grammar.JsonSchema(text, json)), (_schemaFile, path => Grammar.JsonSchema(Read(path), json)),
            (_format, text => text == "json" ? Grammar.Json(json) : Grammar.JsonSchema(text, json)), (_regex, Grammar.Regex),
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
