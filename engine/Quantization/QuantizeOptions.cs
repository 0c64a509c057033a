using Edge.Llm.Grammars;
using Edge.Llm.Quantization;

namespace Edge.Llm;

/// <summary>A type for the tensors whose name matches. For any number of threads.</summary>
public sealed class TensorTypeRule
{
    private readonly RegexSearch _search;

    /// <summary>Makes one.</summary>
    /// <param name="pattern">A regular expression, found anywhere in the name, in either case of A to Z.</param>
    /// <param name="type">The type.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: the pattern is no regular expression, is too large, or has what the engine's lack:
    /// backreferences, lookbehind.</exception>
    public TensorTypeRule(string pattern, GgmlType type)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        (Pattern, Type) = (pattern, type);
        try
        {
            _search = new RegexSearch(pattern);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
        {
            throw Refused(e);
        }
    }

    /// <summary>The regular expression.</summary>
    public string Pattern { get; }

    /// <summary>The type of the tensors.</summary>
    public GgmlType Type { get; }

    /// <summary>Reads <c>REGEX=TYPE</c>.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public static TensorTypeRule Parse(string text)
    {
        int equals = text.LastIndexOf('=');
        return equals > 0 ? new TensorTypeRule(text[..equals], ParseType(text[(equals + 1)..])) : throw Invalid($"'{text}': expected REGEX=TYPE");
    }

    /// <exception cref="EdgeLlmException">InvalidArgument: the search costs too much.</exception>
    internal bool Matches(string name)
    {
        try
        {
            return _search.IsFoundIn(name);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
        {
            throw Refused(e);
        }
    }

    /// <summary>Reads the name of a type that tensors can be quantized to.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: the message lists them.</exception>
    public static GgmlType ParseType(string name)
    {
        if (GgmlTypes.TryParse(name, out GgmlTypeInfo? info) && RowEncoders.Types.Contains(info.Type)) return info.Type;
        throw Invalid($"unknown tensor type '{name}'; there are: {string.Join(", ", RowEncoders.Types.Select(type => GgmlTypes.Get(type).Name))}");
    }

    private EdgeLlmException Refused(EdgeLlmException error) => Invalid($"'{Pattern}': {error.Message}");

    private static EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidArgument, message);
}

/// <summary>How to quantize.</summary>
public sealed record QuantizeOptions
{
    /// <summary>One type for all matrices that are quantized, rather than a mix.</summary>
    public bool Pure { get; init; }

    /// <summary>Quantize tensors that are quantized already.</summary>
    public bool AllowRequantize { get; init; }

    /// <summary>Leave <c>output.weight</c> as it is.</summary>
    public bool LeaveOutput { get; init; }

    /// <summary>The type of <c>output.weight</c>, or of the token embedding where that serves as output.</summary>
    public GgmlType? OutputType { get; init; }

    /// <summary>The type of the token embedding.</summary>
    public GgmlType? EmbeddingType { get; init; }

    /// <summary>Types of other tensors: the first rule that matches decides.</summary>
    public IReadOnlyList<TensorTypeRule> TensorTypes { get; init; } = [];

    /// <summary>How much the columns of each tensor matter.</summary>
    public ImportanceMatrix? Importance { get; init; }

    /// <summary>Where the importance matrix came from: written into the file.</summary>
    public string ImportancePath { get; init; } = "";

    /// <summary>Split the output as the input is split.</summary>
    public bool KeepSplit { get; init; }

    /// <summary>Threads; 0 is one a physical core.</summary>
    public int Threads { get; init; }

    /// <summary>Replace an output file that exists.</summary>
    public bool Overwrite { get; init; }
}
