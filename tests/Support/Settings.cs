using System.Globalization;

namespace Edge.Llm.Tests.Support;

/// <summary>What the environment asks of a test run.</summary>
internal static class Settings
{
    /// <summary>EDGE_LLM_FULL=1: the long form of the tests that have one.</summary>
    public static bool Full { get; } = Environment.GetEnvironmentVariable("EDGE_LLM_FULL") == "1";

    /// <summary>EDGE_LLM_LOAD_MINUTES: how long the load test runs in full; 30 minutes if it is not set.</summary>
    public static TimeSpan LoadTime { get; } =
        TimeSpan.FromMinutes(double.Parse(Environment.GetEnvironmentVariable("EDGE_LLM_LOAD_MINUTES") ?? "30", CultureInfo.InvariantCulture));

    /// <summary>EDGE_LLM_CLI: an executable to test instead of the one built with the tests, or null.</summary>
    public static string? Cli { get; } = Path("EDGE_LLM_CLI");

    /// <summary>EDGE_LLM_NATIVE: the folder that the C library was published to, or null.</summary>
    public static string? Native { get; } = Path("EDGE_LLM_NATIVE");

    /// <summary>EDGE_LLM_TOKENIZERS: the folder that Hugging Face's tokenizers library was installed to (npm install --prefix). Without it the test
    /// is inconclusive.</summary>
    public static string Tokenizers()
    {
        if (Path("EDGE_LLM_TOKENIZERS") is { } folder) return folder;
        Assert.Inconclusive("EDGE_LLM_TOKENIZERS is not set: the folder of npm install --prefix FOLDER tokenizers@0.23.2");
        return "";
    }

    /// <summary>EDGE_LLM_ONNX: the program built from tests/onnx. Without it the test is inconclusive.</summary>
    public static string Onnx()
    {
        if (Path("EDGE_LLM_ONNX") is { } program) return program;
        Assert.Inconclusive("EDGE_LLM_ONNX is not set: the program that dotnet build -c Release tests/onnx makes");
        return "";
    }

    /// <summary>EDGE_LLM_AJV: the folder that the JSON Schema validator ajv was installed to (npm install --prefix). Without it the test is
    /// inconclusive.</summary>
    public static string Ajv()
    {
        if (Path("EDGE_LLM_AJV") is { } folder) return folder;
        Assert.Inconclusive("EDGE_LLM_AJV is not set: the folder of npm install --prefix FOLDER ajv@8.20.0 ajv-formats@3.0.1");
        return "";
    }

    /// <summary>EDGE_LLM_CLIENTS: the folder that the server's clients were installed to (npm install --prefix; .ci/run has their versions). Without it
    /// the test is inconclusive.</summary>
    public static string Clients()
    {
        if (Path("EDGE_LLM_CLIENTS") is { } folder) return folder;
        Assert.Inconclusive("EDGE_LLM_CLIENTS is not set: the folder of npm install --prefix FOLDER with the server's clients");
        return "";
    }

    /// <summary>EDGE_LLM_PLAYWRIGHT: the folder that playwright-core was installed to (npm install --prefix). Without it the test is
    /// inconclusive.</summary>
    public static string Playwright()
    {
        if (Path("EDGE_LLM_PLAYWRIGHT") is { } folder) return folder;
        Assert.Inconclusive("EDGE_LLM_PLAYWRIGHT is not set: the folder of npm install --prefix FOLDER playwright-core@1.65.1");
        return "";
    }

    /// <summary>EDGE_LLM_CHROMIUM: the browser that the web page is tried in.</summary>
    public static string Chromium { get; } = Path("EDGE_LLM_CHROMIUM") ?? "/usr/bin/chromium";

    /// <summary>A file of the folder that EDGE_LLM_SHARED names, which has models, vocabularies and the reference tools. Without it the test is
    /// inconclusive.</summary>
    public static string Shared(params string[] path)
    {
        if (Path("EDGE_LLM_SHARED") is not { } folder)
        {
            Assert.Inconclusive("EDGE_LLM_SHARED is not set");
            return "";
        }
        return System.IO.Path.Combine([folder, .. path]);
    }

    /// <summary>Ends a test that runs only in full.</summary>
    public static void RequireFull()
    {
        if (!Full) Assert.Inconclusive("EDGE_LLM_FULL is not set");
    }

    private static string? Path(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } path ? path : null;
}
