using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Edge.Llm.Adapters;

/// <summary>The adapters that a text is computed with, in the order in which they add to a product.</summary>
internal sealed class AdapterSet : IEquatable<AdapterSet>
{
    private AdapterSet(AdapterScale[] items) => Items = items;

    /// <summary>None: the model alone.</summary>
    public static AdapterSet None { get; } = new([]);

    /// <summary>The adapters; no scale is 0.</summary>
    public AdapterScale[] Items { get; }

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => Items.Length == 0;

    /// <summary>What a caller names, for a model.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: an adapter is of another model, disposed of or named twice; a scale is not finite.</exception>
    public static AdapterSet Of(IReadOnlyList<AdapterScale> adapters, GgufFile model)
    {
        var items = new List<AdapterScale>(adapters.Count);
        foreach (AdapterScale item in adapters)
        {
            if (item.Adapter is not { } adapter) throw Invalid("an adapter: expected one, found null");
            if (!adapter.IsOf(model)) throw Invalid($"{adapter.Path}: the adapter was loaded for another model");
            if (adapter.IsDisposed) throw adapter.Disposed();
            if (!float.IsFinite(item.Scale)) throw Invalid(FormattableString.Invariant($"{adapter.Path}: expected a finite scale, found {item.Scale}"));
            if (items.Exists(other => other.Adapter == adapter)) throw Invalid($"{adapter.Path}: the adapter is named twice");
            if (item.Scale != 0) items.Add(item);
        }
        return items.Count == 0 ? None : new AdapterSet([.. items]);
    }

    /// <summary>Tells what a model computes with these adapters from what it computes with others.</summary>
    public ulong Fingerprint(ulong model)
    {
        if (IsEmpty) return model;
        var hash = new XxHash3();
        hash.Append(MemoryMarshal.AsBytes([model]));
        foreach (AdapterScale item in Items) hash.Append(MemoryMarshal.AsBytes([item.Adapter.Fingerprint, BitConverter.SingleToUInt32Bits(item.Scale)]));
        return hash.GetCurrentHashAsUInt64();
    }

    /// <summary>Whether both compute the same.</summary>
    public bool Equals(AdapterSet? other) => other == this || (other is not null && other.Items.AsSpan().SequenceEqual(Items));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as AdapterSet);

    /// <inheritdoc/>
    public override int GetHashCode() => Items.Aggregate(0, HashCode.Combine);

    private static EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidArgument, message);
}
