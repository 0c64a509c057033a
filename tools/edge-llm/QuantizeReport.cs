using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>What quantizing does, in words.</summary>
internal static class QuantizeReport
{
    /// <summary>Every tensor's types and sizes, and the total.</summary>
    public static void WriteTensors(QuantizePlan plan, Output output)
    {
        foreach (PlannedTensor tensor in plan.Tensors)
        {
            string types = $"{Failure.OneLine(tensor.Source.Name),-36} {Name(tensor.Source.Type),-7} -> {Name(tensor.Type),-7}";
            string note = tensor.Note is null ? "" : "  " + tensor.Note;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{types} {tensor.Source.Bytes,14} -> {tensor.Bytes,14}{note}"));
        }
        WriteTotal(plan, output);
    }

    /// <summary>Sizes of all tensors together.</summary>
    public static void WriteTotal(QuantizePlan plan, Output output)
    {
        double values = plan.Tensors.Sum(tensor => (double)tensor.Source.Elements);
        string sizes = string.Create(CultureInfo.InvariantCulture, $"{plan.BytesBefore} -> {plan.BytesAfter} bytes");
        string bits = string.Create(CultureInfo.InvariantCulture, $"{8 * plan.BytesBefore / values:F2} -> {8 * plan.BytesAfter / values:F2} bits a weight");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{plan.Type.Name}: {plan.Tensors.Count} tensors, {sizes}, {bits}"));
    }

    /// <summary>On standard error: which tensors do not get the type expected, and why.</summary>
    public static void WriteNotes(QuantizePlan plan)
    {
        foreach (IGrouping<string?, PlannedTensor> note in plan.Tensors.Where(tensor => tensor.Note is not null).GroupBy(tensor => tensor.Note))
            Console.Error.WriteLine($"edge-llm: {note.Count()} of {plan.Tensors.Count} tensors: {note.Key}");
        int without = plan.Options.Importance is null ? 0 : plan.Tensors.Count(tensor => tensor.LacksImportance);
        if (without > 0) Console.Error.WriteLine($"edge-llm: {without} tensors are not in the importance matrix: their columns all count alike");
    }

    /// <summary>On standard error: a tensor that begins.</summary>
    public static void WriteStart(QuantizeProgress at, int count) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"[{at.Number + 1,5}/{count}] {Failure.OneLine(at.Tensor.Source.Name),-36} {Name(at.Tensor.Source.Type)} -> {Name(at.Tensor.Type)}"));

    private static string Name(GgmlType type) => GgmlTypes.Get(type).Name;
}
