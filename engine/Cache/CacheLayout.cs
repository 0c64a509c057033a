using Edge.Llm.Ops;

namespace Edge.Llm.Cache;

/// <summary>What a layer remembers of a sequence: rows of every position, a state of fixed size, both or nothing.</summary>
internal readonly record struct LayerMemory(KvRows? Kv = null, long StateBytes = 0);

/// <summary>Where each layer finds what it remembers. Layers of equal rows form a group, which has its own blocks; the states of all
/// layers lie side by side.</summary>
internal sealed class CacheLayout
{
    /// <summary>The rows of a group's layers, all positions of which lie in the same blocks.</summary>
    public readonly record struct Group(KvShape Shape, int Capacity);

    private readonly KvLayer[] _kv;
    private readonly long[] _stateOffsets;

    /// <summary>Lays out what layers remember.</summary>
    /// <param name="layers">Layer by layer.</param>
    /// <param name="size">Types and limits.</param>
    public CacheLayout(IReadOnlyList<LayerMemory> layers, CacheSize size)
    {
        Size = size;
        var rows = layers.Select(layer => layer.Kv).OfType<KvRows>().Distinct().ToList();
        Groups = [.. rows.Select(kv => GroupOf(kv, layers.Count(layer => layer.Kv == kv)))];
        _kv = new KvLayer[layers.Count];
        _stateOffsets = new long[layers.Count];
        var used = new int[rows.Count];
        for (int il = 0; il < layers.Count; il++)
        {
            if (layers[il].Kv is { } kv)
            {
                int group = rows.IndexOf(kv);
                _kv[il] = Groups[group].Shape.Layer(group, used[group]++);
            }
            _stateOffsets[il] = StateBytes;
            StateBytes += layers[il].StateBytes;
        }
    }

    /// <summary>One group, of a capacity.</summary>
    internal CacheLayout(KvShape shape, int capacity, CacheSize size)
    {
        Size = size;
        Groups = [new Group(shape, capacity)];
        _kv = [.. Enumerable.Range(0, shape.Layers).Select(layer => shape.Layer(0, layer))];
        _stateOffsets = new long[shape.Layers];
    }

    /// <summary>Types and limits.</summary>
    public CacheSize Size { get; }

    /// <summary>The groups, in the order of their first layers.</summary>
    public Group[] Groups { get; }

    /// <summary>Bytes of all layers' states of one sequence.</summary>
    public long StateBytes { get; }

    /// <summary>States there may be: each sequence has the one it is in, the one that a pass computes, its snapshots, and the one before a guess; as many
    /// are kept for other texts of the same beginning.</summary>
    public int StateCapacity => (int)Math.Min(
        int.MaxValue, (2L + Sequence.MaxSnapshots + (Size.DraftTokens > 0 ? 1 : 0)) * (Size.SharesPrefixes ? 2 : 1) * Size.MaxSequences);

    /// <summary>Bytes of the cache when it is full.</summary>
    public long Bytes => Groups.Sum(group => group.Capacity * group.Shape.BlockBytes) + (StateBytes == 0 ? 0 : StateCapacity * StateBytes);

    /// <summary>Where a layer's rows lie in its group's blocks.</summary>
    public KvLayer Kv(int layer) => _kv[layer];

    /// <summary>Where a layer's state lies in a sequence's.</summary>
    public nint StateOffset(int layer) => (nint)_stateOffsets[layer];

    // Of a window, as much is held as the tokens of one batch look back over.
    private Group GroupOf(KvRows kv, int layers)
    {
        int blocks = KvShape.Blocks(Size.ContextSize);
        if (kv.Window < Size.ContextSize) blocks = Math.Min(blocks, KvShape.Blocks((long)kv.Window + Size.BatchSize + Size.DraftTokens) + 1);
        return new Group(new KvShape(layers, kv, Size.TypeK, Size.TypeV), (int)Math.Min(int.MaxValue, (long)blocks * Size.MaxSequences));
    }
}

/// <summary>Types and limits of a cache.</summary>
/// <param name="ContextSize">Tokens that a sequence may hold.</param>
/// <param name="MaxSequences">Sequences of full length that there is room for.</param>
/// <param name="BatchSize">Tokens of one batch.</param>
/// <param name="TypeK">Type of the cached keys.</param>
/// <param name="TypeV">Type of the cached values.</param>
/// <param name="SharesPrefixes">Whether texts of the same beginning share its blocks.</param>
/// <param name="DraftTokens">Tokens that a pass may guess for a sequence.</param>
internal readonly record struct CacheSize(
    int ContextSize, int MaxSequences, int BatchSize, KvType TypeK, KvType TypeV, bool SharesPrefixes = false, int DraftTokens = 0);
