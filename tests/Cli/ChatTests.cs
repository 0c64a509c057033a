using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>Talking through pipes, and as a person at a terminal.</summary>
[TestClass]
public sealed class ChatTests
{
    private const int One = ScriptedModel.FirstWord, Two = One + 1, Three = One + 2;

    // The model sees the texts alone, so that the last word decides on the answer.
    private const string Template = "{% for message in messages %}{{ message.content }}{% endfor %}";
    private const string Prompt = "> ", Notice = "(Ctrl-C again or Ctrl-D ends)";
    private static ScriptedModel s_story = null!, s_circle = null!;
    private string _folder = null!;

    [ClassInitialize]
    public static void MakeModels(TestContext context)
    {
        string[] words = ["▁one", "▁two", "▁three", "▁four"];
        s_story = new ScriptedModel(words, One, Two, Three, One + 3);
        s_circle = new ScriptedModel(words, One, Two, One);
    }

    [ClassCleanup]
    public static void DeleteModels()
    {
        s_story.Dispose();
        s_circle.Dispose();
    }

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void PipedLinesAreMessagesAndAnswersAreAllThatIsPrinted()
    {
        CommandLine.Result result = CommandLine.Run(Arguments(s_story), Encoding.UTF8.GetBytes("one\n\n/stats\r\n and two\n"));
        Assert.AreEqual((0, " two three four\n\n three four\n"), (result.ExitCode, result.Output), result.Error);
        Assert.AreEqual(3, result.Error.Split("finish: eos").Length - 1);
        Assert.DoesNotContain("\e", result.Error);
    }

    [TestMethod]
    public void TheFirstMessageMayStandOnTheCommandLine()
    {
        CommandLine.Result result = CommandLine.Run([.. Arguments(s_story), "-p", "one"], "a two"u8.ToArray());
        Assert.AreEqual((0, " two three four\n three four\n"), (result.ExitCode, result.Output), result.Error);
        Assert.AreEqual(" two three four\n", CommandLine.Run([.. Arguments(s_story), "-p", "one"]).Output);
    }

    [TestMethod]
    public void AFullContextIsToldAndTheChatGoesOn()
    {
        string lines = string.Concat(Enumerable.Repeat("so one\n", 40));
        CommandLine.Result result = CommandLine.Run([.. Arguments(s_story), "-c", "64"], Encoding.UTF8.GetBytes(lines));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        Assert.AreEqual(string.Concat(Enumerable.Repeat(" two three four\n", 40)), result.Output);
        string[] notices = [.. result.Error.Split('\n').Where(line => line.Contains("the context of 64 tokens is full"))];
        Assert.IsGreaterThan(1, notices.Length, result.Error);
        Assert.IsLessThan(20, notices.Length, result.Error);
    }

    [TestMethod]
    public void AMessageThatDoesNotFitIsAnError()
    {
        CommandLine.Result result = CommandLine.Run([.. Arguments(s_story), "-c", "16"], "a message of more bytes than there are places\n"u8.ToArray());
        CommandLine.AssertUsageError(result, "16");
    }

    [TestMethod]
    public void ATemplateMayComeFromAFile()
    {
        string file = Path.Combine(_folder, "template.jinja");
        File.WriteAllText(file, "{% for m in messages %}{{ m.content }}{% endfor %}");
        CommandLine.Result result = CommandLine.Run(["chat", "-m", s_story.File, "--temp", "0", "--chat-template", "@" + file], "one"u8.ToArray());
        Assert.AreEqual((0, " two three four\n"), (result.ExitCode, result.Output), result.Error);
        CommandLine.AssertUsageError(CommandLine.Run("chat", "-m", s_story.File, "--chat-template", "@" + file + "x"), "no such file");
        CommandLine.AssertUsageError(CommandLine.Run("chat", "-m", s_story.File, "--chat-template", "nonsense"), "--chat-template", "'nonsense'", "chatml");
        CommandLine.AssertUsageError(CommandLine.Run("chat", "-m", s_story.File, "--chat-template", "{% if %}"), "line 1");
    }

    [TestMethod]
    public void TheModelsOwnTemplateIsTheDefault()
    {
        using var model = new ScriptedModel(["▁one", "▁two"], [One, Two], "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %} one{% endif %}");
        CommandLine.Result result = CommandLine.Run(["chat", "-m", model.File, "--temp", "0"], "anything"u8.ToArray());
        Assert.AreEqual((0, " two\n"), (result.ExitCode, result.Output), result.Error);
        Assert.DoesNotContain("template", result.Error);
    }

