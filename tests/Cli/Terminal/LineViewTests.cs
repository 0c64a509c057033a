using System.Text;
using Edge.Llm.Cli.Terminal;

namespace Edge.Llm.Tests.Cli.Terminal;

/// <summary>What is drawn, seen on a small screen that knows the few sequences a drawing uses.</summary>
[TestClass]
public sealed class LineViewTests
{
    [TestMethod]
    [DataRow("", 0, "> |")]
    [DataRow("abc", 3, "> abc|")]
    [DataRow("abc", 1, "> a|bc")]
    [DataRow("ab\ncd", 5, "> ab/  cd|")]
    [DataRow("ab\ncd", 0, "> |ab/  cd")]
    [DataRow("abcdefghij", 10, "> abcdefgh/ij|")]
    [DataRow("abcdefgh", 8, "> abcdefgh/|")] // behind a full row
    [DataRow("abcdefghij", 8, "> abcdefgh/|ij")]
    [DataRow("a\tb", 3, "> a    b|")]
    [DataRow("日本語", 1, "> 日.|本.語.")] // a dot is the second half of a wide character
    [DataRow("日本語漢字", 5, "> 日.本.語.漢./字.|")]
    [DataRow("a日本語漢字", 6, "> a日.本.語./漢.字.|")] // no wide character is cut in two
    [DataRow("e\u0301x", 2, "> e|x")]
    public void TheTextAndTheCursor(string text, int cursor, string expected) =>
        Assert.AreEqual(expected, Trim(Shown(new LineView("> ").Draw(text, cursor, 10, 24))));

    [TestMethod]
    public void ADrawingReplacesTheOneBefore()
    {
        var view = new LineView("> ");
        string all = view.Draw("abcdefghijklmnopqrstuvw", 2, 10, 24) + view.Draw("abcdefghij", 10, 10, 24) + view.Draw("x", 1, 10, 24);
        Assert.AreEqual("> x|", Trim(Shown(all)));
    }

    [TestMethod]
    public void ALongTextShowsTheRowsAroundTheCursor()
    {
        string text = string.Join('\n', Enumerable.Range(0, 50).Select(i => $"l{i}"));
        Assert.AreEqual("  l47/  l48/  l49|", Trim(Shown(new LineView("> ").Draw(text, text.Length, 10, 3))));
        Assert.AreEqual("> |l0/  l1/  l2", Trim(Shown(new LineView("> ").Draw(text, 0, 10, 3))));
    }

    [TestMethod]
    public void TheEndIsBelowTheText() =>
        Assert.AreEqual("> ab/  cd/|", Trim(Shown(new LineView("> ").Finish("ab\ncd", 10, 24))));

    [TestMethod]
    [DataRow('a', 1)]
    [DataRow('é', 1)]
    [DataRow('日', 2)]
    [DataRow('한', 2)]
    [DataRow('Ａ', 2)]
    [DataRow('\u0301', 0)]
    [DataRow('\u200B', 0)]
    [DataRow('☀', 1)]
    [DataRow('⌚', 2)]
    [DataRow('я', 1)]
    public void Widths(char c, int columns) => Assert.AreEqual(columns, CharWidth.OfRune(new Rune(c)));

    [TestMethod]
    [DataRow("👩‍🚀", 2)]
    [DataRow("🇫🇷", 2)]
    [DataRow("☀️", 2)]
    [DataRow("e\u0301", 1)]
    public void WidthsOfJoinedCharacters(string text, int columns) => Assert.AreEqual(columns, CharWidth.OfElement(text));

    private static string Shown(string drawing)
    {
        var rows = new List<List<string>> { new() };
        int row = 0, column = 0;
        for (int i = 0; i < drawing.Length; i++)
        {
            char c = drawing[i];
            if (c == '\r') column = 0;
            else if (c == '\n') row++;
            else if (c == '\e')
            {
                int start = i + 2;
                for (i = start; !char.IsLetter(drawing[i]); i++) { }
                int count = i == start ? 1 : int.Parse(drawing[start..i]);
                if (drawing[i] == 'A') row -= count;
                else if (drawing[i] == 'C') column += count;
                else if (drawing[i] == 'J') rows = [.. rows[..(row + 1)].Select((cells, at) => at == row ? cells[..Math.Min(column, cells.Count)] : cells)];
                else Assert.Fail($"unknown sequence {drawing[i]}");
            }
            else
            {
                Rune rune = Rune.GetRuneAt(drawing, i);
                int width = CharWidth.OfRune(rune);
                if (width > 0) Put(rows, row, column++, rune.ToString());
                if (width == 2) Put(rows, row, column++, ".");
                i += rune.Utf16SequenceLength - 1;
            }
            while (rows.Count <= row) rows.Add([]);
            Assert.IsTrue(row >= 0 && column <= 10, "the drawing leaves the screen");
        }
        while (rows[row].Count < column) rows[row].Add(" ");
        rows[row].Insert(column, "|");
        return string.Join('/', rows.Select(cells => string.Concat(cells)));
    }

    private static void Put(List<List<string>> rows, int row, int column, string cell)
    {
        while (rows[row].Count <= column) rows[row].Add(" ");
        rows[row][column] = cell;
    }

    private static string Trim(string screen) => screen.TrimEnd();
}
