using System.Runtime.InteropServices;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Memory that ends exactly where an inaccessible page begins: one byte read or written past the end kills the test run.</summary>
internal sealed unsafe partial class GuardedBuffer : IDisposable
{
    private readonly byte* _base;
    private readonly nuint _mapped;

    public GuardedBuffer(int bytes)
    {
        nuint page = (nuint)Environment.SystemPageSize, size = ((nuint)bytes + page - 1) / page * page;
        _mapped = size + page;
        _base = Map(null, _mapped, 3, 0x22, -1, 0); // read, write; private, anonymous
        if ((nint)_base == -1 || Protect(_base + size, page, 0) != 0) throw new InvalidOperationException("mmap or mprotect failed");
        Data = _base + size - bytes;
        Bytes = bytes;
    }

    public byte* Data { get; }

    public int Bytes { get; }

    public Span<byte> Span => new(Data, Bytes);

    public void Dispose() => _ = Unmap(_base, _mapped);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}
