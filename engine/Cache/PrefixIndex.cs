using System.IO.Hashing;
using System.Runtime.InteropServices;
using Edge.Llm.Adapters;
using Edge.Llm.Kernels;

namespace Edge.Llm.Cache;

/// <summary>What texts must have in common to share blocks, besides their tokens.</summary>
/// <param name="Salt">Keeps the texts of one user from those of another.</param>
/// <param name="Adapters">What they are computed with.</param>
internal sealed record PrefixRoot(string Salt, AdapterSet Adapters);

/// <summary>64 tokens of a text behind those of its parent, and where the cache keeps what layers remember of them.</summary>
internal sealed class PrefixEntry(PrefixRoot root, PrefixEntry? parent, int[] tokens, UInt128 hash, int pools)
{
    private readonly (Block? Block, long Identity)[] _kept = new (Block?, long)[pools];

    /// <summary>What comes before; null at the beginning of a text.</summary>
    public PrefixEntry? Parent => parent;

    /// <summary>Hash of the chain that ends here.</summary>
    public UInt128 Hash => hash;

    /// <summary>Whether it is a part of just this chain: a hash only tells where to look.</summary>
    public bool Is(PrefixRoot ofRoot, PrefixEntry? behind, ReadOnlySpan<int> ofTokens) =>
        behind == parent && (behind is not null || ofRoot == root) && ofTokens.SequenceEqual(tokens);

    /// <summary>Remembers the block of a pool.</summary>
    public void Keep(int pool, Block block) => _kept[pool] = (block, block.Identity);

    /// <summary>The block of a pool, if it still holds what it held.</summary>
    public Block? Kept(int pool) => _kept[pool] is { Block: { } block } kept && block.Identity == kept.Identity ? block : null;

    /// <summary>Whether any pool still has its block.</summary>
    public bool HasAny => Enumerable.Range(0, _kept.Length).Any(pool => Kept(pool) is not null);

    /// <summary>Holds the block of a pool, freed or not; false if it holds something else by now.</summary>
    public bool TryHold(BlockPool pool, int index) => _kept[index] is { Block: { } block } kept && pool.TryRevive(block, kept.Identity);
}

/// <summary>Finds full blocks by the tokens of the text that they are a part of. It holds none of them: those that no sequence holds stay as they
/// are until their pool needs them, the least recently used first. A state at the end of a block is found like a block.</summary>
/// <remarks>An entry is found by XxHash128 of its chain; tokens, parent and root decide whether it is the right one.</remarks>
/// <param name="cache">Whose blocks they are.</param>
/// <param name="hashMask">Bits of the hash that count: fewer make collisions.</param>
internal sealed class PrefixIndex(KvCache cache, UInt128 hashMask)
{
    private const int BlockLength = AttentionArgs.BlockLength;

    private readonly object _gate = new();
    private readonly Dictionary<UInt128, PrefixEntry> _entries = [];
    private int _sweepAt = 64;

