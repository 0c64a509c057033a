using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>edge-llm convert.</summary>
[TestClass]
public sealed class ConvertTests
{
    [TestMethod]
    public void AFolderBecomesAModelThatRuns()
    {
        using HfModel model = new HfModel("llama", "BF16").Write(shards: 2);
        string target = model.In("out.gguf");
        CommandLine.Result result = CommandLine.Run("convert", model.Folder, "-o", target);
        Assert.AreEqual((0, "", ""), (result.ExitCode, result.Output, result.Error));
        result = CommandLine.Run("run", "-m", target, "-p", "hi", "-n", "3", "--temp", "0");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        foreach ((string name, GgmlType type) in ((string, GgmlType)[])[("f16", GgmlType.F16), ("Q8_0", GgmlType.Q8_0), ("auto", GgmlType.BF16), ("f32", GgmlType.F32)])
        {
            Assert.AreEqual(0, CommandLine.Run("convert", model.Folder, "-o", target, "--outtype", name).ExitCode);
            using GgufFile file = GgufFile.Open(target);
            Assert.AreEqual(type, file.GetTensor("blk.0.ffn_down.weight").Type);
        }
        Assert.IsEmpty(Directory.GetFiles(model.Folder, "*.tmp"));
    }

    [TestMethod]
    public void WhatAFileCannotSayIsTold()
    {
        using HfModel model = new HfModel("llama").Write();
        model.Write("generation_config.json", new System.Text.Json.Nodes.JsonObject { ["temperature"] = 0.6 });
        CommandLine.Result result = CommandLine.Run("convert", model.Folder, "-o", model.In("out.gguf"));
        Assert.AreEqual((0, "edge-llm: settings of generation are not part of a GGUF file: temperature 0.6\n"), (result.ExitCode, result.Error));
        model.Config["logit_scale"] = 2;
        model.Write("config.json", model.Config);
        CommandLine.AssertUsageError(CommandLine.Run("convert", model.Folder, "-o", model.In("x")), "config.json: logit_scale: a key that is not known here");
    }

    [TestMethod]
    public void MistakesAreTold()
    {
        using HfModel model = new HfModel("llama").Write();
        CommandLine.AssertUsageError(CommandLine.Run("convert", model.Folder), "-o FILE");
        CommandLine.AssertUsageError(CommandLine.Run("convert", "/no/such/folder", "-o", model.In("x")), "/no/such/folder: no such folder");
        CommandLine.AssertUsageError(CommandLine.Run("convert", model.In("config.json"), "-o", model.In("x")), "not a folder");
        CommandLine.AssertUsageError(CommandLine.Run("convert", model.Folder, "-o", "/no/such/folder/x"), "cannot write /no/such/folder/x");
        CommandLine.AssertUsageError(CommandLine.Run("convert", model.Folder, "-o", model.In("x"), "--outtype", "q4_k"), "--outtype: expected f32, f16, bf16, q8_0, auto");
        model.Config["model_type"] = "rwkv";
        model.Write("config.json", model.Config);
        CommandLine.AssertUsageError(CommandLine.Run("convert", model.Folder, "-o", model.In("x")), "model_type 'rwkv'", "qwen3");
        Assert.IsFalse(File.Exists(model.In("x")));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AFullDiskIsAnError()
    {
        using HfModel model = new HfModel("llama").Write();
        CommandLine.AssertUsageError(CommandLine.Run("convert", model.Folder, "-o", "/dev/full"), "cannot write /dev/full", "No space left");
    }
}
