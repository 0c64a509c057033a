using System.Diagnostics;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

/// <summary>The JSON Schema validator ajv, run by node.</summary>
internal static class Ajv
{
    /// <summary>What it finds wrong with the values of each schema; the empty text for a valid one.</summary>
    public static string[][] Errors(string folder, IReadOnlyList<(JsonElement Schema, string[] Values)> questions)
    {
        string script = Path.Combine(RepositoryFiles.Root(), "tests", "Grammars", "ajv.js");
        using Process node = Process.Start(new ProcessStartInfo("node", [script, folder]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var asking = Task.Run(() =>
        {
            foreach ((JsonElement schema, string[] values) in questions) node.StandardInput.WriteLine(JsonSerializer.Serialize(new { schema, values }));
            node.StandardInput.Close();
        });
        var answers = new List<string[]>();
        while (node.StandardOutput.ReadLine() is { } line)
        {
            JsonElement answer = JsonDocument.Parse(line).RootElement;
            answers.Add(answer.TryGetProperty("errors", out JsonElement errors) ? errors.Deserialize<string[]>()!
                : [.. questions[answers.Count].Values.Select(_ => answer.GetProperty("error").GetString()!)]);
        }
        node.WaitForExit();
        asking.Wait();
        Assert.HasCount(questions.Count, answers);
        return [.. answers];
    }
}