    /// <summary>Entries, also those whose blocks have been reused and which have not been swept out yet.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _entries.Count;
        }
    }

    /// <summary>Adds 64 tokens behind those of a parent, or finds them.</summary>
    public PrefixEntry Add(PrefixRoot root, PrefixEntry? parent, ReadOnlySpan<int> tokens)
    {
        lock (_gate)
        {
            UInt128 hash = Hash(parent?.Hash ?? Hash(root), tokens);
            if (_entries.TryGetValue(hash, out PrefixEntry? known) && known.Is(root, parent, tokens)) return known;
            if (_entries.Count >= _sweepAt) Sweep();
            return _entries[hash] = new PrefixEntry(root, parent, tokens.ToArray(), hash, cache.Pools.Length);
        }
    }

    /// <summary>Makes a block findable, unless its entry has one already.</summary>
    public void Keep(PrefixEntry entry, int pool, Block block)
    {
        lock (_gate)
        {
            if (entry.Kept(pool) is not null) return;
            cache.Pools[pool].MakeFindable(block);
            entry.Keep(pool, block);
        }
    }

    /// <summary>The longest chain of these tokens of which all is there that the tokens behind it look back to. That is held for the caller.</summary>
    /// <param name="root">What the text must have in common with the one that they were computed for.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="longerThan">A chain that is no longer is of no use.</param>
    /// <param name="claim">What must have room beside it; null: nothing.</param>
    /// <returns>Its entries, or null if there is none.</returns>
    public List<PrefixEntry>? Hold(PrefixRoot root, ReadOnlySpan<int> tokens, int longerThan, CacheClaim? claim)
    {
        lock (_gate)
        {
            List<PrefixEntry> chain = Find(root, tokens);
            for (; chain.Count * BlockLength > longerThan; chain.RemoveAt(chain.Count - 1))
                if (IsThere(chain) && TryHold(chain, claim)) return chain;
            return null;
        }
    }

    /// <summary>The first block of a pool that the tokens behind so many blocks look back to.</summary>
    public int First(int pool, int blocks) =>
        pool < cache.Groups.Length ? KvShape.FirstSeen(blocks * BlockLength, cache.Layout.Groups[pool].Shape.Rows.Window) : blocks - 1;

    private List<PrefixEntry> Find(PrefixRoot root, ReadOnlySpan<int> tokens)
    {
        var chain = new List<PrefixEntry>();
        UInt128 hash = Hash(root);
        PrefixEntry? parent = null;
        for (; tokens.Length >= BlockLength; tokens = tokens[BlockLength..])
        {
            hash = Hash(hash, tokens[..BlockLength]);
            if (!_entries.TryGetValue(hash, out PrefixEntry? entry) || !entry.Is(root, parent, tokens[..BlockLength])) break;
            chain.Add(parent = entry);
        }
        return chain;
    }

    private bool IsThere(List<PrefixEntry> chain)
    {
        for (int pool = 0; pool < cache.Pools.Length; pool++)
            for (int i = First(pool, chain.Count); i < chain.Count; i++)
                if (chain[i].Kept(pool) is null) return false;
        return true;
    }

    // Another thread's pass may take a free block meanwhile, and others may need the room: then nothing is held.
    private bool TryHold(List<PrefixEntry> chain, CacheClaim? claim)
    {
        var held = new List<(int Pool, Block Block)>();
        bool all = true;
        for (int pool = 0; pool < cache.Pools.Length && all; pool++)
            for (int i = First(pool, chain.Count); i < chain.Count && all; i++)
                if (all = chain[i].TryHold(cache.Pools[pool], pool)) held.Add((pool, chain[i].Kept(pool)!));
        if (all && claim?.Fits is not false) return true;
        foreach ((int pool, Block block) in held) cache.Pools[pool].Release(block);
        return false;
    }

    // Keeps what leads to a block that is still there.
    private void Sweep()
    {
        var needed = new HashSet<PrefixEntry>();
        foreach (PrefixEntry entry in _entries.Values)
            if (entry.HasAny)
                for (PrefixEntry? next = entry; next is not null && needed.Add(next); next = next.Parent) { }
        foreach ((UInt128 hash, PrefixEntry entry) in _entries)
            if (!needed.Contains(entry)) _entries.Remove(hash);
        _sweepAt = Math.Max(64, 2 * _entries.Count);
    }

    private UInt128 Hash(PrefixRoot root)
    {
        var hash = new XxHash128();
        hash.Append(MemoryMarshal.AsBytes([root.Adapters.Fingerprint(0)]));
        hash.Append(MemoryMarshal.AsBytes(root.Salt.AsSpan()));
        return hash.GetCurrentHashAsUInt128() & hashMask;
    }

    private UInt128 Hash(UInt128 parent, ReadOnlySpan<int> tokens)
    {
        Span<int> chained = stackalloc int[4 + BlockLength];
        MemoryMarshal.Cast<int, UInt128>(chained)[0] = parent;
        tokens.CopyTo(chained[4..]);
        return XxHash128.HashToUInt128(MemoryMarshal.AsBytes(chained)) & hashMask;
    }
}
