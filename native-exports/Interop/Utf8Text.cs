using System.Text;

namespace Edge.Llm.Native;

/// <summary>A text in UTF-8, with a terminating zero, at an address that stays until the next text: for pointers that callers are given.</summary>
internal sealed unsafe class Utf8Text
{
    private byte[] _bytes = GC.AllocateUninitializedArray<byte>(64, pinned: true);

    public Utf8Text() => Set("");

    /// <summary>First byte.</summary>
    public byte* Data => (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref _bytes[0]);

    /// <summary>Bytes, without the zero.</summary>
    public nuint Length { get; private set; }

    /// <summary>Replaces the text.</summary>
    public void Set(string text)
    {
        int needed = Encoding.UTF8.GetMaxByteCount(text.Length) + 1;
        if (needed > _bytes.Length) _bytes = GC.AllocateUninitializedArray<byte>(needed, pinned: true);
        int length = Encoding.UTF8.GetBytes(text, _bytes);
        _bytes[length] = 0;
        Length = (nuint)length;
    }
}
