using System.CommandLine;
using System.Runtime;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>The kernel table of this build on this machine.</summary>
internal static class KernelsCommand
{
    public static Command Make()
    {
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        var command = new CommandWithExamples("kernels",
            "Lists the kernels of this build that this machine can run and marks those in use. EDGE_LLM_ISA forces an instruction set.",
            "--json") { json };
        command.SetAction(parsed =>
        {
            EngineInfo engine = EngineInfo.Current();
            using var output = new Output();
            if (parsed.GetValue(json)) WriteJson(engine, output);
            else WriteText(engine, output);
            return Failure.Ok;
        });
        return command;
    }

    private static void WriteText(EngineInfo engine, Output output)
    {
        output.WriteLine($"edge-llm {engine.Version}, {Build(engine)}");
        output.WriteLine($"instruction sets: {string.Join(", ", engine.InstructionSets)}; in use: {engine.InstructionSet}");
        if (EngineInfo.ScalarReason is { } reason) output.WriteLine($"scalar, which is slow: {reason}");
        output.WriteLine();
        output.WriteLine($"{"type",-10} {"isa",-10}");
        foreach (KernelInfo kernel in engine.Kernels)
            output.WriteLine($"{kernel.Type,-10} {kernel.InstructionSet,-10}{(kernel.InUse ? " in use" : "")}".TrimEnd());
    }

    private static void WriteJson(EngineInfo engine, Output output)
    {
        using var json = new Utf8JsonWriter(output, Json.Compact);
        json.WriteStartObject();
        json.WriteString("version", engine.Version);
        json.WriteString("build", Build(engine));
        json.WriteStartArray("supported");
        foreach (string set in engine.InstructionSets) json.WriteStringValue(set);
        json.WriteEndArray();
        json.WriteString("in_use", engine.InstructionSet);
        if (EngineInfo.ScalarReason is { } reason) json.WriteString("scalar_reason", reason);
        json.WriteStartArray("kernels");
        foreach (KernelInfo kernel in engine.Kernels)
        {
            json.WriteStartObject();
            json.WriteString("type", kernel.Type);
            json.WriteString("isa", kernel.InstructionSet);
            json.WriteBoolean("in_use", kernel.InUse);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.WriteLine();
    }

    // Compiled ahead of time, whatever lies above the baseline is constant false; so the best set tells the baseline.
    private static string Build(EngineInfo engine)
    {
        string framework = RuntimeInformation.FrameworkDescription;
        if (JitInfo.GetCompiledMethodCount() > 0) return $"JIT, {framework}, {RuntimeInformation.RuntimeIdentifier}";
        string level = RuntimeInformation.ProcessArchitecture != Architecture.X64 ? "baseline"
            : engine.InstructionSets.Contains("avx512") ? "v4" : engine.InstructionSets.Contains("avx2") ? "v3" : "baseline";
        return $"NativeAOT {level}, {framework}, {RuntimeInformation.RuntimeIdentifier}";
    }
}
