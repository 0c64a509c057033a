using static Edge.Llm.Tests.Support.SampleGguf;

namespace Edge.Llm.Tests.Gguf;

[TestClass]
public sealed class GgufErrorTests
{
    private const uint U8 = 0, U32 = 4, Str = 8, Arr = 9;
    private static readonly byte[] s_magic = "GGUF"u8.ToArray();

    /// <summary>A file, the code it is refused with, and what the message must say.</summary>
    private static IEnumerable<(string Name, byte[] File, ErrorCode Code, string[] Says)> Refused()
    {
        const ErrorCode invalid = ErrorCode.InvalidFile;
        yield return ("empty", [], invalid, ["offset 0", "header", "4 bytes"]);
        yield return ("magic", Raw("GGML"u8.ToArray(), 3u, 0ul, 0ul), invalid, ["offset 0: not a GGUF file", "0x4c4d4747"]);
        yield return ("short header", Raw(s_magic, 3u, 0ul), invalid, ["offset 16", "header"]);
        yield return ("big-endian", Raw(s_magic, 0x03000000u, 0ul, 0ul), ErrorCode.Unsupported, ["big-endian"]);
        yield return ("version 0", Raw(s_magic, 0u, 0ul, 0ul), ErrorCode.Unsupported, ["version 0", "2 or 3"]);
        yield return ("version 1", Raw(s_magic, 1u, 0u, 0u, 0ul), ErrorCode.Unsupported, ["version 1", "2 or 3"]);
        yield return ("version 4", Raw(s_magic, 4u, 0ul, 0ul), ErrorCode.Unsupported, ["version 4"]);

        yield return ("keys 2^63", RawFile(0, 1ul << 63), invalid, ["9223372036854775808 metadata entries", "room for 0"]);
        yield return ("one key too many", RawFile(0, 2, "a", U8, new byte[1], new byte[5]), invalid, ["2 metadata entries", "room for 1"]);
        yield return ("tensors 2^64-1", RawFile(ulong.MaxValue, 0), invalid, ["18446744073709551615 tensors"]);

        yield return ("key length", RawFile(0, 1, ulong.MaxValue, new byte[20]), invalid, ["offset 32", "key has length 18446744073709551615"]);
        yield return ("key past end", RawFile(0, 1, 100ul, new byte[20]), invalid, ["offset 32", "key needs 100 bytes", "20"]);
        yield return ("key too long", RawFile(0, 1, new string('k', 65536), U8, new byte[1]), invalid, ["65536 bytes", "at most 65535"]);
        yield return ("key utf-8", RawFile(0, 1, 2ul, new byte[] { 0xc3, 0x28 }, U8, new byte[1]), invalid, ["key that is not valid UTF-8"]);
        yield return ("key twice", RawFile(0, 2, "a.b", U8, new byte[1], "a.b", U8, new byte[1]), invalid, ["a.b: ", "twice"]);
        yield return ("value type", RawFile(0, 1, "a.b", 13u, new byte[8]), invalid, ["a.b: ", "value type 13"]);
        yield return ("value past end", RawFile(0, 1, "a.b", 12u, new byte[7]), invalid, ["a.b: ", "offset 39", "8 bytes", "7"]);
        yield return ("string 2^63", RawFile(0, 1, "a.b", Str, 1ul << 63), invalid, ["a.b: ", "9223372036854775808"]);
        yield return ("string past end", RawFile(0, 1, "a.b", Str, 9ul, new byte[8]), invalid, ["a.b: ", "string needs 9 bytes"]);
        yield return ("array type", RawFile(0, 1, "a.b", Arr, 99u, 0ul), invalid, ["a.b: ", "value type 99"]);
        yield return ("array 2^61 of 8", RawFile(0, 1, "a.b", Arr, 10u, 1ul << 61, new byte[8]), invalid, ["a.b: ", "2305843009213693952 values", "room for 1"]);
        yield return ("array of strings", RawFile(0, 1, "a.b", Arr, Str, 3ul, new byte[16]), invalid, ["3 values", "room for 2"]);
        yield return ("string in array", RawFile(0, 1, "a.b", Arr, Str, 2ul, 0ul, 5ul), invalid, ["string needs 5 bytes"]);
        yield return ("nesting", RawFile(0, 1, ["a.b", Arr, .. Nested(9)]), invalid, ["nested deeper than 8"]);

        yield return ("alignment 0", RawFile(0, 1, "general.alignment", U32, 0u), invalid, ["general.alignment", "multiple of 8", "found 0"]);
        yield return ("alignment 12", RawFile(0, 1, "general.alignment", U32, 12u), invalid, ["general.alignment", "found 12"]);
        yield return ("alignment kind", RawFile(0, 1, "general.alignment", Str, "32"), invalid, ["general.alignment", "expected an integer", "found string"]);

        yield return ("name too long", OneTensor(name: new string('n', 256)), invalid, ["256 bytes", "at most 255"]);
        yield return ("rank", OneTensor(rank: 5), invalid, ["t: ", "5 dimensions"]);
        yield return ("dimension 0", OneTensor(ne0: 0), invalid, ["t: ", "dimension 0 is 0"]);
        yield return ("dimension 2^63", OneTensor(ne1: 1ul << 63), invalid, ["t: ", "dimension 1 is 9223372036854775808"]);
        yield return ("values overflow", OneTensor(ne0: 1ul << 32, ne1: 1ul << 31), invalid, ["t: ", "values overflows"]);
        yield return ("bytes overflow", OneTensor(ne0: 1ul << 31, ne1: 1ul << 31), invalid, ["t: ", "bytes overflows"]);
        yield return ("type", OneTensor(type: 4), ErrorCode.Unsupported, ["t: ", "unknown tensor type 4"]);
        yield return ("type 2^32-1", OneTensor(type: uint.MaxValue), ErrorCode.Unsupported, ["tensor type 4294967295"]);
        yield return ("block length", OneTensor(type: 2, ne0: 48), invalid, ["t: ", "48 values", "multiple of 32", "Q4_0"]);
        yield return ("offset unaligned", OneTensor(offset: 16), invalid, ["t: ", "offset 16", "multiple of 32"]);
        yield return ("offset past end", OneTensor(offset: 96), invalid, ["t: ", "32 bytes at offset 96", "64 bytes"]);
        yield return ("offset 2^64-32", OneTensor(offset: ulong.MaxValue - 31), invalid, ["t: ", "18446744073709551584"]);
        yield return ("data past end", OneTensor(ne1: 3), invalid, ["t: ", "96 bytes at offset 0", "64 bytes", "complete"]);
        yield return ("no data at all", OneTensor(data: 0), invalid, ["t: ", "has 0 bytes"]);

        object[] second = ["u", 1u, 8ul, 0u];
        byte[] Two(params object[] tail) => Padded(64, RawFile(2, 0, ["t", 1u, 16ul, 0u, 0ul, .. tail]));
        yield return ("overlap", Two([.. second, 32ul]), invalid, ["u: ", "offset 32", "overlap tensor t"]);
        yield return ("tensor twice", Two("t", 1u, 8ul, 0u, 64ul), invalid, ["t: ", "twice"]);
    }

