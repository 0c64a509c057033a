using System.Buffers.Binary;

namespace Edge.Llm.Tests.Fuzz;

/// <summary>Damages a GGUF file in one of the ways hostile files are made. One seed, one file.</summary>
internal static class GgufMutator
{
    private static readonly ulong[] s_absurd =
    [
        0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1ul << 32, (1ul << 32) + 1, 1ul << 61, 1ul << 62, 1ul << 63, ulong.MaxValue,
        ulong.MaxValue - 7, ulong.MaxValue - 31, long.MaxValue, long.MaxValue - 31,
    ];

    /// <summary>A damaged copy of a file whose header and directory take <paramref name="headerBytes"/>.</summary>
    public static byte[] Mutate(byte[] file, int headerBytes, int seed)
    {
        var random = new Random(seed);
        int rounds = random.Next(4) == 0 ? 3 : 1;
        for (int i = 0; i < rounds; i++)
        {
            // Most damage goes where it can mislead: the directory.
            int region = Math.Min(random.Next(5) == 0 ? file.Length : headerBytes, file.Length);
            if (region < 16) return file;
            file = random.Next(8) switch
            {
                0 => file[..random.Next(region)],
                1 => FlipBits(file, region, random),
                2 => Overwrite64(file, region, random, s_absurd[random.Next(s_absurd.Length)]),
                3 => Overwrite64(file, region, random, (ulong)(file.Length + random.Next(-64, 65))),
                4 => Overwrite32(file, region, random, random.Next(2) == 0 ? (uint)random.Next(50) : (uint)s_absurd[random.Next(s_absurd.Length)]),
                5 => Insert(file, region, random),
                6 => Delete(file, region, random),
                _ => CopyOver(file, region, random),
            };
        }
        return file;
    }

    private static byte[] FlipBits(byte[] file, int region, Random random)
    {
        file = (byte[])file.Clone();
        for (int i = random.Next(1, 9); i > 0; i--) file[random.Next(region)] ^= (byte)(1 << random.Next(8));
        return file;
    }

    private static byte[] Overwrite64(byte[] file, int region, Random random, ulong value)
    {
        file = (byte[])file.Clone();
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(random.Next(region - 7)), value);
        return file;
    }

    private static byte[] Overwrite32(byte[] file, int region, Random random, uint value)
    {
        file = (byte[])file.Clone();
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(random.Next(region - 3)), value);
        return file;
    }

    private static byte[] Insert(byte[] file, int region, Random random)
    {
        byte[] extra = new byte[random.Next(1, 33)];
        random.NextBytes(extra);
        int at = random.Next(region);
        return [.. file[..at], .. extra, .. file[at..]];
    }

    private static byte[] Delete(byte[] file, int region, Random random)
    {
        int at = random.Next(region);
        int end = Math.Min(file.Length, at + random.Next(1, 33));
        return [.. file[..at], .. file[end..]];
    }

    private static byte[] CopyOver(byte[] file, int region, Random random)
    {
        file = (byte[])file.Clone();
        int length = random.Next(1, Math.Min(64, region));
        int from = random.Next(region - length), to = random.Next(region - length);
        file.AsSpan(from, length).CopyTo(file.AsSpan(to, length));
        return file;
    }
}
