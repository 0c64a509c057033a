using System.Diagnostics;
using System.Numerics;

namespace Edge.Llm.Sampling;

/// <summary>The tokens of a vocabulary from the likeliest down, equal logits by ascending id, sorted only as far as someone looks.
/// The order is total, so how it is found does not show in the result.</summary>
internal sealed class Ranking(int vocabularySize)
{
    // Enough that most draws need one pass over the vocabulary; more would take longer to sort than to find.
    private const int FirstSorted = 64, MostBars = 512;

    private readonly float[] _logits = new float[vocabularySize];
    private ulong[] _keys = new ulong[Math.Min(vocabularySize, 2 * FirstSorted)];
    private int _sorted;

    /// <summary>The logits to be ranked, by id. <see cref="Reset"/> after writing them.</summary>
    public float[] Logits => _logits;

    /// <summary>Number of tokens.</summary>
    public int Count => _logits.Length;

    /// <summary>Forgets the order found so far.</summary>
    public void Reset() => _sorted = 0;

    /// <summary>The token of a rank; 0 is the likeliest.</summary>
    public int TokenAt(int rank)
    {
        if (rank >= _sorted) Sort(rank + 1);
        return TokenOf(_keys[rank]);
    }

    /// <summary>Sorts at least the <paramref name="count"/> likeliest.</summary>
    public void Sort(int count)
    {
        Debug.Assert(count <= Count);
        if (count <= _sorted) return;
        // Ever further steps: looking at every rank one by one costs no more than a few sorts of everything.
        int wanted = (int)Math.Min(Count, Math.Max(Math.Max(count, FirstSorted), 8L * _sorted));
        if (wanted > Count / 2) wanted = Count;
        if (_keys.Length < Math.Min(Count, 2L * wanted)) _keys = new ulong[Math.Min(Count, 2 * wanted)];

        // The buffer holds the best so far; when it is full, the best `wanted` stay and their last one is the bar to pass.
        // A later id with the same logit does not pass it.
        int held = 0;
        float bar = wanted < Count ? MathF.BitDecrement(LowBar(wanted)) : float.NegativeInfinity;
        bool full = bar > float.NegativeInfinity;
        for (int id = 0; id < _logits.Length; id++)
        {
            if (full)
            {
                while (id <= _logits.Length - Vector<float>.Count && !Vector.GreaterThanAny(new Vector<float>(_logits, id), new Vector<float>(bar)))
                    id += Vector<float>.Count;
                if (id == _logits.Length) break;
                if (_logits[id] <= bar) continue;
            }
            if (held == _keys.Length)
            {
                SortDescending(held);
                held = wanted;
                full = true;
                bar = _logits[TokenOf(_keys[wanted - 1])];
                if (_logits[id] <= bar) continue;
            }
            _keys[held++] = Key(_logits[id], id);
        }
        SortDescending(held);
        _sorted = wanted;
    }

    // A logit that at least this number of tokens reach, and few more: with it most tokens never enter the buffer. The vocabulary is cut into twice that number of
    // parts, whose maxima are found without a branch; half of them are above.
    private float LowBar(int tokens)
    {
        int lanes = Vector<float>.Count, runs = 2 * tokens / lanes, steps = runs == 0 ? 0 : Count / (runs * lanes);
        if (tokens > MostBars || steps == 0 || runs * lanes < tokens) return float.NegativeInfinity;
        Span<float> maxima = stackalloc float[runs * lanes];
        for (int run = 0; run < runs; run++)
        {
            int at = run * steps * lanes;
            var max = new Vector<float>(_logits, at);
            for (int step = 1; step < steps; step++) max = Vector.Max(max, new Vector<float>(_logits, at + (step * lanes)));
            max.CopyTo(maxima[(run * lanes)..]);
        }
        maxima.Sort();
        return maxima[^tokens];
    }

    private void SortDescending(int count)
    {
        Span<ulong> keys = _keys.AsSpan(0, count);
        keys.Sort();
        keys.Reverse();
    }

    // Orders as the logit does, then as the id does in reverse. -0 counts as +0.
    private static ulong Key(float logit, int id)
    {
        int bits = BitConverter.SingleToInt32Bits(logit + 0f);
        uint ordered = bits < 0 ? ~(uint)bits : (uint)bits | 0x8000_0000;
        return ((ulong)ordered << 32) | ~(uint)id;
    }

    private static int TokenOf(ulong key) => (int)~(uint)key;
}
