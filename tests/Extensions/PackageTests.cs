using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Extensions;

/// <summary>The packages, each installed in an empty project.</summary>
[TestClass]
public sealed class PackageTests
{
    // Saving a sequence takes a checksum from System.IO.Hashing.
    private const string UsesTheEngine = """
        using Edge.Llm;
        using LanguageModel model = LanguageModel.Open(args[0]);
        using Context context = model.CreateContext();
        using var sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(sequence, [3, 4, 5]);
        Console.WriteLine(context.Forward(batch)[0].Length);
        using var state = new MemoryStream();
        context.Save(sequence, state);
        Console.WriteLine(state.Length == Context.SavedBytes(sequence));
        """;

    private const string UsesTheInterfaces = """
        using Edge.Llm;
        using Edge.Llm.Extensions.AI;
        using Microsoft.Extensions.AI;
        using LanguageModel model = LanguageModel.Open(args[0]);
        using IChatClient client = new EdgeLlmChatClient(model);
        ChatResponse answer = await client.GetResponseAsync("abc", new ChatOptions { MaxOutputTokens = 3, Temperature = 0 });
        Console.WriteLine(answer.Usage!.OutputTokenCount);
        using IEmbeddingGenerator<string, Embedding<float>> embedder = new EdgeLlmEmbeddingGenerator(model);
        Console.WriteLine((await embedder.GenerateVectorAsync("abc")).Length);
        """;

    [TestMethod]
    public void TheEngineInstallsInAnEmptyProjectAndRuns() => InstallsAndRuns("Edge.Llm", UsesTheEngine, $"{TinyModel.Vocab}\nTrue\n",
        "lib/net10.0/Edge.Llm.dll", "lib/net10.0/Edge.Llm.xml", "README.md");

    [TestMethod]
    public void TheInterfacesInstallInAnEmptyProjectAndRun() => InstallsAndRuns("Edge.Llm.Extensions.AI", UsesTheInterfaces, "3\n256\n",
        "lib/net10.0/Edge.Llm.Extensions.AI.dll", "lib/net10.0/Edge.Llm.Extensions.AI.xml");

    private static void InstallsAndRuns(string name, string program, string expected, params string[] contents)
    {
        string root = RepositoryFiles.Root(), folder = Directory.CreateTempSubdirectory("edge-llm-package").FullName;
        string packages = Path.Combine(folder, "packages"), project = Path.Combine(folder, "project");
        try
        {
            // A version of its own: another one of this name may be in the cache.
            string version = $"0.1.0-test.{DateTime.UtcNow.Ticks}";
            string configuration = Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/'))!);
            foreach (string source in (string[])["engine", "extensions/Edge.Llm.Extensions.AI"])
                Dotnet(root, "pack", Path.Combine(root, source), "--no-build", "-c", configuration, "-o", packages, $"-p:PackageVersion={version}", "-v", "q", "-nologo");
            using (ZipArchive package = ZipFile.OpenRead(Path.Combine(packages, $"{name}.{version}.nupkg")))
                CollectionAssert.IsSubsetOf(contents, package.Entries.Select(entry => entry.FullName).ToArray());

            // What the packages need of others was restored for the tests.
            string restored = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } cache
                ? cache : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
            Directory.CreateDirectory(project);
            File.WriteAllText(Path.Combine(project, "project.csproj"), $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <OutputType>Exe</OutputType>
                    <TargetFramework>net10.0</TargetFramework>
                    <ImplicitUsings>enable</ImplicitUsings>
                    <RestorePackagesPath>{folder}/cache</RestorePackagesPath>
                    <RestoreSources>{packages};{restored}</RestoreSources>
                  </PropertyGroup>
                  <ItemGroup>
                    <PackageReference Include="{name}" Version="{version}" />
                  </ItemGroup>
                </Project>
                """);
            File.WriteAllText(Path.Combine(project, "Program.cs"), program);
            using var model = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "{% for m in messages %}{{ m.content }}{% endfor %}");
            Assert.AreEqual(expected, Dotnet(project, "run", "--project", project, "--", model.File));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Dotnet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder, StandardOutputEncoding = Encoding.UTF8,
        };
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode, $"dotnet {string.Join(' ', arguments)}\n{output}\n{error.Result}");
        return output;
    }
}
