using Edge.Llm.Adapters;
using Edge.Llm.Kernels;

namespace Edge.Llm.Cache;

/// <summary>What the sequences of a context remember: a pool of blocks for each group of layers, and one of states.</summary>
internal sealed class KvCache : IDisposable
{
    private readonly BlockPool[] _groups, _pools;
    private IReadOnlyList<IBlockStore> _stores;

    /// <summary>A cache without sequences. It takes memory as they grow. Stores have what the last layers remember, in the order of the layers.</summary>
    public KvCache(CacheLayout layout, IReadOnlyList<IBlockStore>? stores = null)
    {
        Layout = layout;
        _stores = stores ?? [];
        _groups = [.. layout.Groups.Select((group, index) => new BlockPool(PartsOf(index), group.Capacity))];
        if (layout.StateBytes > 0) States = new BlockPool(layout.StateBytes, layout.StateCapacity);
        _pools = States is null ? _groups : [.. _groups, States];
        if (layout.Size.SharesPrefixes) Prefixes = new PrefixIndex(this, UInt128.MaxValue);
    }

    /// <summary>The adapters of sequences that name none.</summary>
    public AdapterSet Adapters { get; set; } = AdapterSet.None;

    /// <summary>Where layers find what they remember.</summary>
    public CacheLayout Layout { get; }

    /// <summary>The blocks of each group.</summary>
    public ReadOnlySpan<BlockPool> Groups => _groups;

    /// <summary>The states, or null where no layer has one.</summary>
    public BlockPool? States { get; }

    /// <summary>The blocks of each group, then the states.</summary>
    public ReadOnlySpan<BlockPool> Pools => _pools;

    /// <summary>Finds blocks by the text that they hold; null: texts share none.</summary>
    public PrefixIndex? Prefixes { get; set; }

    /// <summary>The same texts on disk; null: nowhere.</summary>
    public PromptCache? Files { get; set; }

    /// <summary>The first block of a pool that the tokens behind a number of blocks look back to.</summary>
    public int FirstNeeded(int pool, int blocks) =>
        pool < _groups.Length ? KvShape.FirstSeen(blocks * AttentionArgs.BlockLength, Layout.Groups[pool].Shape.Rows.Window) : blocks - 1;

    /// <summary>How often the stores were lost: what a sequence held before is of no use.</summary>
    public int Losses { get; private set; }

    /// <summary>Held while somebody uses blocks outside of a pass: the stores stay what they are meanwhile. It comes before the locks of index and
    /// pools.</summary>
    public object StoresLock { get; } = new();

    /// <summary>Whether a store is lost, and <see cref="LoseStores"/> has not been called yet.</summary>
    public bool IsStoreLost => _stores.Any(store => store.IsLost);

    /// <summary>The stores are lost, and with them what all sequences hold: from now on the host's memory has it all.</summary>
    /// <param name="stores">They are disposed of behind the lock: nobody can reach them any more.</param>
    public void LoseStores(IDisposable stores)
    {
        lock (StoresLock)
        {
            _stores = [];
            Losses++;
            for (int group = 0; group < _groups.Length; group++) _groups[group].Lose(PartsOf(group));
            if (States is { } states) states.Lose(states.Parts);
        }
        stores.Dispose();
    }

    /// <summary>Tokens that a sequence may hold.</summary>
    public int MaxLength => Layout.Size.ContextSize;

    /// <summary>Blocks that no sequence holds, of the pool that has the fewest.</summary>
    public int FreeBlocks => _groups.Select(group => group.Free).Append(States?.Free ?? int.MaxValue).Min();

    /// <summary>Memory taken from the system so far.</summary>
    public long AllocatedBytes => _groups.Sum(group => group.AllocatedBytes) + (States?.AllocatedBytes ?? 0);

    private BlockParts PartsOf(int group) => new(group, Layout.Groups[group].Shape.BlockBytes, _stores);

    /// <summary>An empty sequence.</summary>
    public Sequence NewSequence() => new(this);

    /// <summary>Frees all memory.</summary>
    public void Dispose()
    {
        foreach (BlockPool group in _groups) group.Dispose();
        States?.Dispose();
    }
}

/// <summary>The blocks that the sequences of a batch are about to take from a cache, together.</summary>
internal sealed class CacheClaim(KvCache cache)
{
    private readonly int[] _blocks = new int[cache.Groups.Length];
    private int _states;

    /// <summary>Nothing is claimed.</summary>
    public void Clear()
    {
        Array.Clear(_blocks);
        _states = 0;
    }

    /// <summary>Adds what a sequence takes for more tokens.</summary>
    public void Add(Sequence sequence, int count)
    {
        for (int group = 0; group < _blocks.Length; group++) _blocks[group] += sequence.Table(group).BlocksNeeded(sequence.Length, count);
        if (cache.States is not null) _states++;
    }

    /// <summary>Adds it if there is room for it beside all that is claimed.</summary>
    public bool TryAdd(Sequence sequence, int count)
    {
        if (!FitsWith(sequence, count)) return false;
        Add(sequence, count);
        return true;
    }

    /// <summary>Whether there is room for all that is claimed.</summary>
    public bool Fits
    {
        get
        {
            for (int group = 0; group < _blocks.Length; group++)
                if (_blocks[group] > cache.Groups[group].Free) return false;
            return cache.States is not { } states || _states <= states.Free;
        }
    }

    /// <summary>Whether there is room for more tokens of a sequence beside that.</summary>
    public bool FitsWith(Sequence sequence, int count)
    {
        for (int group = 0; group < _blocks.Length; group++)
            if (_blocks[group] + sequence.Table(group).BlocksNeeded(sequence.Length, count) > cache.Groups[group].Free) return false;
        return cache.States is not { } states || _states < states.Free;
    }

    /// <summary>Throws unless there is room for all that is claimed.</summary>
    /// <exception cref="EdgeLlmException">ContextFull.</exception>
    public void Require()
    {
        for (int group = 0; group < _blocks.Length; group++) cache.Groups[group].Require(_blocks[group]);
        cache.States?.Require(_states);
    }
}
