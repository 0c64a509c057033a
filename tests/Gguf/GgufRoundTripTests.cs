using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Gguf;

[TestClass]
public sealed class GgufRoundTripTests
{
    [TestMethod]
    [DataRow(32u, 3u)]
    [DataRow(64u, 3u)]
    [DataRow(24u, 3u)]
    [DataRow(8u, 2u)]
    public void TensorsComeBackInOrderAlignedAndWithTheirBytes(uint alignment, uint version)
    {
        GgufWriter writer = SampleGguf.Writer(alignment, version);
        byte[] bytes = SampleGguf.Bytes(writer);
        using GgufFile file = GgufFile.Open(bytes);

        Assert.AreEqual(version, file.Version);
        Assert.AreEqual(alignment, file.Alignment);
        Assert.AreEqual(bytes.Length, file.FileBytes);
        CollectionAssert.AreEqual(writer.Tensors.ToArray(), file.Tensors.Select(tensor => tensor with { Data = 0 }).ToArray());
        foreach (Tensor tensor in file.Tensors)
        {
            CollectionAssert.AreEqual(SampleGguf.Data(tensor), SampleGguf.Stored(tensor));
            Assert.AreEqual(0, (tensor.Data - file.Tensors[0].Data) % alignment);
        }
        Assert.AreEqual(3, file.GetTensor("blk.0.ffn_up_exps.weight").Ne2);
    }

    [TestMethod]
    public void EveryScalarTypeComesBack()
    {
        using GgufFile file = GgufFile.Open(SampleGguf.Bytes());
        GgufMetadata m = file.Metadata;
        Assert.AreEqual(200u, m.GetUInt32("k.uint8"));
        Assert.AreEqual(-100, m.GetInt32("k.int8"));
        Assert.AreEqual(60000, m.GetInt32("k.uint16"));
        Assert.AreEqual(-30000, m.GetInt64("k.int16"));
        Assert.AreEqual(4000000000u, m.GetUInt32("k.uint32"));
        Assert.AreEqual(-2000000000, m.GetInt32("k.int32"));
        Assert.AreEqual(ulong.MaxValue, m.GetUInt64("k.uint64"));
        Assert.AreEqual(long.MinValue, m.GetInt64("k.int64"));
        Assert.AreEqual(0.25f, m.GetFloat("k.float32"));
        Assert.AreEqual(200f, m.GetFloat("k.uint8"));
        Assert.IsTrue(m.Get("k.float64").TryGetNumber(out double number) && number == 1e300);
        Assert.IsTrue(m.GetBool("k.bool"));
        Assert.AreEqual("grüße, 世界", m.GetString("k.string"));
        Assert.AreEqual("general.architecture", m.First().Key, "file order");
        Assert.AreEqual(20, m.Count);
        Assert.AreEqual(GgufValueType.UInt16, m.Get("k.uint16").Type);
        Assert.AreEqual("int32[3]", m.Get("a.int32").ToString());
        Assert.AreEqual("-100", m.Get("k.int8").ToString());
        Assert.AreEqual("0.25", m.Get("k.float32").ToString());
    }

    [TestMethod]
    public void FallbacksStandInForMissingKeysOnly()
    {
        using GgufFile file = GgufFile.Open(SampleGguf.Bytes());
        GgufMetadata m = file.Metadata;
        Assert.AreEqual(7u, m.GetUInt32("none", 7));
        Assert.AreEqual(7, m.GetInt32("none", 7));
        Assert.AreEqual(7L, m.GetInt64("none", 7));
        Assert.AreEqual(7ul, m.GetUInt64("none", 7));
        Assert.AreEqual(0.5f, m.GetFloat("none", 0.5f));
        Assert.IsTrue(m.GetBool("none", true));
        Assert.AreEqual("x", m.GetString("none", "x"));
        Assert.IsFalse(m.TryGetArray("none", out _));
        Assert.ThrowsExactly<EdgeLlmException>(() => m.GetUInt32("k.string", 7));
    }

    [TestMethod]
    public void ArraysComeBackAndConvertBetweenIntegerKinds()
    {
        using GgufFile file = GgufFile.Open(SampleGguf.Bytes());
        GgufMetadata m = file.Metadata;
        CollectionAssert.AreEqual(new[] { 0f, -1.5f, float.PositiveInfinity }, m.GetArray("a.float32").GetFloats());
        CollectionAssert.AreEqual(new[] { 1, -2, 3 }, m.GetArray("a.int32").GetInt32s());
        CollectionAssert.AreEqual(new[] { 1L, -2, 3 }, m.GetArray("a.int32").GetInt64s());
        CollectionAssert.AreEqual(new[] { 1f, -2, 3 }, m.GetArray("a.int32").GetFloats());
        CollectionAssert.AreEqual(new[] { 5u, 65535u }, m.GetArray("a.uint16").GetUInt32s());
        CollectionAssert.AreEqual(new[] { true, false, true }, m.GetArray("a.bool").GetBools());
        Assert.AreEqual(0, m.GetArray("a.empty").GetInt32s().Length);

        GgufArray tokens = m.GetArray("tokenizer.ggml.tokens");
        CollectionAssert.AreEqual(new[] { "<unk>", "", "▁the", "ing" }, tokens.GetStrings());
        Utf8Strings utf8 = tokens.GetUtf8Strings();
        Assert.AreEqual(4, utf8.Count);
        Assert.IsTrue(utf8[2].SequenceEqual("▁the"u8));
        Assert.AreEqual(0, utf8[1].Length);
    }

