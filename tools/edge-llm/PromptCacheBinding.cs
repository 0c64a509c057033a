using System.CommandLine;

namespace Edge.Llm.Cli;

/// <summary>The options of commands that keep texts on disk.</summary>
internal sealed class PromptCacheBinding
{
    private const int DefaultMegabytes = 4096;

    private readonly Option<string?> _folder = Opt.Text("--prompt-cache", [], "Keep what was computed of prompts and answers in this folder, for later runs.", "DIR");
    private readonly Option<int> _size = Opt.Integer("--prompt-cache-mib", [], "MiB that the files in it may take; those used least recently are deleted.", DefaultMegabytes, 0);

    public PromptCacheBinding AddTo(Command command)
    {
        command.Add(_folder);
        command.Add(_size);
        return this;
    }

    public ContextOptions Context(ParseResult parsed, ContextOptions options) =>
        options with { PromptCache = parsed.GetValue(_folder), PromptCacheBytes = (long)parsed.GetValue(_size) << 20 };

    /// <summary>Says what went wrong with the files.</summary>
    public static void Warn(Context context)
    {
        if (context.PromptCacheWarning is { } warning) Console.Error.WriteLine("edge-llm: " + Failure.OneLine(warning));
    }
}