    [TestMethod]
    public void RefusedFilesSayWhy()
    {
        foreach ((string name, byte[] file, ErrorCode code, string[] says) in Refused())
        {
            EdgeLlmException e = Assert.ThrowsExactly<EdgeLlmException>(() => GgufFile.Open(file).Dispose(), name);
            Assert.AreEqual(code, e.Code, name);
            foreach (string part in says) StringAssert.Contains(e.Message, part, name);
        }
    }

    [TestMethod]
    public void WhatTheRefusedFilesAreMadeOfIsAccepted()
    {
        GgufFile.Open(OneTensor()).Dispose();
        GgufFile.Open(OneTensor(offset: 32)).Dispose();
        GgufFile.Open(OneTensor(ne1: 2)).Dispose();
        GgufFile.Open(OneTensor(name: new string('n', 255))).Dispose();
        GgufFile.Open(RawFile(0, 1, ["a.b", Arr, .. Nested(8)])).Dispose();
        GgufFile.Open(RawFile(0, 1, "general.alignment", U8, new byte[] { 40 })).Dispose();
        // Gaps and any order are fine.
        GgufFile.Open(Padded(128, RawFile(2, 0, "t", 1u, 8ul, 0u, 64ul, "u", 1u, 8ul, 0u, 0ul))).Dispose();
    }

