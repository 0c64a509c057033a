using Edge.Llm.Cli.Terminal;

namespace Edge.Llm.Tests.Cli.Terminal;

[TestClass]
public sealed class LineEditorTests
{
    private static readonly string[] s_history = ["first", "second\nof two lines"];

    // The text, with | at the cursor.
    [TestMethod]
    [DataRow("", "ab|")]
    [DataRow("Left", "a|b")]
    [DataRow("Left Left Left", "|ab")]
    [DataRow("Left 'x'", "ax|b")]
    [DataRow("Home 'x' End 'y'", "xaby|")]
    [DataRow("Home Backspace", "|ab")]
    [DataRow("Backspace", "a|")]
    [DataRow("Home Delete", "|b")]
    [DataRow("Delete", "ab|")]
    [DataRow("Home EndOfInput", "|b")]
    [DataRow("Home Right Right Right", "ab|")]
    [DataRow("'\n' 'cd' Home", "ab\n|cd")]
    [DataRow("NewLine 'cd' Up", "ab|\ncd")]
    [DataRow("NewLine 'cdef' Up", "ab|\ncdef")]
    [DataRow("NewLine 'cdef' Up Down", "ab\ncd|ef")]
    [DataRow("NewLine NewLine Left Backspace", "ab|\n")]
    [DataRow("' cd  ef' KillWordLeft", "ab cd  |")]
    [DataRow("' cd  ' KillWordLeft", "ab |")]
    [DataRow("' cd-ef' WordLeft", "ab cd-|ef")]
    [DataRow("' cd-ef' WordLeft WordLeft WordLeft WordRight", "ab| cd-ef")]
    [DataRow("' cd' Home KillWordRight", "| cd")]
    [DataRow("' cd' Home KillWordRight End Yank", " cdab|")]
    [DataRow("' cd' WordLeft KillToStart", "|cd")]
    [DataRow("' cd' WordLeft KillToEnd", "ab |")]
    [DataRow("NewLine 'cd' Left KillToStart", "ab\n|d")]
    [DataRow("NewLine 'cd' Up Home KillToEnd", "|\ncd")]
    [DataRow("KillToStart Yank Yank", "abab|")]
    public void Keys(string keys, string expected) => Assert.AreEqual(expected, Edit($"'ab' {keys}".TrimEnd(), []));

    [TestMethod]
    [DataRow("'日本' Left", "日|本")]
    [DataRow("'日本' Backspace", "日|")]
    [DataRow("'a👩‍🚀' Backspace", "a|")] // one character of three code points
    [DataRow("'ae\u0301' Left", "a|e\u0301")]
    [DataRow("'ae\u0301' Backspace", "a|")]
    [DataRow("'🇫🇷🇩🇪' Left Delete", "🇫🇷|")]
    [DataRow("'日本 語' WordLeft", "日本 |語")]
    [DataRow("'x👍y' Left Left", "x|👍y")]
    [DataRow("'👩‍🚀👩‍🚀' NewLine 'a' Up", "|👩‍🚀👩‍🚀\na")] // never inside a character
    public void CharactersArePeoples(string keys, string expected) => Assert.AreEqual(expected, Edit(keys, []));

    [TestMethod]
    [DataRow("Up", "second\nof two lines|")]
    [DataRow("Up Up Up", "first|")]
    [DataRow("Up Up Up Up", "first|")] // the second Up goes to the line above
    [DataRow("'draft' Up Down Down", "draft|")]
    [DataRow("'draft' Up Up Up Down Down", "draft|")]
    [DataRow("'draft' Up '!' ", "second\nof two lines!|")]
    [DataRow("Down", "|")]
    public void History(string keys, string expected) => Assert.AreEqual(expected, Edit(keys, s_history));

    [TestMethod]
    public void WhatKeysLeadTo()
    {
        var editor = new LineEditor([]);
        Assert.AreEqual(EditResult.EndOfInput, editor.Apply(new Key(KeyKind.EndOfInput)));
        Assert.AreEqual(EditResult.Continue, editor.Apply(new Key(KeyKind.Text, "x")));
        Assert.AreEqual(EditResult.Continue, editor.Apply(new Key(KeyKind.EndOfInput)));
        Assert.AreEqual(EditResult.ClearScreen, editor.Apply(new Key(KeyKind.ClearScreen)));
        Assert.AreEqual(EditResult.Interrupt, editor.Apply(new Key(KeyKind.Interrupt)));
        Assert.AreEqual(EditResult.Submit, editor.Apply(new Key(KeyKind.Enter)));
        Assert.AreEqual("x", editor.Text);
    }

    [TestMethod]
    public void AnyKeysKeepTheCursorInTheText()
    {
        var random = new Random(3);
        KeyKind[] kinds = Enum.GetValues<KeyKind>();
        string[] texts = ["a", " ", "\n", "日", "e\u0301", "👩‍🚀", "\u0301", "\ud83d", "🇫", "x y"];
        var editor = new LineEditor(s_history);
        for (int i = 0; i < 20000; i++)
        {
            KeyKind kind = kinds[random.Next(kinds.Length)];
            editor.Apply(new Key(kind, kind == KeyKind.Text ? texts[random.Next(texts.Length)] : ""));
            Assert.IsTrue(editor.Cursor >= 0 && editor.Cursor <= editor.Text.Length, $"key {i}, {kind}");
            if (editor.Text.Length > 200) editor = new LineEditor(s_history);
        }
    }

    private static string Edit(string keys, string[] history)
    {
        var editor = new LineEditor(history);
        foreach (string key in Split(keys))
        {
            EditResult result = editor.Apply(key[0] == '\'' ? new Key(KeyKind.Text, key.Trim('\'')) : new Key(Enum.Parse<KeyKind>(key)));
            Assert.AreEqual(EditResult.Continue, result);
        }
        return editor.Text.Insert(editor.Cursor, "|");
    }

    // At spaces, but not those in quotes.
    private static IEnumerable<string> Split(string keys)
    {
        string[] parts = keys.Split('\'');
        for (int i = 0; i < parts.Length; i++)
            foreach (string key in i % 2 == 1 ? [$"'{parts[i]}'"] : parts[i].Split(' ', StringSplitOptions.RemoveEmptyEntries))
                yield return key;
    }
}
