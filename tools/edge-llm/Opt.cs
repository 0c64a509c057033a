using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>A seed, or none: one is taken at random then. (The parser has no use for a null.)</summary>
internal readonly record struct Seed(ulong? Value);

/// <summary>Options that check their range and say plainly what was expected and what was found. Of one given several times the last counts,
/// as in llama.cpp, so that a script's options can be overridden by appending.</summary>
internal static class Opt
{
    /// <summary>An integer; without a fallback the help shows none and the value is 0.</summary>
    public static Option<int> Integer(string name, string[] aliases, string description, int? fallback, int min, int max = int.MaxValue) =>
        Make<int>(name, aliases, description, fallback, "N", text =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max ? value : null,
            (min, max) == (int.MinValue, int.MaxValue) ? "an integer" : max == int.MaxValue ? $"an integer of {min} or more" : $"an integer from {min} to {max}");

    public static Option<float> Number(string name, string[] aliases, string description, float fallback, float min = float.MinValue, float max = float.MaxValue) =>
        Make<float>(name, aliases, description, fallback, "X", text =>
            float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && value >= min && value <= max ? value : null,
            (min, max) switch
            {
                (float.MinValue, float.MaxValue) => "a number",
                (float.Epsilon, float.MaxValue) => "a number above 0",
                (_, float.MaxValue) => string.Create(CultureInfo.InvariantCulture, $"a number of {min} or more"),
                _ => string.Create(CultureInfo.InvariantCulture, $"a number from {min} to {max}"),
            });

    public static Option<Seed> Seed(string name, string[] aliases, string description) => new(name, aliases)
    {
        Description = description, HelpName = "N", Arity = ArgumentArity.OneOrMore,
        CustomParser = result => Last(result) switch
        {
            "-1" => default, // llama.cpp's spelling of "at random"
            var text when ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) => new Seed(value),
            var text => Fail<Seed>(result, name, "an integer of 0 or more, or -1", text),
        },
    };

    public static Option<T> Choice<T>(string name, string[] aliases, string description, T fallback, params (string Name, T Value)[] choices)
    {
        string names = string.Join("|", choices.Select(choice => choice.Name));
        return new Option<T>(name, aliases)
        {
            Description = description, HelpName = names, Arity = ArgumentArity.OneOrMore, DefaultValueFactory = _ => fallback,
            CustomParser = result =>
            {
                string text = Last(result);
                foreach ((string choice, T value) in choices)
                    if (choice.Equals(text, StringComparison.OrdinalIgnoreCase)) return value;
                return Fail<T>(result, name, names.Replace("|", ", ", StringComparison.Ordinal), text);
            },
        };
    }

    public static Option<string?> Text(string name, string[] aliases, string description, string helpName = "TEXT") =>
        new(name, aliases) { Description = description, HelpName = helpName, Arity = ArgumentArity.OneOrMore, CustomParser = Last };

    /// <summary>There or not; what follows is never its value, even if it is "true".</summary>
    public static Option<bool> Flag(string name, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, Arity = ArgumentArity.Zero };

    private static Option<T> Make<T>(string name, string[] aliases, string description, T? fallback, string helpName, Func<string, T?> parse, string expected)
        where T : struct => new(name, aliases)
        {
            Description = description, HelpName = helpName, Arity = ArgumentArity.OneOrMore,
            DefaultValueFactory = fallback is { } value ? _ => value : null,
            CustomParser = result => parse(Last(result)) ?? Fail<T>(result, name, expected, Last(result)),
        };

    private static string Last(ArgumentResult result) => result.Tokens[^1].Value;

    private static T? Fail<T>(ArgumentResult result, string name, string expected, string found)
    {
        result.AddError($"{name}: expected {expected}, found '{found}'");
        return default;
    }
}
