using System.Diagnostics;
using Edge.Llm.Adapters;

namespace Edge.Llm.Ops;

/// <summary>What adapters add to the products of a pass: to each row what its own text's adapters add, whatever the rows beside it have. Rows
/// that stand together and have the same adapters are multiplied together.</summary>
internal sealed class AdaptedRows(int batchSize, Cpu cpu) : IDisposable
{
    private readonly AdapterSet[] _rows = new AdapterSet[batchSize], _wanted = new AdapterSet[batchSize]; // of all rows, and of those whose logits are wanted
    private readonly List<LoraAdapter> _held = [];
    private readonly AdapterProduct _product = new(batchSize);
    private int _count, _wantedCount;

    /// <summary>Bytes of its buffers.</summary>
    public long Bytes => _product.Bytes;

    /// <summary>Adds the next rows of a batch, which have the same adapters.</summary>
    public void Add(AdapterSet adapters, int rows)
    {
        for (int i = 0; i < _count; i++) // one object for equal ones, so that they are told apart at a glance
            if (_rows[i].Equals(adapters))
            {
                adapters = _rows[i];
                break;
            }
        _rows.AsSpan(_count, rows).Fill(adapters);
        _count += rows;
    }

    /// <summary>Begins the pass of the rows added, of which some are wanted: until <see cref="End"/> no adapter is closed.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: an adapter is disposed of, or its file changed its size. OutOfMemory.</exception>
    public void Begin(ReadOnlySpan<int> wanted)
    {
        foreach (int row in wanted) _wanted[_wantedCount++] = _rows[row];
        AdapterWidths widths = default;
        for (int row = 0; row < _count; row++)
        {
            if (row > 0 && _rows[row] == _rows[row - 1]) continue;
            foreach (AdapterScale item in _rows[row].Items)
            {
                item.Adapter.Enter();
                _held.Add(item.Adapter);
                widths = AdapterWidths.Max(widths, item.Adapter.Widths);
            }
        }
        _product.MakeRoom(cpu, widths);
        cpu.Adapters = this;
    }

    /// <summary>Ends the pass.</summary>
    public void End()
    {
        cpu.Adapters = null;
        foreach (LoraAdapter adapter in _held) adapter.Leave();
        _held.Clear();
        (_count, _wantedCount) = (0, 0);
    }

    /// <summary>Adds to a product of x what the rows' adapters add, times the factor that the product has.</summary>
    public void AddTo(FloatRows x, in Product product)
    {
        ReadOnlySpan<AdapterSet> sets = SetsOf(x.Count);
        for (int row = 0, end; row < sets.Length; row = end)
        {
            end = EndOfRun(sets, row);
            foreach (AdapterScale item in sets[row].Items)
                if (item.Adapter.Find(product.Weight.Name) is { IsTable: false } pair)
                    _product.AddTo(cpu, pair, product.Weight, x.Rows(row, end - row), product.Dst.Rows(row, end - row), item.Scale * product.Scale);
        }
    }

    /// <summary>The same for groups of rows; tokens tells whose rows they are.</summary>
    public void AddTo(FloatRows x, ReadOnlySpan<GroupProduct> products, RowTokens tokens)
    {
        foreach (GroupProduct product in products)
        {
            int count = product.Dst.Count;
            ReadOnlySpan<AdapterSet> sets = SetsOf(tokens.Count == 0 ? count : tokens.Count);
            for (int row = 0, end; row < count; row = end)
            {
                AdapterSet set = sets[tokens.Of(product.FirstRow, row)];
                for (end = row + 1; end < count && sets[tokens.Of(product.FirstRow, end)] == set; end++)
                {
                }
                foreach (AdapterScale item in set.Items)
                    if (item.Adapter.Find(product.Weight.Name) is { IsTable: false } pair)
                        _product.AddTo(cpu, pair, product.Weight, x.Rows(product.FirstRow + row, end - row), product.Dst.Rows(row, end - row), item.Scale);
            }
        }
    }

    /// <summary>Adds to rows of a table, one for each row of the batch, what the rows' adapters add.</summary>
    public unsafe void AddTo(Tensor table, int* tokens, FloatRows x)
    {
        ReadOnlySpan<AdapterSet> sets = SetsOf(x.Count);
        for (int row = 0, end; row < sets.Length; row = end)
        {
            end = EndOfRun(sets, row);
            foreach (AdapterScale item in sets[row].Items)
                if (item.Adapter.Find(table.Name) is { IsTable: true } pair) _product.AddTo(cpu, pair, tokens + row, x.Rows(row, end - row), item.Scale);
        }
    }

    /// <summary>Frees its buffers.</summary>
    public void Dispose() => _product.Dispose();

    // A product has all rows of the batch, or, at the end of a pass, those that are wanted.
    private ReadOnlySpan<AdapterSet> SetsOf(int count)
    {
        Debug.Assert(count == _count || count == _wantedCount);
        return count == _count ? _rows.AsSpan(0, count) : _wanted.AsSpan(0, count);
    }

    private static int EndOfRun(ReadOnlySpan<AdapterSet> sets, int row)
    {
        int end = row + 1;
        while (end < sets.Length && sets[end] == sets[row]) end++;
        return end;
    }
}

/// <summary>Whose rows the input of a grouped product has: entry i of an order that lists slots of tokens, some a token. Without an order, row
/// i of each product is token i's.</summary>
/// <param name="order">Slots, from the input's first row on.</param>
/// <param name="slots">Slots a token.</param>
/// <param name="count">Tokens.</param>
internal readonly ref struct RowTokens(ReadOnlySpan<int> order, int slots, int count)
{
    private readonly ReadOnlySpan<int> _order = order;

    /// <summary>Tokens; 0 where there is no order.</summary>
    public int Count => count;

    /// <summary>The token of a row of a product whose input begins with a row.</summary>
    public int Of(int firstRow, int row) => _order.IsEmpty ? row : _order[firstRow + row] / slots;
}
