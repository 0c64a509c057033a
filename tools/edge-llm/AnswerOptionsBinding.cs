using System.CommandLine;
using System.Text.Json;

namespace Edge.Llm.Cli;

/// <summary>The options of tools and of what a model writes to itself.</summary>
internal sealed class AnswerOptionsBinding
{
    private readonly Option<string?> _tools = Opt.Text("--tools", [], "Tools that the model may call: a JSON array, as in a chat request.", "FILE");
    private readonly Option<string?> _choice = Opt.Text("--tool-choice", [], "auto (default), none, required, or the name of the one to call.", "CHOICE");
    private readonly Option<bool> _single = Opt.Flag("--no-parallel-tool-calls", "One call an answer at most.");

    private readonly Option<int> _budget = Opt.Integer("--reasoning-budget", [],
        "Tokens that the model may write to itself before it answers; -1: as many as it likes.", -1, -1);

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_tools, _choice, _single, _budget]) command.Add(option);
    }

    public AnswerOptions Get(ParseResult parsed)
    {
        string choice = parsed.GetValue(_choice) ?? "auto";
        string? path = parsed.GetValue(_tools);
        if (path is null && choice is not ("auto" or "none")) throw new UsageException($"--tool-choice {choice}: expected --tools as well");
        ToolChoice? known = choice switch { "auto" => ToolChoice.Auto, "none" => ToolChoice.None, "required" => ToolChoice.Required, _ => null };
        return new AnswerOptions
        {
            Tools = path is null ? null : Read(path),
            ToolChoice = known ?? ToolChoice.Auto,
            ToolName = known is null ? choice : null,
            ParallelToolCalls = !parsed.GetValue(_single),
            ReasoningBudget = parsed.GetValue(_budget),
        };
    }

    private static JsonElement Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(Input.ReadFile(path));
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new UsageException($"{path}: expected a JSON array of tools: {error.Message}");
        }
    }
}
