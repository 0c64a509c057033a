using System.Text;
using Edge.Llm.Tests.Support;
using FsCheck.Fluent;
using FsCheck;

namespace Edge.Llm.Tests.Gguf;

[TestClass]
public sealed class GgufPropertyTests
{
    private static readonly GgmlType[] s_types = [GgmlType.F32, GgmlType.F16, GgmlType.Q4_0, GgmlType.Q5_1, GgmlType.Q8_0, GgmlType.Q6_K, GgmlType.NVFP4];

    /// <summary>A metadata entry: the kind of its value, and bits or text to make it from.</summary>
    private sealed record Entry(int Kind, long Bits, string Text, long[] Many);

    private sealed record Shape(int Type, int Blocks, int Ne1, int Ne2, int Ne3);

    private sealed record Model(int Alignment, Entry[] Entries, Shape[] Shapes);

    /// <summary>How each kind is written, and whether it came back.</summary>
    private static readonly (Action<GgufWriter, string, Entry> Write, Func<GgufMetadata, string, Entry, bool> Same)[] s_kinds =
    [
        ((w, k, e) => w.AddMetadata(k, (byte)e.Bits), (m, k, e) => m.GetUInt32(k) == (byte)e.Bits),
        ((w, k, e) => w.AddMetadata(k, (sbyte)e.Bits), (m, k, e) => m.GetInt32(k) == (sbyte)e.Bits),
        ((w, k, e) => w.AddMetadata(k, (ushort)e.Bits), (m, k, e) => m.GetUInt32(k) == (ushort)e.Bits),
        ((w, k, e) => w.AddMetadata(k, (short)e.Bits), (m, k, e) => m.GetInt32(k) == (short)e.Bits),
        ((w, k, e) => w.AddMetadata(k, (uint)e.Bits), (m, k, e) => m.GetUInt32(k) == (uint)e.Bits),
        ((w, k, e) => w.AddMetadata(k, (int)e.Bits), (m, k, e) => m.GetInt32(k) == (int)e.Bits),
        ((w, k, e) => w.AddMetadata(k, (ulong)e.Bits), (m, k, e) => m.GetUInt64(k) == (ulong)e.Bits),
        ((w, k, e) => w.AddMetadata(k, e.Bits), (m, k, e) => m.GetInt64(k) == e.Bits),
        ((w, k, e) => w.AddMetadata(k, (float)e.Bits), (m, k, e) => m.GetFloat(k) == e.Bits),
        ((w, k, e) => w.AddMetadata(k, (double)e.Bits), (m, k, e) => m.Get(k).TryGetNumber(out double d) && d == e.Bits),
        ((w, k, e) => w.AddMetadata(k, e.Bits % 2 == 0), (m, k, e) => m.GetBool(k) == (e.Bits % 2 == 0)),
        ((w, k, e) => w.AddMetadata(k, e.Text), (m, k, e) => m.GetString(k) == e.Text),
        ((w, k, e) => w.AddMetadata(k, e.Many), (m, k, e) => m.GetArray(k).GetInt64s().SequenceEqual(e.Many)),
        ((w, k, e) => w.AddMetadata(k, new[] { e.Text, "", k }), (m, k, e) => m.GetArray(k).GetStrings().SequenceEqual([e.Text, "", k])),
        ((w, k, e) => w.AddMetadata(k, new[] { e.Many, [] }), (m, k, e) => m.GetArray(k).SelectMany(Inner).SequenceEqual(e.Many)),
    ];

    private static readonly Gen<long> s_bits = ArbMap.Default.GeneratorFor<long>();

    private static readonly Gen<Entry> s_entry =
        from kind in Gen.Choose(0, s_kinds.Length - 1)
        from bits in s_bits
        from text in ArbMap.Default.GeneratorFor<string?>()
        from many in s_bits.ArrayOf()
        select new Entry(kind, bits, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? "")), many);

    private static readonly Gen<Shape> s_shape =
        from type in Gen.Choose(0, s_types.Length - 1)
        from blocks in Gen.Choose(1, 5)
        from ne1 in Gen.Choose(1, 4)
        from ne2 in Gen.Choose(1, 3)
        from ne3 in Gen.Choose(1, 2)
        select new Shape(type, blocks, ne1, ne2, ne3);

    private static readonly Gen<Model> s_model =
        from alignment in Gen.Choose(1, 12)
        from entries in s_entry.ArrayOf()
        from shapes in s_shape.ArrayOf()
        select new Model(8 * alignment, entries, shapes);

    [TestMethod]
    public void WhateverIsWrittenIsRead() => Prop.ForAll(s_model.ToArbitrary(), RoundTrips).QuickCheckThrowOnFailure();

    private static bool RoundTrips(Model model)
    {
        var writer = new GgufWriter((uint)model.Alignment);
        for (int i = 0; i < model.Entries.Length; i++) s_kinds[model.Entries[i].Kind].Write(writer, Key(i), model.Entries[i]);
        for (int i = 0; i < model.Shapes.Length; i++)
        {
            Shape s = model.Shapes[i];
            GgmlType type = s_types[s.Type];
            writer.AddTensor($"t{i}", type, s.Blocks * GgmlTypes.Get(type).BlockLength, s.Ne1, s.Ne2, s.Ne3);
        }
        using GgufFile file = GgufFile.Open(SampleGguf.Bytes(writer));
        return file.Alignment == model.Alignment
            && model.Entries.Select((entry, i) => s_kinds[entry.Kind].Same(file.Metadata, Key(i), entry)).All(same => same)
            && file.Tensors.Select(tensor => tensor with { Data = 0 }).SequenceEqual(writer.Tensors)
            && file.Tensors.All(tensor => SampleGguf.Data(tensor).AsSpan().SequenceEqual(SampleGguf.Stored(tensor)));
    }

    private static string Key(int i) => $"entry.{i}";

    private static long[] Inner(GgufValue value) => value.TryGetArray(out GgufArray array) ? array.GetInt64s() : throw new InvalidDataException();
}
