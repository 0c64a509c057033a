using System.Diagnostics;
using System.Text.Json;

namespace Edge.Llm.Tests.Support;

/// <summary>Hugging Face's tokenizers library, run by node.</summary>
internal static class TokenizersLibrary
{
    /// <summary>Ids of texts by tokenizer.json files; null for a file that the library does not take, or dies of.</summary>
    public static int[][]?[] Encode(IReadOnlyList<string> files, IReadOnlyList<string> texts)
    {
        var answers = new List<int[][]?>();
        while (answers.Count < files.Count)
        {
            int before = answers.Count;
            Run(files.Skip(before), texts, answers);
            if (answers.Count < files.Count) answers.Add(null); // it died of this one
        }
        return [.. answers];
    }

    private static void Run(IEnumerable<string> files, IReadOnlyList<string> texts, List<int[][]?> answers)
    {
        string script = Path.Combine(RepositoryFiles.Root(), "tests", "Conversion", "tokenizers.js");
        using Process node = Process.Start(new ProcessStartInfo("node", [script, Settings.Tokenizers()])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        node.ErrorDataReceived += (_, _) => { };
        node.BeginErrorReadLine();
        var asking = Task.Run(() =>
        {
            try
            {
                foreach (string file in files) node.StandardInput.WriteLine(JsonSerializer.Serialize(new { file, texts }));
                node.StandardInput.Close();
            }
            catch (IOException)
            {
                // It died: its last answer tells of which file.
            }
        });
        while (node.StandardOutput.ReadLine() is { } line)
        {
            using JsonDocument answer = JsonDocument.Parse(line);
            answers.Add(answer.RootElement.TryGetProperty("ids", out JsonElement ids) ? ids.Deserialize<int[][]>() : null);
        }
        node.WaitForExit();
        asking.Wait();
    }
}
