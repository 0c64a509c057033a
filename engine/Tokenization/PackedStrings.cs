using System.Text;
using Edge.Llm.Threading;

namespace Edge.Llm.Tokenization;

/// <summary>Many short byte strings in one buffer: a vocabulary of 150,000 tokens is two arrays, not 150,000 objects.</summary>
internal sealed class PackedStrings
{
    /// <summary>Far above any real vocabulary or list of merges; the tables over them stay below 2 GiB.</summary>
    private const int MaxCount = 1 << 26;

    private readonly byte[] _bytes;
    private readonly int[] _starts;

    private PackedStrings(byte[] bytes, int[] starts)
    {
        _bytes = bytes;
        _starts = starts;
    }

    public int Count => _starts.Length - 1;

    public ReadOnlySpan<byte> this[int index] => _bytes.AsSpan(_starts[index].._starts[index + 1]);

    /// <summary>Copies an array of strings out of a file, so that it outlives the file.</summary>
    public static PackedStrings Read(GgufMetadata metadata, string key)
    {
        GgufArray array = metadata.GetArray(key);
        if (array.Count > MaxCount) throw TooMany(key, array.Count);
        using Gate.Use use = metadata.Hold();
        Utf8Strings source = array.GetUtf8Strings();
        var builder = new Builder(source.Count);
        for (int i = 0; i < source.Count; i++) builder.Add(source[i]);
        return builder.Build();
    }

    public static PackedStrings Copy(IReadOnlyList<byte[]> source)
    {
        var builder = new Builder(source.Count);
        for (int i = 0; i < source.Count; i++) builder.Add(source[i]);
        return builder.Build();
    }

    /// <summary>The same strings, with others in the place of empty ones.</summary>
    public PackedStrings WithoutEmpty(Func<int, string> other)
    {
        if (!Enumerable.Range(0, Count).Any(i => this[i].IsEmpty)) return this;
        var builder = new Builder(Count);
        for (int i = 0; i < Count; i++) builder.Add(this[i].IsEmpty ? Encoding.UTF8.GetBytes(other(i)) : this[i]);
        return builder.Build();
    }

    private static EdgeLlmException TooMany(string key, int count) =>
        new(ErrorCode.Unsupported, $"{key}: expected at most {MaxCount} elements, found {count}");

    /// <summary>Collects strings; a string may be written in pieces and is closed by <see cref="End"/>.</summary>
    public sealed class Builder(int count)
    {
        private readonly int[] _starts = new int[count + 1];
        private byte[] _bytes = new byte[Math.Max(16, (int)Math.Min(count * 8L, 1 << 24))];
        private int _length;
        private int _count;

        public void Append(ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length > _bytes.Length - _length)
            {
                long wanted = Math.Max((long)_length + bytes.Length, Math.Min(_bytes.Length * 2L, Array.MaxLength));
                if (wanted > Array.MaxLength) throw TooLarge();
                Array.Resize(ref _bytes, (int)wanted);
            }
            bytes.CopyTo(_bytes.AsSpan(_length));
            _length += bytes.Length;
        }

        public void End() => _starts[++_count] = _length;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            Append(bytes);
            End();
        }

        public PackedStrings Build() => new(_bytes, _starts);

        private static EdgeLlmException TooLarge() =>
            new(ErrorCode.Unsupported, $"a vocabulary's text: expected at most {Array.MaxLength} bytes together, found more");
    }
}
