using System.Text;

namespace Edge.Llm.Answers;

/// <summary>How a style writes arguments.</summary>
internal abstract record ArgumentForm
{
    /// <summary>Begins to read arguments.</summary>
    /// <param name="isText">Whether the argument of a name is a text.</param>
    public abstract ArgumentReader NewReader(Func<string, bool> isText);
}

/// <summary>A JSON object.</summary>
internal sealed record JsonForm : ArgumentForm
{
    public static JsonForm Instance { get; } = new();

    public override ArgumentReader NewReader(Func<string, bool> isText) => new JsonReader();

    private sealed class JsonReader : ArgumentReader
    {
        private readonly JsonObjectReader _object = new();

        public override Reading Accept(char c, StringBuilder json)
        {
            if (!_object.Accept(c)) return Reading.Wrong;
            json.Append(c);
            return _object.IsDone ? Reading.Done : Reading.More;
        }
    }
}

/// <summary>What became of a character of arguments.</summary>
internal enum Reading
{
    /// <summary>There is more to come.</summary>
    More,

    /// <summary>The arguments are complete.</summary>
    Done,

    /// <summary>It is no part of arguments; it was not taken.</summary>
    Wrong,
}

/// <summary>Reads the arguments of a call as they are written and makes a JSON object of them. Linear in the text.</summary>
internal abstract class ArgumentReader
{
    /// <summary>Takes the next character and writes what it completes.</summary>
    public abstract Reading Accept(char c, StringBuilder json);

    /// <summary>Writes a character of a JSON string.</summary>
    protected static void WriteEscaped(char c, StringBuilder json)
    {
        switch (c)
        {
            case '"' or '\\': json.Append('\\').Append(c); break;
            case '\n': json.Append("\\n"); break;
            case '\r': json.Append("\\r"); break;
            case '\t': json.Append("\\t"); break;
            case < ' ': json.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"); break;
            default: json.Append(c); break;
        }
    }
}
