using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;

namespace Edge.Llm.Cli.Commands;

/// <summary>Fetches a model.</summary>
internal static class PullCommand
{
    public static Command Make()
    {
        var from = new Argument<string>("SOURCE") { Description = "URL, hf:OWNER/REPO[:QUANT] or ollama:NAME[:TAG]." };
        Option<string?> name = Opt.Text("--name", [], "What to call the model; by default as the file is called.", "NAME");
        Option<string?> sha256 = Opt.Text("--sha256", [], "The hash that the file must have, where the server tells none.", "HASH");
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        var command = new CommandWithExamples("pull",
            "Fetches a model into the folder of models; every -m takes its name then. A pull that was stopped goes on where it was.",
            "hf:bartowski/Llama-3.2-1B-Instruct-GGUF", "hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q8_0 --name llama", "ollama:llama3.2:1b",
            "https://example.org/model.gguf --sha256 HASH") { from, name, sha256, json };
        command.SetAction(parsed =>
        {
            Hosts hosts = Hosts.OfEnvironment();
            Source source = Source.Parse(parsed.GetRequiredValue(from), hosts);
            if (parsed.GetValue(name) is { } given && !ModelName.IsValid(given))
                throw new UsageException($"--name: expected {ModelName.Letters}, a letter or digit first, found '{given}'");
            if (parsed.GetValue(sha256) is { } expected && !RemoteFile.IsSha256(expected))
                throw new UsageException($"--sha256: expected 64 hexadecimal digits, found '{expected}'");
            using var progress = new Progress("pulling", reports: true);
            void Say(string text) => progress.Say("edge-llm: " + Failure.OneLine(text));
            var patience = new Patience { Say = Say };
            using var interrupts = new Interrupts();
            using var web = new Web(patience, hosts.HuggingFace, Environment.GetEnvironmentVariable("HF_TOKEN"));
            var speed = new Speed();
            var puller = new Puller(web, ModelFolder.Of(parsed), patience)
            {
                Announce = Say,
                Progress = (done, total) =>
                {
                    double rate = speed.Update(done);
                    progress.Report(done, total, () => State(done, total, rate));
                },
            };
            try
            {
                (StoredModel model, bool fetched) = puller.Pull(source, parsed.GetValue(name), parsed.GetValue(sha256)?.ToLowerInvariant(), interrupts.Token)
                    .GetAwaiter().GetResult();
                progress.Dispose();
                Print(model, fetched, parsed.GetValue(json));
                return Failure.Ok;
            }
            catch (OperationCanceledException)
            {
                Say("stopped; the same command goes on from here");
                return Failure.Interrupted;
            }
        });
        return command;
    }

    private static string State(long done, long total, double rate)
    {
        string of = total > 0 ? $" of {Bytes.Text(total)}" : "";
        if (rate <= 0) return Bytes.Text(done) + of;
        long seconds = (long)((total - done) / rate);
        string left = total > 0 ? string.Create(CultureInfo.InvariantCulture, $", {seconds / 3600}:{seconds / 60 % 60:D2}:{seconds % 60:D2} left") : "";
        return $"{Bytes.Text(done)}{of}, {Bytes.Text((long)rate)}/s{left}";
    }

    private static void Print(StoredModel model, bool fetched, bool asJson)
    {
        using var output = new Output();
        if (!asJson)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{model.Name}: {Bytes.Text(model.Bytes)}{(fetched ? "" : ", up to date")}, in {Failure.OneLine(model.Path)}"));
            return;
        }
        using (var json = new Utf8JsonWriter(output, Json.Indented))
        {
            json.WriteStartObject();
            ModelJson.Write(json, model);
            json.WriteBoolean("fetched", fetched);
            json.WriteEndObject();
        }
        output.WriteLine();
    }
}
