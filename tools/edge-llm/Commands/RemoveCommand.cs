using System.CommandLine;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Cli.Commands;

/// <summary>Deletes a model of the folder.</summary>
internal static class RemoveCommand
{
    public static Command Make()
    {
        var name = new Argument<string>("NAME") { Description = "A model's name, as edge-llm list prints it." };
        var command = new CommandWithExamples("remove", "Deletes a model of the folder, or what there is of a pull that was stopped. Asks nothing.",
            "Llama-3.2-1B-Instruct-Q4_K_M") { name };
        command.SetAction(parsed =>
        {
            ModelFolder folder = ModelFolder.Of(parsed);
            string given = parsed.GetRequiredValue(name);
            StoredModel? model = folder.Find(given);
            string found = model?.Name ?? given;
            bool unfinished = ModelName.IsValid(found) && Staging.Exists(folder, found);
            if (model is null && !unfinished) throw new UsageException($"no model '{given}' in {folder.Path}{folder.Hint(given)}");
            if (unfinished)
            {
                using Staging staging = Staging.Open(folder, found);
                staging.Clear();
            }
            string deleted = model is null ? "the unfinished pull is" : Bytes.Text(model.Bytes);
            if (model is not null) folder.Remove(model);
            using var output = new Output();
            output.WriteLine($"{Failure.OneLine(found)}: {deleted} deleted");
            return Failure.Ok;
        });
        return command;
    }
}
