using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Commands;

/// <summary>Reads every byte of a file.</summary>
internal static class VerifyCommand
{
    public static Command Make()
    {
        var file = new Argument<string>("FILE") { Description = "A GGUF file, of a split model any part; or the name of a pulled model." };
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        var command = new CommandWithExamples("verify",
            "Checks a file's structure and sizes, prints the XxHash3 of each tensor, and looks for scales that are not finite numbers.",
            "model.gguf", "model.gguf --json") { file, json };
        command.SetAction(parsed =>
        {
            using GgufFile gguf = GgufFile.Open(ModelFolder.Resolve(parsed, parsed.GetRequiredValue(file)));
            using var output = new Output();
            TensorCheck? bad = parsed.GetValue(json) ? WriteJson(gguf, output) : WriteText(gguf, output);
            output.Flush();
            if (bad is not { } check) return Failure.Ok;
            throw new EdgeLlmException(ErrorCode.InvalidFile, string.Create(CultureInfo.InvariantCulture,
                $"{gguf.Path}: tensor {check.Tensor.Name}: {check.NonFinite} scales or values are not finite"));
        });
        return command;
    }

    private static TensorCheck? WriteText(GgufFile gguf, Output output)
    {
        TensorCheck? bad = null;
        foreach (TensorCheck check in Checks(gguf))
        {
            string note = check.NonFinite == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"  {check.NonFinite} not finite");
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{check.Hash:x16}  {GgmlTypes.Get(check.Tensor.Type).Name,-8} {check.Tensor.Bytes,14}  {Failure.OneLine(check.Tensor.Name)}{note}"));
            if (check.NonFinite > 0) bad ??= check;
        }
        if (bad is null)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"ok: GGUF version {gguf.Version}, {gguf.Metadata.Count} keys, {gguf.Tensors.Count} tensors, {gguf.FileBytes} bytes"));
        return bad;
    }

    private static TensorCheck? WriteJson(GgufFile gguf, Output output)
    {
        TensorCheck? bad = null;
        using var json = new Utf8JsonWriter(output, Json.Indented);
        json.WriteStartObject();
        json.WriteString("path", gguf.Path);
        json.WriteNumber("file_bytes", gguf.FileBytes);
        json.WriteStartArray("tensors");
        foreach (TensorCheck check in Checks(gguf))
        {
            json.WriteStartObject();
            json.WriteString("name", check.Tensor.Name);
            json.WriteString("type", GgmlTypes.Get(check.Tensor.Type).Name);
            json.WriteNumber("bytes", check.Tensor.Bytes);
            json.WriteString("xxh3", check.Hash.ToString("x16", CultureInfo.InvariantCulture));
            json.WriteNumber("non_finite", check.NonFinite);
            json.WriteEndObject();
            if (check.NonFinite > 0) bad ??= check;
        }
        json.WriteEndArray();
        json.WriteBoolean("ok", bad is null);
        json.WriteEndObject();
        json.Flush();
        output.WriteLine();
        return bad;
    }

    private static IEnumerable<TensorCheck> Checks(GgufFile gguf)
    {
        using var progress = new Progress("verifying", reports: true);
        long total = gguf.Tensors.Sum(tensor => tensor.Bytes), done = 0;
        foreach (TensorCheck check in GgufVerifier.Check(gguf))
        {
            progress.Report(done += check.Tensor.Bytes, total);
            yield return check;
        }
    }
}
