using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Gguf;

/// <summary>Values in the place of a file's metadata.</summary>
[TestClass]
public sealed class MetadataOverrideTests
{
    private static readonly int[] s_tokens = [3, 1, 4, 1, 5, 9];

    [TestMethod]
    [DataRow("a.b=int:-7")]
    [DataRow("a=float:0.5")]
    [DataRow("a=bool:true")]
    [DataRow("a=bool:false")]
    [DataRow("a=str:")]
    [DataRow("a=str:x=int:1, and more")]
    public void ATextIsReadAndWritten(string text) => Assert.AreEqual(text, MetadataOverride.Parse(text).ToString());

    [TestMethod]
    [DataRow("", "expected KEY=TYPE:VALUE, found ''")]
    [DataRow("a", "expected KEY=TYPE:VALUE, found 'a'")]
    [DataRow("=int:1", "expected KEY=TYPE:VALUE")]
    [DataRow("a:int=1", "expected KEY=TYPE:VALUE")]
    [DataRow("a=int", "expected KEY=TYPE:VALUE")]
    [DataRow("a=u32:1", "a: expected the type int, float, bool or str, found 'u32'")]
    [DataRow("a=INT:1", "found 'INT'")]
    [DataRow("a=int:1.5", "a: expected an integer of 64 bits, found '1.5'")]
    [DataRow("a=int:", "found ''")]
    [DataRow("a=int:9223372036854775808", "found '9223372036854775808'")]
    [DataRow("a=float:1,5", "a: expected a finite number, found '1,5'")]
    [DataRow("a=float:nan", "a finite number")]
    [DataRow("a=float:1e999", "a finite number")]
    [DataRow("a=bool:1", "a: expected true or false, found '1'")]
    public void WrongTextsAreRefused(string text, string message)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => { MetadataOverride.Parse(text); });
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
        StringAssert.Contains(error.Message, message);
    }

    [TestMethod]
    public void TheFilesTypesStay()
    {
        var writer = new GgufWriter();
        writer.AddMetadata("u8", (byte)1);
        writer.AddMetadata("i16", (short)1);
        writer.AddMetadata("u32", 1u);
        writer.AddMetadata("u64", 1ul);
        writer.AddMetadata("f32", 1f);
        writer.AddMetadata("text", "old");
        using GgufFile file = Open(writer, "u8=int:255", "i16=int:-9", "u32=int:4000000000", "u64=int:7", "f32=float:0.25", "text=str:né", "new=int:3", "flag=bool:true");
        string[] expected = ["u8 UInt8 255", "i16 Int16 -9", "u32 UInt32 4000000000", "u64 UInt64 7", "f32 Float32 0.25", "text String né", "new Int64 3", "flag Bool true"];
        CollectionAssert.AreEqual(expected, file.Metadata.Select(entry => $"{entry.Key} {entry.Value.Type} {entry.Value}").ToArray());
        Assert.AreEqual("u8", file.Metadata.KeyAt(0));
        Assert.AreEqual(255, file.Metadata.GetInt32("u8"));
    }

    [TestMethod]
    [DataRow("u8=int:256", "key u8 is of type uint8, which cannot hold int:256")]
    [DataRow("u32=int:-1", "key u32 is of type uint32")]
    [DataRow("u32=float:1", "which cannot hold float:1")]
    [DataRow("f32=int:1", "key f32 is of type float32")]
    [DataRow("f32=float:1e300", "key f32 is of type float32")]
    [DataRow("text=bool:true", "key text is of type string")]
    [DataRow("list=int:1", "key list is of type array")]
    [DataRow("general.alignment=int:64", "key general.alignment says how the file is laid out")]
    [DataRow("split.count=int:2", "key split.count says how the file is laid out")]
    public void WhatAKeyCannotHoldIsRefused(string text, string message)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("u8", (byte)1);
        writer.AddMetadata("u32", 1u);
        writer.AddMetadata("f32", 1f);
        writer.AddMetadata("text", "old");
        writer.AddMetadata("list", new[] { 1, 2 });
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => { Open(writer, text); });
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
        StringAssert.Contains(error.Message, message);
    }

    [TestMethod]
    public void AModelIsReadWithThem()
    {
        byte[] file = ModelSpecFile.Make("llama"), changed = ModelSpecFile.Make("llama", line => line.Replace("freq_base float 10000", "freq_base float 500", StringComparison.Ordinal));
        using LanguageModel plain = LanguageModel.Open(file), expected = LanguageModel.Open(changed);
        using LanguageModel overridden = LanguageModel.Open(file, new ModelOptions { Overrides = [new("llama.rope.freq_base", 500.0)] });
        CollectionAssert.AreEqual(Logits(expected), Logits(overridden));
        CollectionAssert.AreNotEqual(Logits(plain), Logits(overridden));
        Assert.AreEqual(expected.Fingerprint, overridden.Fingerprint);
        Assert.AreNotEqual(plain.Fingerprint, overridden.Fingerprint);
        using Context from = plain.CreateContext(new ContextOptions { ContextSize = 64 }), to = overridden.CreateContext(new ContextOptions { ContextSize = 64 });
        using Sequence saved = from.NewSequence(), loaded = to.NewSequence();
        from.Evaluate(saved, s_tokens, s_tokens.Length);
        using var state = new MemoryStream();
        from.Save(saved, state);
        state.Position = 0;
        StringAssert.Contains(Assert.ThrowsExactly<EdgeLlmException>(() => to.Load(loaded, state)).Message, "of another model");
    }

    [TestMethod]
    public void AnotherPreTokenizerCanBeNamed()
    {
        using MadeVocabulary known = MadeVocabulary.OfBytePairs("gpt2", "llama-bpe"), made = MadeVocabulary.OfBytePairs("gpt2", "gpt-2");
        const string Text = "it's 1234567 words";
        CollectionAssert.AreNotEqual(known.Tokenizer.Encode(Text), made.Tokenizer.Encode(Text));
        CollectionAssert.AreEqual(known.Tokenizer.Encode(Text), Read("tokenizer.ggml.pre=str:llama-bpe").Encode(Text));
        StringAssert.Contains(Assert.ThrowsExactly<EdgeLlmException>(() => Read("tokenizer.ggml.pre=str:of-tomorrow")).Message, "\"of-tomorrow\" is not known");

        Tokenizer Read(string text)
        {
            using GgufFile file = GgufFile.Open(made.Path, new GgufOpenOptions { Overrides = [MetadataOverride.Parse(text)] });
            return Tokenizer.FromGguf(file.Metadata);
        }
    }

    private static GgufFile Open(GgufWriter writer, params string[] overrides)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, SampleGguf.Bytes(writer));
            return GgufFile.Open(path, new GgufOpenOptions { UseMmap = false, Overrides = [.. overrides.Select(MetadataOverride.Parse)] });
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static float[] Logits(LanguageModel model)
    {
        using Context context = model.CreateContext(new ContextOptions { ContextSize = 64, Threads = 1, LogitsRows = 6 });
        return context.AllLogits(s_tokens, 6);
    }
}
