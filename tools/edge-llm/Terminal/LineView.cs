using System.Globalization;
using System.Text;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Draws a text that is being edited, and moves the terminal's cursor to where it is edited. Knows where the cursor was left, so
/// that the next drawing replaces this one.</summary>
internal sealed class LineView(string prompt)
{
    private const string TabCells = "    ";
    private int _cursorRow; // below the row where the drawing begins

    /// <summary>What to write to the terminal. A text with more rows than the terminal shows the part around the cursor.</summary>
    public string Draw(string text, int cursor, int columns, int rows)
    {
        (List<string> lines, int row, int column) = Layout(text, cursor, Math.Max(columns, 2 + TabCells.Length));
        int visible = Math.Min(lines.Count, Math.Max(rows, 1)), first = Math.Clamp(row - visible + 1, 0, lines.Count - visible);
        var output = new StringBuilder(ToStart()).Append("\e[J").AppendJoin("\r\n", lines.Skip(first).Take(visible));
        _cursorRow = row - first;
        Append(output, visible - 1 - _cursorRow, 'A');
        output.Append('\r');
        Append(output, column, 'C');
        return output.ToString();
    }

    /// <summary>What to write when the text is done: the cursor goes to the line below it.</summary>
    public string Finish(string text, int columns, int rows)
    {
        string output = Draw(text, text.Length, columns, rows) + "\r\n";
        _cursorRow = 0;
        return output;
    }

    /// <summary>What to write before a drawing on a cleared screen.</summary>
    public string ClearScreen()
    {
        _cursorRow = 0;
        return "\e[H\e[2J";
    }

    // Rows as they stand on the screen. Lines are broken here and not by the terminal, whose cursor would hang behind the last column.
    private (List<string> Rows, int Row, int Column) Layout(string text, int cursor, int columns)
    {
        var rows = new List<string>();
        var line = new StringBuilder(prompt);
        int indent = prompt.Length, column = indent, cursorRow = 0, cursorColumn = column;
        for (int at = 0; ; )
        {
            if (at <= cursor) (cursorRow, cursorColumn) = (rows.Count, column);
            if (at >= text.Length) break;
            int length = StringInfo.GetNextTextElementLength(text, at);
            ReadOnlySpan<char> element = text[at] == '\t' ? TabCells : text.AsSpan(at, length);
            int width = text[at] == '\t' ? TabCells.Length : CharWidth.OfElement(element);
            bool newLine = text[at] == '\n';
            if (newLine || column + width > columns)
            {
                rows.Add(line.ToString());
                line.Clear().Append(' ', newLine ? indent : 0);
                column = line.Length;
                if (at <= cursor && !newLine) (cursorRow, cursorColumn) = (rows.Count, column);
            }
            if (!newLine) line.Append(element);
            column += newLine ? 0 : width;
            at += length;
        }
        rows.Add(line.ToString());
        if (cursorColumn == columns) // behind a full row
        {
            if (cursorRow == rows.Count - 1) rows.Add("");
            (cursorRow, cursorColumn) = (cursorRow + 1, 0);
        }
        return (rows, cursorRow, cursorColumn);
    }

    private string ToStart() => _cursorRow == 0 ? "\r" : string.Create(CultureInfo.InvariantCulture, $"\r\e[{_cursorRow}A");

    private static void Append(StringBuilder output, int count, char direction)
    {
        if (count > 0) output.Append(CultureInfo.InvariantCulture, $"\e[{count}{direction}");
    }
}
