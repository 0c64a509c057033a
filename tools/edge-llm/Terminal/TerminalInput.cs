using System.Runtime.InteropServices;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Lines from a person at a terminal, edited on the screen.</summary>
internal sealed unsafe partial class TerminalInput(Output output, History history)
{
    private const int StandardInput = 0, EscapeMilliseconds = 50, EINTR = 4;
    private const short PollIn = 1;
    private const string BracketedPasteOn = "\e[?2004h", BracketedPasteOff = "\e[?2004l";

    private readonly KeyDecoder _decoder = new();
    private readonly Queue<Key> _keys = new(); // typed ahead

    /// <summary>Whether lines can be edited: a terminal at both ends that understands escape sequences. (A Windows console edits by itself.)</summary>
    public static bool IsPossible => !OperatingSystem.IsWindows() && !Console.IsInputRedirected && !Console.IsOutputRedirected
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Reads until Enter, Ctrl-C, or Ctrl-D on an empty line: <see cref="EditResult.Submit"/>, Interrupt or EndOfInput.</summary>
    public EditResult ReadLine(string prompt, out string text)
    {
        using var raw = new RawMode();
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
        Show(view.Finish(editor.Text, columns, rows) + BracketedPasteOff);
        text = editor.Text;
        return result;
    }

    private void Show(string text)
    {
        output.Write(text);
        output.Flush();
    }

    // At least one key, or false: the terminal is gone.
    private bool ReadKeys()
    {
        byte* bytes = stackalloc byte[4096];
        var keys = new List<Key>();
        while (keys.Count == 0)
        {
            // A lone escape character is the Escape key; a sequence follows its own at once.
            var poll = new PollFile { File = StandardInput, Events = PollIn };
            if (_decoder.AtEscape && Poll(&poll, 1, EscapeMilliseconds) == 0) _decoder.ForgetEscape();
            nint count = Read(StandardInput, bytes, 4096);
            if (count > 0) _decoder.Feed(new ReadOnlySpan<byte>(bytes, (int)count), keys);
            else if (count == 0 || Marshal.GetLastPInvokeError() != EINTR) return false;
        }
        foreach (Key key in keys) _keys.Enqueue(key);
        return true;
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
