namespace Edge.Llm.Cli.Terminal;

/// <summary>What a key asks of a line editor.</summary>
internal enum KeyKind
{
    /// <summary>Characters to insert: typed, or pasted as a whole.</summary>
    Text,
    Enter,

    /// <summary>A line break inside the text (Alt-Enter).</summary>
    NewLine,
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    Home,
    End,
    KillToStart,
    KillToEnd,
    KillWordLeft,
    KillWordRight,
    Yank,
    ClearScreen,
    Interrupt,

    /// <summary>Ctrl-D: deletes in a text, ends the input on an empty line.</summary>
    EndOfInput,
}

/// <summary>A key; only <see cref="KeyKind.Text"/> has a text.</summary>
internal readonly record struct Key(KeyKind Kind, string Text = "");
