using System.Diagnostics;
using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>A program at a terminal, driven as a person would: type, and wait for what appears. Python's pty module makes the terminal.</summary>
internal sealed class PseudoTerminal : IDisposable
{
    private const string Relay =
        "import os, pty, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

    private readonly Process _process;
    private readonly Task _reading;
    private readonly StringBuilder _screen = new();
    private int _seen;

    /// <summary>Starts a program in a folder, where it may keep a history.</summary>
    public PseudoTerminal(string folder, params string[] program)
    {
        var start = new ProcessStartInfo("python3")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.UTF8, WorkingDirectory = folder,
        };
        foreach (string argument in (string[])["-c", Relay, .. program]) start.ArgumentList.Add(argument);
        start.Environment["TERM"] = "xterm";
        start.Environment["XDG_STATE_HOME"] = folder;
        start.Environment.Remove("EDGE_LLM_MODEL");
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Inconclusive("there is no python3 to make a terminal");
            throw;
        }
        _reading = Task.Run(Read);
    }

    /// <summary>All that has appeared so far.</summary>
    public string Screen
    {
        get
        {
            lock (_screen) return _screen.ToString();
        }
    }

    public void Type(string keys)
    {
        _process.StandardInput.Write(keys);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits until this appears, behind what was waited for before.</summary>
    public void WaitFor(string text)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            string screen = Screen;
            if (screen.IndexOf(text, _seen, StringComparison.Ordinal) is >= 0 and int at)
            {
                _seen = at + text.Length;
                return;
            }
            if (_reading.IsCompleted && screen == Screen) Assert.Fail($"'{text}' did not appear before the end:\n{screen[_seen..]}");
            if (Stopwatch.GetElapsedTime(start) > CommandLine.Patience) Assert.Fail($"'{text}' does not appear:\n{screen[_seen..]}");
            Thread.Sleep(5);
        }
    }

    /// <summary>Waits for the end of the program; its exit code.</summary>
    public int WaitForExit()
    {
        Assert.IsTrue(_process.WaitForExit(CommandLine.Patience), $"still running:\n{Screen[_seen..]}");
        _reading.Wait(CommandLine.Patience);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private void Read()
    {
        char[] buffer = new char[4096];
        while (_process.StandardOutput.Read(buffer) is > 0 and int count)
            lock (_screen)
                _screen.Append(buffer, 0, count);
    }
}
