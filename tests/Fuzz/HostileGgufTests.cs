using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Fuzz;

/// <summary>Whatever a file holds, it opens or is refused by <see cref="EdgeLlmException"/>: quickly, and without memory
/// beyond what it really holds.</summary>
[TestClass]
public sealed class HostileGgufTests
{
    private const long AllowedBytes = 64L << 20;
    private static readonly TimeSpan s_allowedTime = TimeSpan.FromSeconds(20); // of the processor: the clock goes on where the process does not

    /// <summary>What is done with every file that opens. An entry may throw EdgeLlmException and nothing else.</summary>
    private static readonly Action<GgufFile>[] s_consumers =
    [
        ReadAllMetadata,
        file => _ = GgufVerifier.Check(file).Count(),
    ];

    [TestMethod]
    public void MutatedFilesOpenOrAreRefused()
    {
        int count = Settings.Full ? 10_000 : 1_000;
        byte[] sample = SampleGguf.Bytes();
        int header = HeaderBytes(sample);
        int opened = 0;
        for (int seed = 0; seed < count; seed++)
            if (Survives(GgufMutator.Mutate(sample, header, seed), $"seed {seed}")) opened++;

        // A mutator that breaks everything, or nothing, tests nothing.
        Assert.IsTrue(opened > count / 20 && opened < count * 19 / 20, $"{opened} of {count} opened");
    }

    [TestMethod]
    public void FilesCutAtAnyByteOpenOrAreRefused()
    {
        byte[] sample = SampleGguf.Bytes();
        for (int length = 0; length < sample.Length; length++)
        {
            bool opened = Survives(sample[..length], $"cut at {length}");
            // Only the padding behind the last tensor (10 bytes of 32) may be missing.
            Assert.AreEqual(length >= sample.Length - 22, opened, $"cut at {length}");
        }
    }

    [TestMethod]
    public void FilesWithAnyDirectoryByteChangedOpenOrAreRefused()
    {
        byte[] sample = SampleGguf.Bytes();
        int header = HeaderBytes(sample);
        foreach (byte value in new byte[] { 0x00, 0x09, 0x7f, 0x80, 0xff })
        {
            for (int at = 0; at < header; at++)
            {
                byte was = sample[at];
                sample[at] = value;
                Survives(sample, $"byte {at} = {value}");
                sample[at] = was;
            }
        }
    }

    [TestMethod]
    public void AbsurdFilesAreRefused()
    {
        const uint array = 9, text = 8, u8 = 0;
        object[] deep = Enumerable.Repeat(new object[] { array, 1ul }, 100_000).SelectMany(pair => pair).ToArray();
        byte[][] files =
        [
            SampleGguf.RawFile(0, 1, ["a", array, .. deep, u8, 0ul]),
            SampleGguf.RawFile(0, 1, ["a", array, array, 1ul << 60, new byte[1000]]),
            SampleGguf.RawFile(0, 1, "a", array, text, 1ul << 63, new byte[1000]),
            SampleGguf.RawFile(0, 1ul << 63, new byte[1 << 20]),
            SampleGguf.RawFile(1ul << 63, 0, new byte[1 << 20]),
            SampleGguf.RawFile(ulong.MaxValue, ulong.MaxValue, new byte[1 << 20]),
            // As many entries as there is room for, all alike.
            SampleGguf.RawFile(0, (1 << 20) / 13, new byte[1 << 20]),
            SampleGguf.RawFile((1 << 20) / 24, 0, new byte[1 << 20]),
        ];
        for (int i = 0; i < files.Length; i++) Assert.IsFalse(Survives(files[i], $"file {i}"));
    }

    [TestMethod]
    public void ManyEmptyInnerArraysCostWhatTheFileHolds()
    {
        const uint array = 9, u8 = 0;
        object[] inner = Enumerable.Repeat(new object[] { u8, 0ul }, 100_000).SelectMany(pair => pair).ToArray();
        Assert.IsTrue(Survives(SampleGguf.RawFile(0, 1, ["a", array, array, 100_000ul, .. inner]), "inner arrays"));
    }

    [TestMethod]
    public void TheLargestDirectoriesCostWhatIsAllowed()
    {
        const uint u8 = 0, f32 = 0;
        const int keys = 1 << 16, tensors = 1 << 16;
        byte[] Keys(int count) => SampleGguf.RawFile(0, (ulong)count,
            Enumerable.Range(0, count).SelectMany(i => new object[] { $"{i:x}", u8, new byte[1] }).ToArray());
        byte[] Tensors(int count) =>
        [
            .. SampleGguf.RawFile((ulong)count, 0,
                Enumerable.Range(0, count).SelectMany(i => new object[] { $"{i:x}", 0u, f32, 32ul * (ulong)i }).ToArray()),
            .. new byte[32 * (count + 1)],
        ];
        Assert.IsTrue(Survives(Keys(keys), "keys"));
        Assert.IsTrue(Survives(Tensors(tensors), "tensors"));
        Assert.IsFalse(Survives(Keys(keys + 1), "too many keys"));
        Assert.IsFalse(Survives(Tensors(tensors + 1), "too many tensors"));
    }

    /// <summary>Opens the file, uses it if it opens, and fails on anything but an orderly refusal; true if it opened.</summary>
    private static bool Survives(byte[] bytes, string what)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan start = Environment.CpuUsage.TotalTime;
        bool opened = false;
        try
        {
            using GgufFile file = GgufFile.Open(bytes);
            opened = true;
            long native = file.FileBytes;
            Assert.AreEqual(bytes.Length, native, "the only native memory is one copy of the file");
            foreach (Action<GgufFile> consume in s_consumers)
            {
                try
                {
                    consume(file);
                }
                catch (EdgeLlmException)
                {
                    // refused when used, as good as when opened
                }
            }
        }
        catch (EdgeLlmException e)
        {
            Assert.IsTrue(e.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported, $"{what}: {e.Code}: {e.Message}");
            Assert.IsTrue(e.Message.Length < 4096 + bytes.Length, $"{what}: a message of {e.Message.Length} characters");
        }
        catch (Exception e) when (e is not AssertFailedException)
        {
            Assert.Fail($"{what}: {e}");
        }
        TimeSpan taken = Environment.CpuUsage.TotalTime - start;
        Assert.IsTrue(taken < s_allowedTime, $"{what}: took {taken}");
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.IsTrue(allocated <= AllowedBytes, $"{what}: allocated {allocated} bytes");
        return opened;
    }

    private static void ReadAllMetadata(GgufFile file)
    {
        foreach ((_, GgufValue value) in file.Metadata)
        {
            _ = value.ToString();
            if (value.TryGetArray(out GgufArray array)) ReadArray(array);
        }
    }

    private static void ReadArray(GgufArray array)
    {
        foreach (GgufValue element in array)
        {
            _ = element.ToString();
            if (element.TryGetArray(out GgufArray inner)) ReadArray(inner);
        }
        if (array.ElementType == GgufValueType.String) _ = array.GetStrings();
        else if (array.ElementType != GgufValueType.Array && array.ElementType != GgufValueType.Bool) _ = array.GetFloats();
    }

    /// <summary>Bytes before the data section.</summary>
    private static int HeaderBytes(byte[] bytes)
    {
        using GgufFile file = GgufFile.Open(bytes);
        long data = file.Tensors.Sum(tensor => (tensor.Bytes + file.Alignment - 1) / file.Alignment * file.Alignment);
        return (int)(bytes.Length - data);
    }
}
