using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Edge.Llm.Quantization;

namespace Edge.Llm;

/// <summary>What a model can be quantized to, by llama.cpp's names: the type that most of its tensors get, and which get another.</summary>
public sealed class FileType
{
    private static readonly FileType[] s_all =
    [
        new("F32", 0, GgmlType.F32), new("F16", 1, GgmlType.F16), new("BF16", 32, GgmlType.BF16),
        new("Q4_0", 2, GgmlType.Q4_0) { FfnDown = at => at.HasImportance && at.First(8) ? GgmlType.Q4_1 : null },
        new("Q4_1", 3, GgmlType.Q4_1),
        new("Q5_0", 8, GgmlType.Q5_0) { FfnDown = at => at.HasImportance && at.First(8) ? GgmlType.Q5_1 : null },
        new("Q5_1", 9, GgmlType.Q5_1), new("Q8_0", 7, GgmlType.Q8_0),
        new("Q2_K_S", 21, GgmlType.Q2_K)
        {
            NeedsImportance = true,
            AttnV = at => at.HeadsPerKv >= 4 ? GgmlType.Q4_K : null,
            FfnDown = at => at.First(8) ? GgmlType.Q4_K : null,
        },
        new("Q2_K", 10, GgmlType.Q2_K)
        {
            AttnV = at => at.HeadsPerKv >= 4 ? GgmlType.Q4_K : GgmlType.Q3_K,
            AttnOutput = at => at.IsFalcon ? null : GgmlType.Q3_K, AttnOutputOfEightExperts = GgmlType.Q5_K,
            FfnDown = _ => GgmlType.Q3_K,
        },
        new("Q3_K_S", 11, GgmlType.Q3_K) { AttnOutputOfEightExperts = GgmlType.Q5_K },
        new("Q3_K_M", 12, GgmlType.Q3_K)
        {
            AttnV = at => at.Index < 2 ? GgmlType.Q5_K : GgmlType.Q4_K,
            AttnOutput = at => at.IsFalcon ? null : GgmlType.Q4_K, AttnOutputOfEightExperts = GgmlType.Q5_K,
            FfnDown = at => at.First(16) ? GgmlType.Q5_K : !at.IsFalcon || at.MoreBits ? GgmlType.Q4_K : null,
        },
        new("Q3_K_L", 13, GgmlType.Q3_K)
        {
            AttnV = _ => GgmlType.Q5_K,
            AttnOutput = at => at.IsFalcon ? GgmlType.Q4_K : GgmlType.Q5_K,
            FfnDown = at => at.IsFalcon ? GgmlType.Q4_K : GgmlType.Q5_K,
        },
        new("Q4_K_S", 14, GgmlType.Q4_K)
        {
            AttnV = at => at.Index < 4 ? GgmlType.Q5_K : null,
            AttnOutputOfEightExperts = GgmlType.Q5_K,
            FfnDown = at => !at.IsFalcon && at.First(8) ? GgmlType.Q5_K : null,
        },
        new("Q4_K_M", 15, GgmlType.Q4_K)
        {
            AttnV = at => at.MoreBits ? GgmlType.Q6_K : null,
            AttnOutputOfEightExperts = GgmlType.Q5_K,
            FfnDown = at => at.IsFalcon ? at.First(16) ? GgmlType.Q6_K : at.MoreBits ? GgmlType.Q5_K : null : at.MoreBits ? GgmlType.Q6_K : null,
        },
        new("Q5_K_S", 16, GgmlType.Q5_K),
        new("Q5_K_M", 17, GgmlType.Q5_K) { AttnV = at => at.MoreBits ? GgmlType.Q6_K : null, FfnDown = at => at.MoreBits ? GgmlType.Q6_K : null },
        new("Q6_K", 18, GgmlType.Q6_K),
        new("IQ4_NL", 25, GgmlType.IQ4_NL)
        {
            AttnV = at => at.HeadsPerKv >= 4 ? GgmlType.Q5_K : null,
            AttnOutputOfEightExperts = GgmlType.Q5_K,
            FfnDown = at => !at.HasImportance && at.First(8) ? GgmlType.Q5_K : null,
        },
        new("IQ4_XS", 30, GgmlType.IQ4_XS)
        {
            AttnV = at => at.HeadsPerKv >= 4 ? GgmlType.Q5_K : null,
            AttnOutputOfEightExperts = GgmlType.Q5_K,
            FfnDown = at => !at.HasImportance && at.First(8) ? GgmlType.Q5_K : null,
        },
        new("MXFP4_MOE", 38, GgmlType.MXFP4) { BesidesExperts = GgmlType.Q8_0 },
        new("COPY", -1, null),
    ];

    private static readonly Dictionary<string, string> s_aliases = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Q3_K"] = "Q3_K_M", ["Q4_K"] = "Q4_K_M", ["Q5_K"] = "Q5_K_M",
    };

    private FileType(string name, int number, GgmlType? type)
    {
        Name = name;
        Number = number;
        Type = type;
    }

    /// <summary>All there are.</summary>
    public static IReadOnlyList<FileType> All => s_all;

    /// <summary>llama.cpp's name, for example <c>Q4_K_M</c>.</summary>
    public string Name { get; }

    /// <summary>The value of <c>general.file_type</c>; -1 for COPY, which keeps what the file says.</summary>
    public int Number { get; }

    /// <summary>The type that most tensors get; null for COPY, which leaves all as they are.</summary>
    public GgmlType? Type { get; }

    /// <summary>Whether tensors of <see cref="Type"/> cannot do without an importance matrix.</summary>
    internal bool NeedsImportance { get; init; }

    /// <summary>The type of tensors that are not stacked experts, if it is another.</summary>
    internal GgmlType? BesidesExperts { get; init; }

    /// <summary>The type of a value projection (or one that keys and queries share); null: <see cref="Type"/>.</summary>
    internal Func<LayerTensor, GgmlType?>? AttnV { get; init; }

    /// <summary>The type of an attention output projection.</summary>
    internal Func<LayerTensor, GgmlType?>? AttnOutput { get; init; }

    /// <summary>The same in models of eight experts.</summary>
    internal GgmlType? AttnOutputOfEightExperts { get; init; }

    /// <summary>The type of a feed-forward down projection.</summary>
    internal Func<LayerTensor, GgmlType?>? FfnDown { get; init; }

    /// <summary>Looks a file type up by its name, in either case, or its number.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out FileType? type)
    {
        string name = s_aliases.GetValueOrDefault(text, text);
        type = Array.Find(s_all, row => row.Name.Equals(name, StringComparison.OrdinalIgnoreCase)
            || (row.Number >= 0 && row.Number.ToString(CultureInfo.InvariantCulture) == text));
        return type is not null;
    }
}
