using System.Buffers.Binary;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>tokenizer.model: settings that readers of a GGUF file do not follow are refused, and so is every field dropped, renumbered, given twice or of
/// another wire type, unless the file stays what it was or becomes what SentencePiece takes for an absent field.</summary>
[TestClass]
public sealed class SentencePieceEditTests
{
    private static readonly (string Text, float Score, int Type)[] s_pieces =
    [
        ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), .. Enumerable.Range(0, 256).Select(value => ($"<0x{value:X2}>", 0f, 6)), ("he", -1, 1), ("▁", -3, 1), ("h", -5, 1), ("e", -6, 1),
    ];

    [TestMethod]
    [DataRow(24, 1, true, "treat_whitespace_as_suffix")]
    [DataRow(3, 1, true, "model_type")]
    [DataRow(60, 1, true, "field 60")]
    [DataRow(5, 0, false, "escape_whitespaces")]
    [DataRow(4, 1, false, "remove_extra_whitespaces")]
    [DataRow(9, 1, false, "field 9")]
    public void SettingsThatAReaderDoesNotFollow(int field, int value, bool trainer, string says)
    {
        using var model = new HfModel("llama");
        byte[] more = TokenizerFiles.Number(field, value), byteFallback = TokenizerFiles.Number(35, 1), keepSpaces = TokenizerFiles.Number(4, 0);
        File.WriteAllBytes(model.In("tokenizer.model"), field == 3
            ? TokenizerFiles.SentencePiece(s_pieces, modelType: value)
            : TokenizerFiles.SentencePiece(s_pieces, trainer: trainer ? [.. byteFallback, .. more] : null, normalizer: trainer ? null : field == 4 ? more : [.. keepSpaces, .. more]));
        Refused(model.Write(), says);
    }

    [TestMethod]
    public void Pieces()
    {
        AssertPieces([.. s_pieces, ("x", 0, 5)], "type Unused");
        AssertPieces([.. s_pieces, ("x", 0, 4)], "type UserDefined");
        AssertPieces([.. s_pieces, ("he", 0, 1)], "two ids");
        AssertPieces([.. s_pieces, ("", 0, 1)], "without text");
        AssertPieces(s_pieces[..200], "no byte <0xC5>");
        using var charsmap = new HfModel("llama");
        File.WriteAllBytes(charsmap.In("tokenizer.model"), TokenizerFiles.SentencePiece(s_pieces, normalizer: [.. TokenizerFiles.Number(4, 0), 0x12, 2, 1, 2]));
        Refused(charsmap.Write(), "precompiled_charsmap");
        using var words = new HfModel("llama");
        File.WriteAllBytes(words.In("tokenizer.model"), TokenizerFiles.SentencePiece(s_pieces, trainer: []));
        Refused(words.Write(), "byte_fallback: expected 1, found 0");
    }

    [TestMethod]
    public void EveryFieldEdited()
    {
        byte[] good = TokenizerFiles.SentencePiece(s_pieces, addDummyPrefix: false, trainer: [.. TokenizerFiles.Number(35, 1), .. TokenizerFiles.Number(24, 0)],
            normalizer: [.. TokenizerFiles.Number(4, 0), .. TokenizerFiles.Number(5, 1)]);
        using var model = new HfModel("llama");
        model.Write("tokenizer_config.json", new System.Text.Json.Nodes.JsonObject());
        File.WriteAllBytes(model.In("tokenizer.model"), good);
        model.Write();
        byte[] unedited = HfConverterTests.Convert(model);
        int edits = 0, refused = 0, same = 0, other = 0;
        List<Field> fields = Read(good);
        int first = fields.FindIndex(field => field.Number == 1), last = fields.FindLastIndex(field => field.Number == 1);
        foreach (int at in (int[])[first, 100, last, last + 1, last + 2])
        {
            List<Field> inner = Read(fields[at].Bytes);
            for (int i = 0; i < inner.Count; i++)
                foreach ((string kind, List<Field> edited) in Edits(inner, i))
                {
                    List<Field> whole = [.. fields];
                    whole[at] = fields[at] with { Bytes = Write(edited) };
                    Check($"field {fields[at].Number} of {at}: {inner[i].Number}: {kind}", Write(whole));
                }
        }
        for (int at = last; at < fields.Count; at++)
            foreach ((string kind, List<Field> edited) in Edits(fields, at).Where(edit => at > last || edit.Kind != "drop")) Check($"field {fields[at].Number}: {kind}", Write(edited));
        Console.WriteLine($"{edits} edits: {refused} refused, {same} the same file, {other} what an absent field means");
        Assert.IsGreaterThan(edits / 2, refused);

        void Check(string what, byte[] bytes)
        {
            edits++;
            File.WriteAllBytes(model.In("tokenizer.model"), bytes);
            try
            {
                if (HfConverterTests.Convert(model).AsSpan().SequenceEqual(unedited)) same++;
                else if (what.EndsWith("drop", StringComparison.Ordinal) && bytes.Length < good.Length && IsDefaulted(what)) other++;
                else Assert.Fail(what);
            }
            catch (EdgeLlmException e) when (e.Code is ErrorCode.InvalidFile or ErrorCode.Unsupported)
            {
                refused++;
            }
        }
    }

    // A piece without a score has 0, without a type is normal; without add_dummy_prefix there is a prefix.
    private static bool IsDefaulted(string what) =>
        what.StartsWith("field 3 of", StringComparison.Ordinal) ? what.EndsWith(": 3: drop", StringComparison.Ordinal)
            : what.StartsWith("field 1 of", StringComparison.Ordinal) && (what.EndsWith(": 2: drop", StringComparison.Ordinal) || what.EndsWith(": 3: drop", StringComparison.Ordinal));

    private static void AssertPieces((string, float, int)[] pieces, string says)
    {
        using var model = new HfModel("llama");
        File.WriteAllBytes(model.In("tokenizer.model"), TokenizerFiles.SentencePiece(pieces));
        Refused(model.Write(), says);
    }

    private static void Refused(HfModel model, string says)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => HfConverter.Open(model.Folder).Dispose());
        StringAssert.Contains(error.Message, says);
    }

    private static IEnumerable<(string Kind, List<Field> Fields)> Edits(List<Field> fields, int at)
    {
        Field field = fields[at];
        yield return ("drop", [.. fields[..at], .. fields[(at + 1)..]]);
        yield return ("twice", [.. fields[..at], field, .. fields[at..]]);
        foreach (int number in (int[])[field.Number + 1, 99]) yield return ("rename", [.. fields[..at], field with { Number = number }, .. fields[(at + 1)..]]);
        foreach (int wire in (int[])[0, 1, 2, 5])
            if (wire != field.Wire) yield return ("retype", [.. fields[..at], field with { Wire = wire, Value = 1, Bytes = "x"u8.ToArray() }, .. fields[(at + 1)..]]);
    }

    private sealed record Field(int Number, int Wire, ulong Value, byte[] Bytes);

    private static List<Field> Read(byte[] message)
    {
        var fields = new List<Field>();
        for (int at = 0; at < message.Length;)
        {
            ulong key = Varint(message, ref at);
            int wire = (int)(key & 7);
            ulong value = wire switch { 0 or 2 => Varint(message, ref at), 5 => BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(at)), _ => 0 };
            int length = wire switch { 2 => (int)value, 5 => 4, _ => 0 };
            fields.Add(new Field((int)(key >> 3), wire, value, wire == 2 ? message[at..(at + length)] : []));
            at += length;
        }
        return fields;
    }

    private static byte[] Write(List<Field> fields) => [.. fields.SelectMany(field => (byte[])
    [
        .. Varint(((ulong)field.Number << 3) | (uint)field.Wire),
        .. field.Wire switch
        {
            0 => Varint(field.Value),
            1 => BitConverter.GetBytes(field.Value),
            5 => BitConverter.GetBytes((uint)field.Value),
            _ => (byte[])[.. Varint((ulong)field.Bytes.Length), .. field.Bytes],
        },
    ])];

    private static ulong Varint(byte[] bytes, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            value |= (ulong)(bytes[at] & 0x7f) << shift;
            if (bytes[at++] < 0x80) return value;
        }
    }

    private static byte[] Varint(ulong value) => value < 128 ? [(byte)value] : [(byte)(value | 128), .. Varint(value >> 7)];
}
