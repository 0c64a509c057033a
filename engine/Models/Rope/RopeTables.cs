using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The rotary tables of a model: one for each distinct configuration among its layers.</summary>
internal sealed unsafe class RopeTables(Workspace workspace, int contextSize)
{
    private readonly List<RopeTable> _tables = [];

    /// <summary>The table of a configuration, shared with every layer of an equal one.</summary>
    public RopeTable Of(RopeConfig config)
    {
        RopeTable? table = _tables.Find(table => table.Is(config));
        if (table is null) _tables.Add(table = new RopeTable(config, workspace, contextSize));
        return table;
    }

    /// <summary>Works out the angles of a batch.</summary>
    public void Fill(Cpu cpu, BatchPlan batch)
    {
        foreach (RopeTable table in _tables) table.Fill(cpu.Pool, batch.Positions, batch.Count);
    }
}
