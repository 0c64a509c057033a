using System.Globalization;
using System.Text;

namespace Edge.Llm.Cli.Terminal;

/// <summary>What a key has led to.</summary>
internal enum EditResult { Continue, Submit, Interrupt, EndOfInput, ClearScreen }

/// <summary>One text that is being edited, which may have several lines: keys in, text and cursor out. The cursor moves by what a reader
/// calls a character (a grapheme cluster).</summary>
internal sealed class LineEditor(IReadOnlyList<string> history)
{
    private int _entry = history.Count; // which text of the history is shown; behind the last one stands the draft
    private string _draft = "", _killed = "";

    public string Text { get; private set; } = "";

    /// <summary>A position in the text, 0 to its length.</summary>
    public int Cursor { get; private set; }

    public EditResult Apply(Key key)
    {
        switch (key.Kind)
        {
            case KeyKind.Enter: return EditResult.Submit;
            case KeyKind.Interrupt: return EditResult.Interrupt;
            case KeyKind.ClearScreen: return EditResult.ClearScreen;
            case KeyKind.EndOfInput when Text.Length == 0: return EditResult.EndOfInput;
            case KeyKind.Text: Insert(key.Text); break;
            case KeyKind.Tab: Insert("\t"); break;
            case KeyKind.NewLine: Insert("\n"); break;
            case KeyKind.Yank: Insert(_killed); break;
            case KeyKind.Backspace: Remove(Previous(Cursor), Cursor); break;
            case KeyKind.Delete or KeyKind.EndOfInput: Remove(Cursor, Next(Cursor)); break;
            case KeyKind.Left: Cursor = Previous(Cursor); break;
            case KeyKind.Right: Cursor = Next(Cursor); break;
            case KeyKind.WordLeft: Cursor = WordStart(Cursor); break;
            case KeyKind.WordRight: Cursor = WordEnd(Cursor); break;
            case KeyKind.Home: Cursor = LineStart(Cursor); break;
            case KeyKind.End: Cursor = LineEnd(Cursor); break;
            case KeyKind.KillToStart: Kill(LineStart(Cursor), Cursor); break;
            case KeyKind.KillToEnd: Kill(Cursor, LineEnd(Cursor)); break;
            case KeyKind.KillWordLeft: Kill(BlankBefore(Cursor), Cursor); break;
            case KeyKind.KillWordRight: Kill(Cursor, WordEnd(Cursor)); break;
            case KeyKind.Up: Vertically(-1); break;
            case KeyKind.Down: Vertically(+1); break;
        }
        return EditResult.Continue;
    }

    private void Insert(string text)
    {
        Text = Text.Insert(Cursor, text);
        Cursor += text.Length;
    }

    private void Remove(int start, int end)
    {
        Text = Text.Remove(start, end - start);
        Cursor = start;
    }

    private void Kill(int start, int end)
    {
        if (start == end) return;
        _killed = Text[start..end];
        Remove(start, end);
    }

    // To the neighbouring line of the text, or from its first or last line to the neighbouring text of the history.
    private void Vertically(int step)
    {
        int start = LineStart(Cursor), end = LineEnd(Cursor), column = Cursor - start;
        if (step < 0 && start > 0) Cursor = OnBoundary(Math.Min(LineStart(start - 1) + column, start - 1));
        else if (step > 0 && end < Text.Length) Cursor = OnBoundary(Math.Min(end + 1 + column, LineEnd(end + 1)));
        else Recall(_entry + step);
    }

    private void Recall(int entry)
    {
        if (entry < 0 || entry > history.Count) return;
        if (_entry == history.Count) _draft = Text;
        _entry = entry;
        Text = entry == history.Count ? _draft : history[entry];
        Cursor = Text.Length;
    }

    private int LineStart(int at) => at == 0 ? 0 : Text.LastIndexOf('\n', at - 1) + 1;

    private int LineEnd(int at) => Text.IndexOf('\n', at) is >= 0 and int end ? end : Text.Length;

    private int Next(int at) => at == Text.Length ? at : at + StringInfo.GetNextTextElementLength(Text, at);

    private int Previous(int at)
    {
        int start = LineStart(at);
        return start == at ? Math.Max(0, at - 1) : OnBoundary(at - 1);
    }

    // The start of the character that the position is in.
    private int OnBoundary(int at)
    {
        int character = LineStart(at), next = character;
        while (next <= at)
        {
            character = next;
            if (character == Text.Length) break;
            next = Next(character);
        }
        return character;
    }

    private int WordStart(int at)
    {
        while (at > 0 && !IsWord(at - 1)) at--;
        while (at > 0 && IsWord(at - 1)) at--;
        return at;
    }

    private int WordEnd(int at)
    {
        while (at < Text.Length && !IsWord(at)) at++;
        while (at < Text.Length && IsWord(at)) at++;
        return at;
    }

    private int BlankBefore(int at)
    {
        while (at > 0 && char.IsWhiteSpace(Text[at - 1])) at--;
        while (at > 0 && !char.IsWhiteSpace(Text[at - 1])) at--;
        return at;
    }

    // Marks belong to the letter before them; both halves of a surrogate pair answer alike.
    private bool IsWord(int at)
    {
        if (char.IsLowSurrogate(Text[at]) && at > 0) at--;
        return Rune.TryGetRuneAt(Text, at, out Rune rune) && (Rune.IsLetterOrDigit(rune) || rune.Value is '_' or '\'' or 0x200D
            || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
                or UnicodeCategory.OtherSymbol or UnicodeCategory.ModifierSymbol);
    }
}
