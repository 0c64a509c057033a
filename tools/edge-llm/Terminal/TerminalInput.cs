using System.Runtime.InteropServices;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Lines from a person at a terminal, edited on the screen.</summary>
internal sealed unsafe partial class TerminalInput(Output output, History history)
{
    private const int StandardInput = 0, EscapeMilliseconds = 50, EINTR = 4, MaxRead = 4096; // as much as a line discipline holds
    private const byte CtrlD = 4;
    private const short PollIn = 1;
    private const string BracketedPasteOn = "\e[?2004h";
    private const string ModesOff = "\e[?2004l\e[?1l\e>"; // the last two: keypad and arrow keys, which System.Console switches when asked for the size

    private readonly KeyDecoder _decoder = new();
    private readonly Queue<Key> _keys = new(); // typed ahead

    /// <summary>Whether lines can be edited: a terminal at both ends that understands escape sequences. (A Windows console edits by itself.)</summary>
    public static bool IsPossible => !OperatingSystem.IsWindows() && !Console.IsInputRedirected && !Console.IsOutputRedirected
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Reads until Enter, Ctrl-C, or Ctrl-D on an empty line: <see cref="EditResult.Submit"/>, Interrupt or EndOfInput.</summary>
    public EditResult ReadLine(string prompt, out string text)
    {
        using var raw = new RawMode(SwitchModesOff);
        TakeTypedAhead();
        var editor = new LineEditor(history.Entries);
        var view = new LineView(prompt);
        (int columns, int rows) = Size();
        Show(BracketedPasteOn + view.Draw("", 0, columns, rows));
        EditResult result = EditResult.Continue;
        while (result is EditResult.Continue or EditResult.ClearScreen)
        {
            if (_keys.Count == 0 && !ReadKeys())
            {
                result = EditResult.EndOfInput;
                break;
            }
            while (_keys.Count > 0 && result == EditResult.Continue) result = editor.Apply(_keys.Dequeue());
            (columns, rows) = Size();
            if (result == EditResult.ClearScreen)
            {
                Show(view.ClearScreen());
                result = EditResult.Continue;
            }
            if (result == EditResult.Continue) Show(view.Draw(editor.Text, editor.Cursor, columns, rows));
        }
        Show(view.Finish(editor.Text, columns, rows) + ModesOff);
        text = editor.Text;
        return result;
    }

    private void Show(string text)
    {
        output.Write(text);
        output.Flush();
    }

    // A signal ends the process.
    private static void SwitchModesOff()
    {
        try
        {
            using var last = new Output();
            last.Write(ModesOff);
        }
        catch (IOException)
        {
            // The terminal is gone.
        }
    }

    // What was typed while an answer was printed and the line discipline was on. Linux keeps there the Ctrl-D that ended a line as 0.
    private void TakeTypedAhead()
    {
        if (!Waits(milliseconds: 0)) return;
        byte* bytes = stackalloc byte[MaxRead];
        nint count = Read(StandardInput, bytes, MaxRead);
        if (count <= 0) return; // the next read meets the same
        var typed = new Span<byte>(bytes, (int)count);
        typed.Replace((byte)0, CtrlD);
        Enqueue(typed);
    }

    // At least one key, or false: the terminal is gone.
    private bool ReadKeys()
    {
        byte* bytes = stackalloc byte[MaxRead];
        while (_keys.Count == 0)
        {
            // A lone escape character is the Escape key; a sequence follows its own at once.
            if (_decoder.AtEscape && !Waits(EscapeMilliseconds)) _decoder.ForgetEscape();
            nint count = Read(StandardInput, bytes, MaxRead);
            if (count > 0) Enqueue(new ReadOnlySpan<byte>(bytes, (int)count));
            else if (count == 0 || Marshal.GetLastPInvokeError() != EINTR) return false;
        }
        return true;
    }

    private void Enqueue(ReadOnlySpan<byte> bytes)
    {
        var keys = new List<Key>();
        _decoder.Feed(bytes, keys);
        foreach (Key key in keys) _keys.Enqueue(key);
    }

    // Whether something waits to be read; an error is found by the read.
    private static bool Waits(int milliseconds)
    {
        var poll = new PollFile { File = StandardInput, Events = PollIn };
        int ready;
        do ready = Poll(&poll, 1, milliseconds);
        while (ready < 0 && Marshal.GetLastPInvokeError() == EINTR);
        return ready != 0;
    }

    private static (int Columns, int Rows) Size()
    {
        int columns = 0, rows = 0;
        try
        {
            (columns, rows) = (Console.WindowWidth, Console.WindowHeight);
        }
        catch (IOException)
        {
            // Serial lines have no size.
        }
        return (columns > 0 ? columns : 80, rows > 0 ? rows : 24);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFile
    {
        public int File;
        public short Events, Returned;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollFile* files, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int file, byte* buffer, nuint count);
}