    [TestMethod]
    public void GettersNameTheKeyTheExpectedAndTheFound()
    {
        using GgufFile file = GgufFile.Open(Bytes());
        GgufMetadata m = file.Metadata;
        Says(() => m.GetUInt32("llama.block_count"), "missing key llama.block_count");
        Says(() => file.GetTensor("output.weight"), "missing tensor output.weight");
        Says(() => m.GetUInt32("k.string"), "k.string", "an integer", "found string");
        Says(() => m.GetUInt32("k.bool"), "k.bool", "an integer", "found bool");
        Says(() => m.GetUInt32("k.float32"), "k.float32", "an integer", "found float32");
        Says(() => m.GetString("a.int32"), "a.int32", "a string", "found array of int32");
        Says(() => m.GetBool("k.uint8"), "k.uint8", "a bool", "found uint8");
        Says(() => m.GetFloat("k.bool"), "k.bool", "a number", "found bool");
        Says(() => m.GetArray("k.uint8"), "k.uint8", "an array", "found uint8");
        Says(() => m.GetUInt32("k.int8"), "k.int8", "0 to 4294967295", "-100");
        Says(() => m.GetInt32("k.uint32"), "k.uint32", "2147483647", "4000000000");
        Says(() => m.GetInt64("k.uint64"), "k.uint64", "18446744073709551615");
        Says(() => m.GetUInt64("k.int64"), "k.int64", "-9223372036854775808");
        Says(() => m.GetArray("a.int32").GetStrings(), "a.int32", "array of strings", "array of int32");
        Says(() => m.GetArray("a.int32").GetUInt32s(), "a.int32", "element 1 is -2", "uint32");
        Says(() => m.GetArray("a.float32").GetInt32s(), "a.float32", "array of integers", "array of float32");
        Says(() => m.GetArray("a.bool").GetFloats(), "a.bool", "array of numbers");
        Says(() => m.GetArray("a.nested").GetBools(), "a.nested", "array of bools", "array of array");
    }

    [TestMethod]
    public void DisposedFilesRefuseToDecode()
    {
        GgufFile file = GgufFile.Open(Bytes());
        GgufValue value = file.Metadata.Get("k.string");
        Utf8Strings strings = file.Metadata.GetArray("tokenizer.ggml.tokens").GetUtf8Strings();
        file.Dispose();
        file.Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => value.TryGetString(out _));
        Assert.ThrowsExactly<ObjectDisposedException>(() => strings[0].Length);
        Assert.ThrowsExactly<ObjectDisposedException>(file.CheckUnchanged);
    }

    private static void Says(Action action, params string[] parts)
    {
        EdgeLlmException e = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.AreEqual(ErrorCode.InvalidFile, e.Code);
        foreach (string part in parts) StringAssert.Contains(e.Message, part);
    }

    /// <summary>One F32 tensor, 8 x 1 unless told, in a data section of 64 bytes.</summary>
    private static byte[] OneTensor(string name = "t", uint rank = 2, ulong ne0 = 8, ulong ne1 = 1, uint type = 0, ulong offset = 0, int data = 64) =>
        Padded(data, RawFile(1, 0, name, rank, ne0, ne1, type, offset));

    private static byte[] Padded(int data, byte[] header) => data == 0 ? header : [.. header, .. new byte[(32 - header.Length % 32) % 32 + data]];

    /// <summary>An array of one array of one array ..., <paramref name="depth"/> arrays in all, after the outermost's value type.</summary>
    private static IEnumerable<object> Nested(int depth)
    {
        for (int i = 1; i < depth; i++)
        {
            yield return Arr;
            yield return 1ul;
        }
        yield return U8;
        yield return 1ul;
        yield return new byte[1];
    }
}