    [TestMethod]
    public void NestedArraysComeBack()
    {
        using GgufFile file = GgufFile.Open(SampleGguf.Bytes());
        GgufArray nested = file.Metadata.GetArray("a.nested");
        Assert.AreEqual(GgufValueType.Array, nested.ElementType);
        int[][] inner = nested.Select(value => value.TryGetArray(out GgufArray array) ? array.GetInt32s() : throw new InvalidDataException()).ToArray();
        Assert.AreEqual(3, inner.Length);
        CollectionAssert.AreEqual(new[] { 1, 2 }, inner[0]);
        CollectionAssert.AreEqual(Array.Empty<int>(), inner[1]);
        CollectionAssert.AreEqual(new[] { 3 }, inner[2]);
    }

    [TestMethod]
    public void AFileCopiedValueByValueIsTheSameFile()
    {
        byte[] bytes = SampleGguf.Bytes();
        using GgufFile file = GgufFile.Open(bytes);
        var copy = new GgufWriter();
        foreach ((string key, GgufValue value) in file.Metadata) copy.AddMetadata(key, value);
        foreach (Tensor tensor in file.Tensors) copy.AddTensor(tensor, tensor.Type);
        CollectionAssert.AreEqual(bytes, SampleGguf.Bytes(copy));
    }

    [TestMethod]
    public void StringsThatAreNotUtf8KeepTheirBytes()
    {
        var writer = new GgufWriter();
        writer.AddUtf8Strings("tokens", [new byte[] { 0xff, 0xfe }, "ok"u8.ToArray()]);
        using GgufFile file = GgufFile.Open(SampleGguf.Bytes(writer));
        GgufArray tokens = file.Metadata.GetArray("tokens");
        Assert.IsTrue(tokens.GetUtf8Strings()[0].SequenceEqual<byte>([0xff, 0xfe]));
        Assert.AreEqual("\ufffd\ufffd", tokens.GetStrings()[0]);
        Assert.AreEqual("ok", tokens.GetStrings()[1]);
    }

    [TestMethod]
    public void AFileWithoutTensorsOrKeysOpens()
    {
        using GgufFile file = GgufFile.Open(SampleGguf.RawFile(0, 0));
        Assert.AreEqual(0, file.Tensors.Count);
        Assert.AreEqual(0, file.Metadata.Count);
        Assert.AreEqual(32u, file.Alignment);
    }

    [TestMethod]
    public void TheWriterRefusesWhatTheReaderWould()
    {
        var writer = new GgufWriter();
        writer.AddMetadata("k", 1);
        writer.AddTensor("t", GgmlType.Q4_0, 32);
        foreach (Action action in new Action[]
        {
            () => writer.AddMetadata("k", "again"),
            () => writer.AddMetadata("c", 'c'),
            () => writer.AddTensor("t", GgmlType.F32, 1),
            () => writer.AddTensor("u", GgmlType.Q4_0, 33),
            () => writer.AddTensor("u", GgmlType.F32, 0),
            () => writer.AddTensor("u", GgmlType.F32, 1, 1, 1, 1, 1),
            () => writer.AddTensor(new string('n', 256), GgmlType.F32, 1),
            () => _ = new GgufWriter(alignment: 12),
            () => _ = new GgufWriter(version: 1),
            () => writer.WriteTo(Stream.Null, (_, output) => output.Write(new byte[17])),
        })
        {
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(action).Code);
        }
    }

    [TestMethod]
    public void Stories260KOpens()
    {
        foreach (bool map in new[] { true, false })
        {
            using GgufFile file = GgufFile.Open(Settings.Shared("models", "stories260K.gguf"), new() { UseMmap = map });
            Assert.AreEqual("llama", file.Metadata.GetString("general.architecture"));
            Assert.AreEqual(5u, file.Metadata.GetUInt32("llama.block_count"));
            Assert.AreEqual(512, file.Metadata.GetArray("tokenizer.ggml.tokens").GetUtf8Strings().Count);
            Tensor embedding = file.GetTensor("token_embd.weight");
            Assert.AreEqual((64L, 512L, GgmlType.F32), (embedding.Ne0, embedding.Ne1, embedding.Type));
            Assert.IsTrue(GgufVerifier.Check(file).All(check => check.NonFinite == 0));
            file.Prefetch();
            file.CheckUnchanged();
        }
    }
}