    [TestMethod]
    public void AModelWithoutATemplateGetsOneAndALineSaysWhich()
    {
        CommandLine.Result result = CommandLine.Run(["chat", "-m", s_story.File, "--temp", "0"], "one"u8.ToArray());
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, "edge-llm: the model has no chat template: taking plain");
    }

    [TestMethod]
    public void APersonEditsAndIsAnswered()
    {
        using PseudoTerminal terminal = Chat(s_story);
        terminal.WaitFor(Prompt);
        terminal.Type("\e[200~th ox\e[201~\e[D\e[D\u0001\e[C\e[C\x0b one\e[D\e[D\e[Dd \r"); // "th one", with a detour
        terminal.WaitFor(" two three four\r\n");
        terminal.WaitFor(Prompt);
        terminal.Type("two\\\r");
        terminal.WaitFor(". ");
        terminal.Type(" one\r");
        terminal.WaitFor(" two three four\r\n");
        terminal.WaitFor(Prompt);
        terminal.Type("/save " + Path.Combine(_folder, "chat.json") + "\r");
        terminal.WaitFor("4 messages saved");
        terminal.Type("\u0004");
        Assert.AreEqual(0, terminal.WaitForExit(), terminal.Screen);
        using JsonDocument saved = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "chat.json")));
        Assert.AreEqual("th d one", saved.RootElement[0].GetProperty("content").GetString());
        Assert.AreEqual("two\n one", saved.RootElement[2].GetProperty("content").GetString());
        Assert.AreEqual(("assistant", " two three four"),
            (saved.RootElement[3].GetProperty("role").GetString(), saved.RootElement[3].GetProperty("content").GetString()));
    }

    [TestMethod]
    public void CtrlCStopsTheAnswerAndNotTheProgram()
    {
        using PseudoTerminal terminal = Chat(s_circle, "-c", "400000", "-n", "-1");
        terminal.WaitFor(Prompt);
        terminal.Type("one\r");
        terminal.WaitFor(" two one two one");
        terminal.Type("\u0003");
        terminal.WaitFor("(stopped)");
        terminal.WaitFor(Prompt);
        terminal.Type("/regen\r");
        terminal.WaitFor(" two one two one");
        terminal.Type("\u0003");
        terminal.WaitFor("(stopped)");
        terminal.WaitFor(Prompt);
        terminal.Type("/stats\r");
        terminal.WaitFor("messages: 2,");
        terminal.WaitFor(Prompt);
        terminal.Type("not sent\u0003");
        terminal.WaitFor(Prompt);
        terminal.Type("x\x7f/stats\r");
        terminal.WaitFor("messages: 2,");
        terminal.WaitFor(Prompt);
        terminal.Type("\u0003");
        terminal.WaitFor(Notice);
        terminal.WaitFor(Prompt);
        terminal.Type("\u0003");
        Assert.AreEqual(0, terminal.WaitForExit(), terminal.Screen);
    }

    [TestMethod]
    public void WhatIsTypedDuringAnAnswerIsTakenAfterIt()
    {
        using PseudoTerminal terminal = Chat(s_circle, "-n", "2000");
        terminal.WaitFor(Prompt);
        terminal.Type("one\r");
        terminal.WaitFor(" two one two one");
        terminal.Type("/stats\r\u0004");
        terminal.WaitFor("messages: 2,");
        Assert.AreEqual(0, terminal.WaitForExit(), terminal.Screen);
    }

    [TestMethod]
    public void Commands()
    {
        File.WriteAllText(Path.Combine(_folder, "in.json"), """{"messages": [{"role": "user", "content": "x one"}, {"role": "assistant", "content": "no"}]}""");
        using PseudoTerminal terminal = Chat(s_story, "--system", "S");
        foreach ((string command, string expected) in (ReadOnlySpan<(string, string)>)
        [
            ("/system", "message: S\r\n"), ("/system T", "message: T\r\n"), ("/regen", "no answer"), (" one", " two three four\r\n"), ("/stats", "messages: 3, 0"), ("/stats", "finish: eos"),
            ("/load in.json", "2 messages loaded"), ("/regen", " two three four\r\n"), ("/stats", "messages: 2, 0"),
            ("/load /no/such/file", "no such file"), ("/load", "give a file"), ("/save /no/such/folder/x", "cannot write"), ("/fly", "no command /fly"),
            ("/reset", "starts over"), ("/stats", "context: 0 of"), ("/stats", "messages: 0, 0"), ("/help", "/regen"),
        ])
        {
            terminal.WaitFor(Prompt);
            terminal.Type(command + "\r");
            terminal.WaitFor(command + "\r");
            terminal.WaitFor(expected);
        }
        terminal.WaitFor("/exit");
        terminal.Type("/exit\r");
        Assert.AreEqual(0, terminal.WaitForExit(), terminal.Screen);
    }

    [TestMethod]
    public void TheHistoryOutlivesTheProgramUnlessUnwanted()
    {
        string history = Path.Combine(_folder, "edge-llm", "chat_history");
        using (PseudoTerminal terminal = Chat(s_story))
        {
            terminal.WaitFor(Prompt);
            terminal.Type("remembered one\r");
            terminal.WaitFor(" two three four\r\n");
            terminal.Type("\u0004");
            terminal.WaitForExit();
        }
        Assert.AreEqual("remembered one\n", File.ReadAllText(history));
        using (PseudoTerminal terminal = Chat(s_story))
        {
            terminal.WaitFor(Prompt);
            terminal.Type("\e[A");
            terminal.WaitFor("remembered one");
            terminal.Type("\x15/exit\r");
            terminal.WaitForExit();
        }
        using (PseudoTerminal terminal = Chat(s_story, "--no-history"))
        {
            terminal.WaitFor(Prompt);
            terminal.Type("\e[Aunseen one\r");
            terminal.WaitFor(" two three four\r\n");
            Assert.DoesNotContain("remembered", terminal.Screen);
            terminal.Type("\u0004");
            terminal.WaitForExit();
        }
        Assert.AreEqual("remembered one\n/exit\n", File.ReadAllText(history));
    }

    [TestMethod]
    public void AProcessThatWasStoppedGoesOnWithItsLine()
    {
        string chat = string.Join(' ', ((string[])[.. CommandLine.Program(), .. Arguments(s_story)]).Select(word => $"'{word}'"));
        using var terminal = new PseudoTerminal(_folder, "sh", "-c", $"echo process $$.; exec {chat}");
        terminal.WaitFor("process ");
        terminal.WaitFor(".");
        string screen = terminal.Screen;
        int process = int.Parse(screen[(screen.IndexOf("process ", StringComparison.Ordinal) + 8)..screen.IndexOf('.', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
        terminal.WaitFor(Prompt);
        terminal.Type("first one\r");
        terminal.WaitFor(" two three four\r\n");
        terminal.WaitFor(Prompt);
        foreach (string signal in (string[])["STOP", "CONT"]) Process.Start("kill", [$"-{signal}", $"{process}"]).WaitForExit();
        terminal.Type("\e[A"); // without Enter: only an editor that has every key at once shows it
        terminal.WaitFor("first one");
        terminal.Type("\u0015\u0004");
        Assert.AreEqual(0, terminal.WaitForExit(), terminal.Screen);
    }

    [TestMethod]
    [DataRow("\u0004")]
    [DataRow("\u0003\u0003")]
    public void TheTerminalIsLeftAsItWas(string keys)
    {
        string chat = string.Join(' ', ((string[])[.. CommandLine.Program(), .. Arguments(s_story)]).Select(word => $"'{word}'"));
        using var terminal = new PseudoTerminal(_folder, "sh", "-c", $"{chat}; stty -a; echo done");
        terminal.WaitFor(Prompt);
        terminal.Type(keys);
        terminal.WaitFor("done");
        if (!terminal.Screen.Contains("icanon", StringComparison.Ordinal)) Assert.Inconclusive("there is no stty");
        Assert.DoesNotContain("-icanon", terminal.Screen);
        Assert.DoesNotContain("-echo ", terminal.Screen);
        Assert.DoesNotContain("-isig", terminal.Screen);
        AssertModesAreOff(terminal.Screen);
    }

    [TestMethod]
    public void ASignalThatEndsTheProgramLeavesTheTerminalAsItWas()
    {
        using var terminal = new PseudoTerminal(_folder,
            ["sh", "-c", "sh -c 'echo pid=$$.; exec \"$@\"' sh \"$@\"; stty -a; echo done", "sh", .. CommandLine.Program(), .. Arguments(s_story)]);
        terminal.WaitFor(Prompt);
        string screen = terminal.Screen;
        int start = screen.IndexOf("pid=", StringComparison.Ordinal) + 4;
        using (Process kill = Process.Start("kill", [screen[start..screen.IndexOf('.', start)]])) kill.WaitForExit();
        terminal.WaitFor("done");
        Assert.DoesNotContain("-icanon", terminal.Screen);
        AssertModesAreOff(terminal.Screen);
    }

    // Bracketed paste, and the keypad that sends other sequences.
    private static void AssertModesAreOff(string screen)
    {
        foreach (string mode in (string[])["\e[?2004", "\e[?1"])
            Assert.IsGreaterThan(screen.LastIndexOf(mode + "h", StringComparison.Ordinal), screen.LastIndexOf(mode + "l", StringComparison.Ordinal), mode);
    }

    [TestMethod]
    public void RunSendsTheTerminalNothingButText()
    {
        using var terminal = new PseudoTerminal(_folder, [.. CommandLine.Program(), "run", "-m", s_story.File, "-p", "one", "-n", "1"]);
        Assert.AreEqual(0, terminal.WaitForExit());
        StringAssert.Contains(terminal.Screen, " two");
        Assert.DoesNotContain("\e", terminal.Screen);
    }

    private static string[] Arguments(ScriptedModel model) => ["chat", "-m", model.File, "--temp", "0", "-t", "1", "--chat-template", Template];

    private PseudoTerminal Chat(ScriptedModel model, params string[] arguments) =>
        new(_folder, [.. CommandLine.Program(), .. Arguments(model), .. arguments]);
}
