using System.Text;
using Edge.Llm.Gguf;
using Edge.Llm.Memory;

namespace Edge.Llm.Quantization;

/// <summary>The importance matrices of before GGUF, little-endian: an entry count; for each entry the length of its name, the name, a number
/// of calls, a number of values, and the values (mean squared activations times calls); then, in later versions, the number of chunks, the
/// length of the dataset's name, and the name. Counts are int32, values float32.</summary>
internal static unsafe class LegacyImportanceMatrix
{
    private const int MaxNameBytes = GgufPart.MaxTensorNameBytes;

    /// <summary>Reads a file; experts have one count together.</summary>
    public static ImportanceMatrix Read(MappedFile file)
    {
        var reader = new GgufReader(file, 0);
        int entries = Count(ref reader, "entries", 4 + 4 + 4 + 4);
        if (entries == 0) reader.Fail("not an importance matrix: no entries");
        var matrix = new ImportanceMatrix();
        for (int i = 0; i < entries; i++)
        {
            reader.Entry = "";
            int length = Count(ref reader, "bytes of a name", 1);
            if (length is 0 or > MaxNameBytes) reader.Fail($"not an importance matrix: a name of {length} bytes, expected 1 to {MaxNameBytes}");
            string name = Encoding.UTF8.GetString(reader.Consume((ulong)length, "name"), length);
            reader.Entry = name;
            int calls = reader.Read<int>("number of calls");
            int values = Count(ref reader, "values", sizeof(float));
            float[] sums = new ReadOnlySpan<float>(reader.Consume((ulong)values * sizeof(float), "values"), values).ToArray();
            matrix.SetRead(file.Path, name, sums, [Math.Max(calls, 1)]);
        }
        reader.Entry = "";
        if (reader.Remaining >= sizeof(int)) matrix.ChunkCount = Math.Max(reader.Read<int>("number of chunks"), 0);
        if (reader.Remaining >= sizeof(int))
        {
            int length = Count(ref reader, "bytes of the dataset's name", 1);
            matrix.Datasets = [Encoding.UTF8.GetString(reader.Consume((ulong)length, "dataset's name"), length)];
        }
        return matrix;
    }

    // The fewest bytes that each counted entry takes.
    private static int Count(ref GgufReader reader, string what, int leastBytes)
    {
        int count = reader.Read<int>("number of " + what);
        long room = reader.Remaining / leastBytes;
        if (count < 0 || count > room) reader.Fail($"not an importance matrix: {count} {what}, and the file has room for {room}");
        return count;
    }
}
