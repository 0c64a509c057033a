using System.CommandLine;

namespace Edge.Llm.Cli;

/// <summary>Options of llama.cpp that change nothing here, so that its command lines run. What would change something is refused.</summary>
internal static class LlamaCppOptions
{
    private static readonly string[] s_settings = ["on", "off", "auto", "enabled", "disabled", "true", "false", "1", "0", "-1"];

    // Older versions of llama.cpp have no value for them.
    private static readonly string[] s_switches = ["-fa", "--flash-attn", "-co", "--color"];

    /// <summary>How attention is computed: in blocks, always, with the same result.</summary>
    public static Option FlashAttention() => Switch("--flash-attn", "-fa");

    /// <summary>Adds those of a command that generates.</summary>
    /// <param name="command">The command.</param>
    /// <param name="converses">Whether it is a conversation: llama.cpp has one program for both.</param>
    public static void AddTo(Command command, bool converses)
    {
        Option<bool> conversation = Hidden("--conversation", "-cnv"), none = Hidden("--no-conversation", "-no-cnv");
        string wrong = converses ? "--no-conversation: chat is a conversation; edge-llm run continues a text"
            : "--conversation: run continues a text; edge-llm chat is a conversation";
        (converses ? none : conversation).Validators.Add(result =>
        {
            if (!result.Implicit) result.AddError(wrong); // an option that is not there is validated as well
        });
        foreach (Option option in (Option[])[conversation, none, Switch("--color", "-co"), Hidden("--no-display-prompt"), Hidden("--no-warmup"),
            Hidden("--no-context-shift")])
            command.Add(option);
    }

    /// <summary>The command line with a value for each switch that has none, and one for --lora-scaled, which older versions gave two.</summary>
    public static string[] Complete(string[] args)
    {
        var complete = new List<string>();
        int end = Array.IndexOf(args, "--");
        for (int i = 0; i < args.Length; i++)
        {
            complete.Add(args[i]);
            bool isOption = end < 0 || i < end, isSwitch = isOption && s_switches.Contains(args[i]);
            if (isOption && args[i] == "--lora-scaled" && i + 2 < args.Length && AdapterOptionsBinding.Split(args[i + 1]) is null
                && AdapterOptionsBinding.Split($"x:{args[i + 2]}") is not null)
            {
                complete.Add($"{args[i + 1]}:{args[i + 2]}");
                i += 2;
            }
            if (isSwitch && (i + 1 == args.Length || !s_settings.Contains(args[i + 1]))) complete.Add("on");
        }
        return [.. complete];
    }

    private static Option<string> Switch(string name, string alias)
    {
        Option<string> option = Opt.Choice(name, [alias], "", "on", [.. s_settings.Select(setting => (setting, setting))]);
        option.Hidden = true;
        return option;
    }

    private static Option<bool> Hidden(string name, params string[] aliases)
    {
        Option<bool> option = Opt.Flag(name, "", aliases);
        option.Hidden = true;
        return option;
    }
}
