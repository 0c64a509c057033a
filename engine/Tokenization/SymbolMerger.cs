using System.Diagnostics;

namespace Edge.Llm.Tokenization;

/// <summary>A stretch of a word: what merging starts from and joins. Length 0: merged into its left neighbour.</summary>
internal struct Symbol
{
    public int Start, Length, Id;
    public int Previous, Next;

    /// <summary>What this symbol and the next make (negative: nothing), and how early: lower goes first.</summary>
    public int MergedId;
    public uint Priority;
}

/// <summary>Says what two neighbours make, and how early.</summary>
internal interface IMergeRule
{
    bool TryMerge(in Symbol left, in Symbol right, out uint priority, out int mergedId);
}

/// <summary>Merges neighbours, best pair first and leftmost among equals, until none is left: the core of both BPE and SPM. A linked list
/// over a heap of (priority, left): a heap entry is stale when its left symbol now offers another priority, so a word of n symbols takes n
/// log n steps.</summary>
internal sealed class SymbolMerger
{
    private Symbol[] _symbols = new Symbol[64];
    private ulong[] _heap = new ulong[64];
    private int _heapCount;

    /// <summary>Symbols added since <see cref="Clear"/>, merged ones included.</summary>
    public int Count { get; private set; }

    /// <summary>Work done so far: pairs looked up and heap levels walked.</summary>
    public long Steps { get; private set; }

    public void Clear() => Count = 0;

    public void Add(int start, int length, int id)
    {
        Debug.Assert(length > 0);
        if (Count == _symbols.Length) Array.Resize(ref _symbols, Count * 2);
        _symbols[Count] = new Symbol { Start = start, Length = length, Id = id, Previous = Count - 1, Next = Count + 1, MergedId = -1 };
        Count++;
    }

    public ref readonly Symbol this[int index] => ref _symbols[index];

    /// <summary>Runs the merges. What is left is the chain from symbol 0 along <see cref="Symbol.Next"/>, which ends at <see cref="Count"/>.</summary>
    public void Merge<TRule>(TRule rule) where TRule : struct, IMergeRule
    {
        _heapCount = 0;
        for (int i = 0; i + 1 < Count; i++) Offer(rule, i);
        while (_heapCount > 0)
        {
            ulong entry = Pop();
            int left = (int)(uint)entry;
            ref Symbol symbol = ref _symbols[left];
            if (symbol.MergedId < 0 || symbol.Priority != (uint)(entry >> 32)) continue;

            ref Symbol right = ref _symbols[symbol.Next];
            symbol.Id = symbol.MergedId;
            symbol.Length += right.Length;
            symbol.Next = right.Next;
            right.Length = 0;
            right.MergedId = -1;
            if (symbol.Next < Count) _symbols[symbol.Next].Previous = left;
            if (symbol.Previous >= 0) Offer(rule, symbol.Previous);
            Offer(rule, left);
        }
    }

    private void Offer<TRule>(TRule rule, int left) where TRule : struct, IMergeRule
    {
        ref Symbol symbol = ref _symbols[left];
        symbol.MergedId = -1;
        if (symbol.Next >= Count) return;
        Steps++;
        if (!rule.TryMerge(symbol, _symbols[symbol.Next], out uint priority, out int mergedId)) return;
        symbol.MergedId = mergedId;
        symbol.Priority = priority;
        Push(((ulong)priority << 32) | (uint)left);
    }

    private void Push(ulong entry)
    {
        if (_heapCount == _heap.Length) Array.Resize(ref _heap, _heapCount * 2);
        int at = _heapCount++;
        while (at > 0)
        {
            int parent = (at - 1) >> 1;
            if (_heap[parent] <= entry) break;
            _heap[at] = _heap[parent];
            at = parent;
            Steps++;
        }
        _heap[at] = entry;
    }

    private ulong Pop()
    {
        ulong top = _heap[0], last = _heap[--_heapCount];
        int at = 0;
        while (true)
        {
            int child = 2 * at + 1;
            if (child >= _heapCount) break;
            if (child + 1 < _heapCount && _heap[child + 1] < _heap[child]) child++;
            if (_heap[child] >= last) break;
            _heap[at] = _heap[child];
            at = child;
            Steps++;
        }
        _heap[at] = last;
        return top;
    }
}
