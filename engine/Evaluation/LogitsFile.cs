using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Edge.Llm.Evaluation;
using Edge.Llm.Memory;

namespace Edge.Llm;

/// <summary>What a model predicted for a text, in llama.cpp's format (its --save-all-logits): the 8 bytes "_logits_"; chunk size, vocabulary
/// size and number of chunks as int32; the chunks' tokens as int32; then a packed row of log-probabilities for each scored position.</summary>
public sealed unsafe class LogitsFile : IDisposable
{
    private const int HeadBytes = 20, MaxSize = 1 << 24;

    private readonly MappedFile _file;
    private readonly long _rowsOffset;

    private LogitsFile(MappedFile file)
    {
        _file = file;
        if (file.Length < HeadBytes || !new ReadOnlySpan<byte>(file.Data, 8).SequenceEqual(Magic))
            throw Invalid("not a file of logits (expected it to begin with \"_logits_\")");
        int size = Field(8, "chunk size", TextChunks.MinSize), chunks = Field(16, "number of chunks", 1);
        VocabSize = Field(12, "vocabulary size", 1);
        long tokens = (long)size * chunks; // below 2^48, as is each product here
        int scored = size - 1 - (size / 2);
        _rowsOffset = HeadBytes + (tokens * sizeof(int));
        Int128 expected = _rowsOffset + ((Int128)scored * chunks * PackedRow.Bytes(VocabSize));
        if (file.Length != expected) throw Invalid($"{chunks} chunks of {size} tokens take {expected} bytes, and the file has {file.Length}");
        if (tokens > Array.MaxLength) throw Invalid($"{tokens} tokens: expected at most {Array.MaxLength}");
        Chunks = new TextChunks(new ReadOnlySpan<int>(file.Data + HeadBytes, (int)tokens).ToArray(), size);
        foreach (int token in Chunks.Tokens)
            if ((uint)token >= (uint)VocabSize) throw Invalid($"token {token}: expected 0 to {VocabSize - 1}");
    }

    /// <summary>Tokens that the model knew.</summary>
    public int VocabSize { get; }

    /// <summary>The text.</summary>
    public TextChunks Chunks { get; }

    private static ReadOnlySpan<byte> Magic => "_logits_"u8;

    /// <summary>Opens a file.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static LogitsFile Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        try
        {
            return new LogitsFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>Writes all but the rows.</summary>
    internal static void WriteHead(Stream stream, TextChunks chunks, int vocabSize)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        Magic.CopyTo(head);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], chunks.Size);
        BinaryPrimitives.WriteInt32LittleEndian(head[12..], vocabSize);
        BinaryPrimitives.WriteInt32LittleEndian(head[16..], chunks.Count);
        stream.Write(head);
        stream.Write(MemoryMarshal.AsBytes(chunks.Tokens));
    }

    /// <summary>Checks rows and returns where they lie, one after the other.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    internal byte* Rows(int chunk, int firstRow, int count)
    {
        _file.CheckUnchanged();
        int bytes = PackedRow.Bytes(VocabSize);
        long row = ((long)chunk * Chunks.Scored) + firstRow;
        byte* rows = _file.Data + _rowsOffset + (row * bytes);
        for (int i = 0; i < count; i++)
            if (!PackedRow.IsValid(new ReadOnlySpan<byte>(rows + ((long)i * bytes), bytes)))
                throw Invalid($"row {row + i}: expected a finite scale and lowest value");
        return rows;
    }

    private int Field(int offset, string what, int min)
    {
        int value = BinaryPrimitives.ReadInt32LittleEndian(new ReadOnlySpan<byte>(_file.Data + offset, sizeof(int)));
        return value >= min && value <= MaxSize ? value : throw Invalid($"{what}: expected {min} to {MaxSize}, found {value}");
    }

    private EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidFile, $"{_file.Path}: {message}");
}
