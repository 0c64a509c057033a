using System.Diagnostics;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <content>Blocks that it shares with other texts of the same beginning.</content>
public sealed unsafe partial class Sequence
{
    private readonly List<PrefixEntry> _chain = []; // of its full blocks
    private PrefixRoot? _root; // of the chain
    private string _salt = "";
    private bool _hidden; // it was loaded: what it holds is not for others

    /// <summary>Only texts of equal salt share blocks. Setting it empties a sequence whose tokens have another one.</summary>
    internal string Salt
    {
        get => _salt;
        set
        {
            using Gate.Use use = _gate.Hold();
            if (value == _salt) return;
            TrimTo(0);
            _salt = value;
        }
    }

    /// <summary>Takes over what the cache has of the beginning of a text, if that is more than this beginning of it that the sequence holds.</summary>
    /// <param name="tokens">The text.</param>
    /// <param name="claim">What must still have room in the cache; null: nothing.</param>
    /// <returns>Its length now.</returns>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it.</exception>
    internal int AdoptPrefix(ReadOnlySpan<int> tokens, CacheClaim? claim = null)
    {
        lock (_cache.StoresLock)
        {
            using Gate.Use use = _gate.Hold();
            Debug.Assert(tokens.StartsWith(Tokens));
            if (_cache.IsStoreLost || _cache.Prefixes is not { } index || index.Hold(Root, tokens, Length, claim) is not { } chain) return Length;
            PrefixRoot root = Root;
            TrimTo(0);
            for (int group = 0; group < _tables.Length; group++)
            {
                int first = _cache.FirstNeeded(group, chain.Count);
                _tables[group].SkipTo(first);
                foreach (PrefixEntry entry in chain[first..]) _tables[group].Append(entry.Kept(group)!);
            }
            if (_cache.States is not null) _state = chain[^1].Kept(_tables.Length);
            _tokens.AddRange(tokens[..(chain.Count * AttentionArgs.BlockLength)]);
            _chain.AddRange(chain);
            (_root, _computedWith) = (root, root.Adapters);
            return Length;
        }
    }

    /// <summary>Whether what is computed of another text is found for this one, where the two are equal.</summary>
    internal bool SharesWith(Sequence other) => _cache.Prefixes is not null && !other._hidden && Root == other.Root;

    /// <summary>The salt and the adapters of its tokens, or of those to come.</summary>
    internal PrefixRoot Root => _root ?? new PrefixRoot(_salt, AdapterSet);

    /// <summary>Reads what files have of the beginning of a text, if that is more than this beginning of it that the sequence holds.</summary>
    /// <param name="tokens">The text.</param>
    /// <param name="claim">What must still have room in the cache; null: nothing.</param>
    /// <returns>Tokens read.</returns>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it. PluginError: what it holds was lost.</exception>
    internal int RestorePrefix(ReadOnlySpan<int> tokens, CacheClaim? claim = null)
    {
        if (_cache.Files is not { } files) return 0;
        lock (_cache.StoresLock)
        {
            Acquire();
            try
            {
                return _cache.IsStoreLost ? 0 : files.Restore(this, tokens, claim);
            }
            finally
            {
                Release();
            }
        }
    }

    /// <summary>Writes its full blocks to files, if there is a folder for them.</summary>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it. PluginError: what it holds was lost.</exception>
    internal void SavePrefix()
    {
        if (_cache.Files is not { } files || _hidden) return;
        lock (_cache.StoresLock)
        {
            Acquire();
            try
            {
                files.Save(this);
            }
            finally
            {
                Release();
            }
        }
    }

    /// <summary>Gives back what was reserved and is not needed.</summary>
    internal void Unreserve()
    {
        TrimTo(Length);
        DropNextState();
    }

    /// <summary>The state at a length, if it is still there.</summary>
    internal Block? StateAt(int length) => length == Length ? _state : _snapshots.Find(snapshot => snapshot.Length == length).State;

    // Makes blocks findable that have become full, and the state if it is that at the end of one.
    private void IndexFullBlocks(int length)
    {
        if (_hidden || _cache.Prefixes is not { } index) return;
        _root ??= Root;
        for (int i = _chain.Count; i < length / AttentionArgs.BlockLength; i++)
        {
            PrefixEntry entry = index.Add(_root, i == 0 ? null : _chain[^1], Tokens.Slice(i * AttentionArgs.BlockLength, AttentionArgs.BlockLength));
            for (int group = 0; group < _tables.Length; group++)
                if (_tables[group][i] is { } block) index.Keep(entry, group, block);
            _chain.Add(entry);
        }
        if (_state is not null && length == Length && length % AttentionArgs.BlockLength == 0) index.Keep(_chain[^1], _tables.Length, _state);
    }

    private void DropNextState()
    {
        if (_nextState is not null) _cache.States!.Release(_nextState);
        _nextState = null;
    }

    private void TrimChain(int length)
    {
        int full = length / AttentionArgs.BlockLength;
        if (full < _chain.Count) _chain.RemoveRange(full, _chain.Count - full);
        if (length == 0) (_root, _hidden) = (null, false);
    }
}
