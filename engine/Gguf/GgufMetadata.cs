using System.Collections;
using System.Numerics;
using Edge.Llm.Memory;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>The keys and values of a GGUF file, in file order. A getter without a default demands the key. Once the file is disposed of, values
/// throw <see cref="ObjectDisposedException"/>; what is being read at that moment is read to its end.</summary>
public sealed class GgufMetadata : IEnumerable<KeyValuePair<string, GgufValue>>
{
    private readonly MappedFile _file;
    private readonly string _path;
    private readonly List<KeyValuePair<string, GgufValue>> _entries = [];
    private readonly Dictionary<string, GgufValue> _byKey = [];
    private readonly List<MappedFile> _overrides = [];

    internal GgufMetadata(MappedFile file)
    {
        _file = file;
        _path = file.Path;
    }

    /// <summary>Number of keys.</summary>
    public int Count => _entries.Count;

    /// <summary>The keys in file order.</summary>
    public IEnumerator<KeyValuePair<string, GgufValue>> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>A key by its place in the file.</summary>
    public string KeyAt(int index) => _entries[index].Key;

    /// <summary>Whether a key is there.</summary>
    public bool Contains(string key) => _byKey.ContainsKey(key);

    /// <summary>Looks a key up.</summary>
    public bool TryGet(string key, out GgufValue value) => _byKey.TryGetValue(key, out value);

    /// <summary>The value of a key that must be there.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, from here and all getters: the key is missing, of another kind or out of range.</exception>
    public GgufValue Get(string key) =>
        TryGet(key, out GgufValue value) ? value : throw new EdgeLlmException(ErrorCode.InvalidFile, $"{_path}: missing key {key}");

    /// <summary>An integer of any kind in the range of int.</summary>
    public int GetInt32(string key) => Integer<int>(key, Get(key));

    /// <inheritdoc cref="GetInt32(string)"/>
    public int GetInt32(string key, int fallback) => TryGet(key, out GgufValue value) ? Integer<int>(key, value) : fallback;

    /// <summary>An integer of any kind in the range of uint.</summary>
    public uint GetUInt32(string key) => Integer<uint>(key, Get(key));

    /// <inheritdoc cref="GetUInt32(string)"/>
    public uint GetUInt32(string key, uint fallback) => TryGet(key, out GgufValue value) ? Integer<uint>(key, value) : fallback;

    /// <summary>An integer of any kind in the range of long.</summary>
    public long GetInt64(string key) => Integer<long>(key, Get(key));

    /// <inheritdoc cref="GetInt64(string)"/>
    public long GetInt64(string key, long fallback) => TryGet(key, out GgufValue value) ? Integer<long>(key, value) : fallback;

    /// <summary>An integer of any kind in the range of ulong.</summary>
    public ulong GetUInt64(string key) => Integer<ulong>(key, Get(key));

    /// <inheritdoc cref="GetUInt64(string)"/>
    public ulong GetUInt64(string key, ulong fallback) => TryGet(key, out GgufValue value) ? Integer<ulong>(key, value) : fallback;

    /// <summary>A number of any kind.</summary>
    public float GetFloat(string key) => Number(key, Get(key));

    /// <inheritdoc cref="GetFloat(string)"/>
    public float GetFloat(string key, float fallback) => TryGet(key, out GgufValue value) ? Number(key, value) : fallback;

    /// <summary>A bool.</summary>
    public bool GetBool(string key) => Bool(key, Get(key));

    /// <inheritdoc cref="GetBool(string)"/>
    public bool GetBool(string key, bool fallback) => TryGet(key, out GgufValue value) ? Bool(key, value) : fallback;

    /// <summary>A string.</summary>
    public string GetString(string key) => Text(key, Get(key));

    /// <inheritdoc cref="GetString(string)"/>
    public string GetString(string key, string fallback) => TryGet(key, out GgufValue value) ? Text(key, value) : fallback;

    /// <summary>An array.</summary>
    public GgufArray GetArray(string key) => Array(key, Get(key));

    /// <summary>An array, if the key is there.</summary>
    public bool TryGetArray(string key, out GgufArray array)
    {
        bool found = TryGet(key, out GgufValue value);
        array = found ? Array(key, value) : default;
        return found;
    }

    /// <summary>A use, during which the bytes of all values stay where they are.</summary>
    /// <exception cref="ObjectDisposedException">The file is disposed of.</exception>
    internal Gate.Use Hold() => _file.Hold();

    /// <summary>Adds an entry as the file is read; false if the key is there already.</summary>
    internal bool TryAdd(string key, GgufValue value)
    {
        if (!_byKey.TryAdd(key, value)) return false;
        _entries.Add(new(key, value));
        return true;
    }

    /// <summary>Puts values in the place of the file's, or behind them.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: of a kind that the key cannot hold, or a key that says how the file is laid out.</exception>
    internal void Override(IEnumerable<MetadataOverride> overrides)
    {
        foreach (MetadataOverride item in overrides)
        {
            string key = item.Key;
            if (key == "general.alignment" || key.StartsWith("split.", StringComparison.Ordinal))
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{_path}: key {key} says how the file is laid out: it cannot be overridden");
            bool known = _byKey.TryGetValue(key, out GgufValue old);
            (GgufValueType type, byte[] bytes) = item.ValueFor(_path, known ? old.Type : null);
            MappedFile memory = MappedFile.FromBytes(bytes, _path);
            _overrides.Add(memory);
            var value = new GgufValue(memory, key, type, 0);
            _byKey[key] = value;
            if (known) _entries[_entries.FindIndex(entry => entry.Key == key)] = new(key, value);
            else _entries.Add(new(key, value));
        }
    }

    /// <summary>Frees what values were put in the place of the file's.</summary>
    internal void FreeOverrides()
    {
        foreach (MappedFile memory in _overrides) memory.Dispose();
    }

    private T Integer<T>(string key, GgufValue value) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (!value.TryGetInteger(out Int128 integer)) throw WrongKind(key, "an integer", value);
        if (integer < Int128.CreateTruncating(T.MinValue) || integer > Int128.CreateTruncating(T.MaxValue))
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{_path}: key {key}: expected {T.MinValue} to {T.MaxValue}, found {integer}");
        return T.CreateTruncating(integer);
    }

    private float Number(string key, GgufValue value) =>
        value.TryGetNumber(out double number) ? (float)number : throw WrongKind(key, "a number", value);

    private bool Bool(string key, GgufValue value) => value.TryGetBool(out bool flag) ? flag : throw WrongKind(key, "a bool", value);

    private string Text(string key, GgufValue value) => value.TryGetString(out string text) ? text : throw WrongKind(key, "a string", value);

    private GgufArray Array(string key, GgufValue value) => value.TryGetArray(out GgufArray array) ? array : throw WrongKind(key, "an array", value);

    private EdgeLlmException WrongKind(string key, string expected, GgufValue found) =>
        new(ErrorCode.InvalidFile, $"{_path}: key {key}: expected {expected}, found {found.TypeName}");
}
