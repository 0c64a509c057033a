using System.Runtime.InteropServices;
using System.Text;

namespace Edge.Llm.Offload;

/// <summary>Zeroed memory for structs that point to one another, freed at once.</summary>
internal sealed unsafe class Arena : IDisposable
{
    private readonly List<nint> _pieces = [];

    /// <summary>Frees memory that was never disposed of.</summary>
    ~Arena() => Free();

    /// <summary>Zeroed structs.</summary>
    public T* Array<T>(int count) where T : unmanaged
    {
        var piece = (T*)NativeMemory.AllocZeroed((nuint)Math.Max(1, count), (nuint)sizeof(T));
        _pieces.Add((nint)piece);
        return piece;
    }

    /// <summary>A struct with a value.</summary>
    public T* Add<T>(T value) where T : unmanaged
    {
        T* piece = Array<T>(1);
        *piece = value;
        return piece;
    }

    /// <summary>Text in UTF-8 with a zero behind it.</summary>
    public byte* Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        byte* piece = Array<byte>(bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(piece, bytes.Length));
        return piece;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        foreach (nint piece in _pieces) NativeMemory.Free((void*)piece);
        _pieces.Clear();
    }
}
