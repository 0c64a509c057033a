using System.Runtime.CompilerServices;

namespace Edge.Llm.Templates.Jinja;

/// <summary>One rendering of a template: the line it is at, and how much work, text and depth it may still take. A template comes with a
/// model file and is not trusted: everything that it can make grow is charged here.</summary>
internal sealed class Rendering
{
    private const long MaxSteps = 2_000_000;
    private const long MaxCharacters = 32_000_000;
    private const int CopiesOfInput = 32; // templates trim and join what they are given
    private const int MaxDepth = 400;
    private const int MaxMessage = 2000; // of raise_exception, which writes what it likes
    private const int TextOverhead = 32; // of an object, in characters

    private readonly long _maxSteps;
    private readonly long _maxCharacters;
    private long _steps;
    private long _characters;
    private int _depth;

    /// <param name="inputCharacters">Length of all texts given to the template.</param>
    public Rendering(long inputCharacters)
    {
        _maxSteps = MaxSteps + inputCharacters;
        _maxCharacters = MaxCharacters + CopiesOfInput * inputCharacters;
    }

    /// <summary>The line of the template that is being evaluated, from 1.</summary>
    public int Line { get; set; } = 1;

    public void Step(long count = 1)
    {
        if ((_steps += count) > _maxSteps) throw Fail($"it takes more than {_maxSteps} steps");
    }

    /// <summary>A text was made.</summary>
    public void Charge(long characters)
    {
        if ((_characters += characters + TextOverhead) > _maxCharacters) throw Fail($"it makes more than {_maxCharacters} characters of text");
    }

    /// <summary>A text is read through: an eighth of the cost of making it.</summary>
    public void Scan(long characters)
    {
        if ((_characters += characters / 8) > _maxCharacters) throw Fail($"it reads more than {8 * _maxCharacters} characters of text");
    }

    /// <summary>A text is searched for another; long ones can take the product of the lengths.</summary>
    public void ChargeSearch(int length, int pattern) => Scan(length * (1L + pattern / 64));

    public void Enter()
    {
        Step();
        if (++_depth > MaxDepth || ((_depth & 15) == 0 && !RuntimeHelpers.TryEnsureSufficientExecutionStack()))
            throw Fail($"it nests more than {MaxDepth} deep");
    }

    /// <summary>Not called after an exception: that ends the rendering.</summary>
    public void Leave() => _depth--;

    public EdgeLlmException Fail(string message) => Error(ErrorCode.InvalidArgument, Line, message);

    public EdgeLlmException Unsupported(string message) => Error(ErrorCode.Unsupported, Line, message);

    public static EdgeLlmException Error(ErrorCode code, int line, string message) =>
        new(code, $"chat template, line {line}: {(message.Length > MaxMessage ? message[..MaxMessage] + " ..." : message)}");
}
