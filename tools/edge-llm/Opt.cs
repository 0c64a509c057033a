using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>A seed, or none: one is taken at random then. (The parser has no use for a null.)</summary>
internal readonly record struct Seed(ulong? Value);

/// <summary>Options that check their range and say plainly what was expected and what was found.</summary>
internal static class Opt
{
    /// <summary>An integer; without a fallback the help shows none and the value is 0.</summary>
    public static Option<int> Integer(string name, string[] aliases, string description, int? fallback, int min, int max = int.MaxValue) =>
        Make<int>(name, aliases, description, fallback, "N", text =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max ? value : null,
            max == int.MaxValue ? $"an integer of {min} or more" : $"an integer from {min} to {max}");

    public static Option<float> Number(string name, string[] aliases, string description, float fallback, float min = float.MinValue, float max = float.MaxValue) =>
        Make<float>(name, aliases, description, fallback, "X", text =>
            float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && value >= min && value <= max ? value : null,
            (min, max) switch
            {
                (float.MinValue, float.MaxValue) => "a number",
                (_, float.MaxValue) => string.Create(CultureInfo.InvariantCulture, $"a number of {min} or more"),
                _ => string.Create(CultureInfo.InvariantCulture, $"a number from {min} to {max}"),
            });

    public static Option<Seed> Seed(string name, string[] aliases, string description) => new(name, aliases)
    {
        Description = description, HelpName = "N",
        CustomParser = result => result.Tokens[0].Value switch
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
            Description = description, HelpName = names, DefaultValueFactory = _ => fallback,
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                foreach ((string choice, T value) in choices)
                    if (choice.Equals(text, StringComparison.OrdinalIgnoreCase)) return value;
                return Fail<T>(result, name, names.Replace("|", ", ", StringComparison.Ordinal), text);
            },
        };
    }

    public static Option<string?> Text(string name, string[] aliases, string description, string helpName = "TEXT") =>
        new(name, aliases) { Description = description, HelpName = helpName };

    public static Option<bool> Flag(string name, string description, params string[] aliases) => new(name, aliases) { Description = description };

    private static Option<T> Make<T>(string name, string[] aliases, string description, T? fallback, string helpName, Func<string, T?> parse, string expected)
        where T : struct => new(name, aliases)
        {
            Description = description, HelpName = helpName, DefaultValueFactory = fallback is { } value ? _ => value : null,
            CustomParser = result => parse(result.Tokens[0].Value) ?? Fail<T>(result, name, expected, result.Tokens[0].Value),
        };

    private static T? Fail<T>(ArgumentResult result, string name, string expected, string found)
    {
        result.AddError($"{name}: expected {expected}, found '{found}'");
        return default;
    }
}
