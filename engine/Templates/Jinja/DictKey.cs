using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>A key of a dictionary. Keys are equal as Python's values are: 1, 1.0 and True are one key.</summary>
internal readonly struct DictKey : IEquatable<DictKey>
{
    private readonly object? _canonical;

    /// <param name="value">As <see cref="Of"/> demands.</param>
    public DictKey(object? value)
    {
        Value = value;
        _canonical = Canonical(value);
    }

    /// <summary>The key as it was given.</summary>
    public object? Value { get; }

    /// <summary>A value as a key, if Python can hash it.</summary>
    public static DictKey Of(Rendering rendering, object? value)
    {
        Check(rendering, value);
        return new DictKey(value);
    }

    public bool Equals(DictKey other) => _canonical is JinjaList { IsIndexable: true } a && other._canonical is JinjaList { IsIndexable: true } b
        ? a.Kind == b.Kind && a.Items.Count == b.Items.Count && a.Items.Zip(b.Items).All(pair => new DictKey(pair.First).Equals(new DictKey(pair.Second)))
        : Equals(_canonical, other._canonical);

    public override bool Equals(object? obj) => obj is DictKey other && Equals(other);

    public override int GetHashCode() => _canonical is JinjaList { IsIndexable: true } list
        ? list.Items.Aggregate(17, (hash, item) => HashCode.Combine(hash, new DictKey(item)))
        : _canonical switch
        {
            // .NET's own of these are known: a template could make all keys collide.
            long whole => HashCode.Combine((int)whole, (int)(whole >> 32)),
            double number => BitConverter.DoubleToInt64Bits(number) is var bits ? HashCode.Combine((int)bits, (int)(bits >> 32)) : 0,
            _ => _canonical?.GetHashCode() ?? 0,
        };

    private static void Check(Rendering rendering, object? value)
    {
        rendering.Enter();
        switch (value)
        {
            case TracedText text: rendering.Scan(text.Length); break;
            case JinjaList { Kind: SequenceKind.Tuple or SequenceKind.Range } list:
                foreach (object? item in list.Items) Check(rendering, item);
                break;
            case JinjaDict or JinjaList { Kind: SequenceKind.List or SequenceKind.Keys or SequenceKind.Items }:
                throw rendering.Fail($"{Operators.TypeName(value)} cannot be a key");
        }
        rendering.Leave();
    }

    private static object? Canonical(object? value) => value switch
    {
        bool flag => flag ? 1L : 0L,
        double number when Math.Abs(number) < 9e18 && number == Math.Truncate(number) => (long)number,
        Undefined => typeof(Undefined), // all of them are equal
        double number when double.IsInteger(number) => new BigInteger(number),
        _ => value,
    };
}
