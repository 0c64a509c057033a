using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Edge.Llm.Kernels;
using Edge.Llm.Memory;
using Edge.Llm.Threading;

namespace Edge.Llm.Bench;

/// <summary>How fast this machine reads memory and does nothing else: the bound of a decode step. Threads claim pieces as a matmul's do; each
/// reads one stream, with a prefetch as far ahead as the kernels'.</summary>
internal static unsafe class PlainRead
{
    private const int Piece = 1 << 20;
    private static ulong s_sink;

    /// <summary>Prints the median of seven readings of a mapped file, in GB/s.</summary>
    public static int Run(string path, int threads)
    {
        using MappedFile file = MappedFile.Open(path);
        using var pool = new WorkerPool(threads);
        Seconds(pool, file.Data, file.Length); // the file is in memory
        double[] seconds = [.. Enumerable.Range(0, 7).Select(_ => Seconds(pool, file.Data, file.Length)).Order()];
        Console.WriteLine((file.Length / seconds[3] / 1e9).ToString("F2", CultureInfo.InvariantCulture));
        return 0;
    }

    /// <summary>Seconds that one reading of the bytes takes.</summary>
    public static double Seconds(WorkerPool pool, byte* data, long bytes)
    {
        var body = new Body { Data = data, Bytes = bytes };
        long start = Stopwatch.GetTimestamp();
        pool.Run((int)((bytes + Piece - 1) / Piece), ref body);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        s_sink += body.Sum;
        return seconds;
    }

    private struct Body : IParallelBody
    {
        public byte* Data;
        public long Bytes;
        public ulong Sum; // keeps the loads alive; a race is harmless

        public void Run(int chunk, int worker)
        {
            long at = chunk * (long)Piece;
            Sum += Read(Data + at, Math.Min(Piece, Bytes - at));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Read(byte* data, long bytes)
    {
        Vector512<ulong> a = default, b = default, c = default, d = default;
        for (; bytes >= 256; bytes -= 256, data += 256)
        {
            for (int line = 0; line < 256; line += 64) Prefetch.Read(data + 12288 + line);
            a ^= Vector512.Load((ulong*)data);
            b ^= Vector512.Load((ulong*)(data + 64));
            c ^= Vector512.Load((ulong*)(data + 128));
            d ^= Vector512.Load((ulong*)(data + 192));
        }
        return Vector512.Sum(a ^ b ^ c ^ d);
    }
}
