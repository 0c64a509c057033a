using System.Runtime.InteropServices;
using Edge.Llm.Models;
using Edge.Llm.Ops;

namespace Edge.Llm.Offload;

/// <summary>Layers that a plug-in runs.</summary>
internal sealed unsafe class Stage : IStage
{
    private readonly Plugin _plugin;
    private readonly IReadOnlyList<(int Group, long BlockBytes)> _groups;
    private readonly IReadOnlyList<RopeConfig> _ropes;
    private readonly bool _hasLayers;
    private readonly object _gate = new(); // held while the plug-in is in the stage
    private void* _stage;
    private volatile string? _loss;

    private delegate int StageCall(void* stage, AbiError* error);

    /// <summary>Makes a stage of a description.</summary>
    /// <exception cref="EdgeLlmException">Unsupported, OutOfMemory, PluginError.</exception>
    public Stage(Plugin plugin, int device, StageDescription description)
    {
        _plugin = plugin;
        (_groups, _ropes, _hasLayers, HasOutput) = (description.CacheGroups, description.Ropes, description.LayerCount > 0, description.HasOutput);
        void* stage = null;
        AbiError error = Plugin.NewError();
        plugin.Check(plugin.Table->Create(device, description.Desc, &stage, &error), error);
        if (stage is null) throw new EdgeLlmException(ErrorCode.PluginError, $"{plugin.Name}: it made no stage and reported no error");
        _stage = stage;
    }

    /// <summary>Frees a stage that was never disposed of.</summary>
    ~Stage() => Free();

    /// <inheritdoc/>
    public bool HasOutput { get; }

    /// <inheritdoc/>
    public string? Loss => _loss;

    /// <inheritdoc/>
    public long BytesOf(int group) => _groups.Where(known => known.Group == group).Sum(known => known.BlockBytes);

    /// <inheritdoc/>
    public void Copy(int group, int from, int to)
    {
        if (IndexOf(group) is not { } index) return;
        Invoke((stage, error) => _plugin.Table->BlockCopy(stage, index, from, to, error));
    }

    /// <inheritdoc/>
    public void Read(int group, int block, byte* to)
    {
        if (IndexOf(group) is not { } index) return;
        Invoke((stage, error) => _plugin.Table->BlockRead(stage, index, block, to, (ulong)BytesOf(group), error));
    }

    /// <inheritdoc/>
    public void Write(int group, int block, byte* from)
    {
        if (IndexOf(group) is not { } index) return;
        Invoke((stage, error) => _plugin.Table->BlockWrite(stage, index, block, from, (ulong)BytesOf(group), error));
    }

    /// <inheritdoc/>
    public void Forward(StagePass pass, FloatRows x, ReadOnlySpan<int> rows, FloatRows y)
    {
        using var arena = new Arena();
        var call = new PluginHost.Call(pass);
        GCHandle handle = GCHandle.Alloc(call);
        try
        {
            fixed (int* outputRows = rows)
            {
                AbiBatch* batch = arena.Add(new AbiBatch
                {
                    StructSize = (uint)sizeof(AbiBatch), Flags = HasOutput && pass.Batch.WantsHidden ? Abi.WantHidden : 0, Rows = x.Count,
                    RunCount = _hasLayers ? pass.Batch.SequenceRuns.Length : 0, RopeCount = _ropes.Count, OutputCount = rows.Length, HiddenStride = (int)x.Stride, OutStride = (int)y.Stride,
                    Hidden = x.Data, Out = y.Data, OutputRows = outputRows, Runs = _hasLayers ? Runs(arena, pass.Batch) : null, Ropes = Ropes(arena, pass.Ropes), Caller = (void*)GCHandle.ToIntPtr(handle),
                });
                Invoke((stage, error) => _plugin.Table->Forward(stage, batch, error), call);
            }
        }
        finally
        {
            handle.Free();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate) Free();
        GC.SuppressFinalize(this);
    }

    // A plug-in is in a stage once at a time, and never after it was destroyed. What went wrong in a part of the host counts, even where the plug-in
    // has not minded.
    private void Invoke(StageCall call, PluginHost.Call? pass = null)
    {
        if (Monitor.IsEntered(_gate)) throw new EdgeLlmException(ErrorCode.Busy, $"{_plugin.Name}: a call is under way in this stage: its callbacks cannot use it");
        AbiError error = Plugin.NewError();
        int status;
        lock (_gate)
        {
            if (_stage is null) throw new EdgeLlmException(ErrorCode.PluginError, $"{_plugin.Name}: the stage was disposed of");
            status = call(_stage, &error);
            if (status == Abi.DeviceLost) _loss ??= _plugin.ErrorOf(status, error)!.Message;
        }
        pass?.Error?.Throw();
        _plugin.Check(status, error);
        GC.KeepAlive(this);
    }

    private AbiRun* Runs(Arena arena, BatchPlan batch)
    {
        ReadOnlySpan<SequenceRun> given = batch.SequenceRuns;
        AbiRun* runs = arena.Array<AbiRun>(given.Length);
        var tables = (int**)arena.Array<nint>(given.Length * _groups.Count);
        for (int i = 0; i < given.Length; i++, tables += _groups.Count)
        {
            runs[i] = new AbiRun { Row = given[i].Row, Rows = given[i].Count, Position = given[i].Position, Tables = tables };
            for (int group = 0; group < _groups.Count; group++) tables[group] = given[i].Sequence.Table(_groups[group].Group).Numbers;
        }
        return runs;
    }

    private AbiRopeTable* Ropes(Arena arena, RopeTables tables)
    {
        AbiRopeTable* ropes = arena.Array<AbiRopeTable>(_ropes.Count);
        for (int i = 0; i < _ropes.Count; i++)
        {
            RopeTable table = tables.Of(_ropes[i]);
            ropes[i] = new AbiRopeTable { StructSize = (uint)sizeof(AbiRopeTable), Width = table.Cos.Width, Stride = (int)table.Cos.Stride, Cos = table.Cos.Data, Sin = table.Sin.Data };
        }
        return ropes;
    }

    private uint? IndexOf(int group)
    {
        for (int i = 0; i < _groups.Count; i++)
            if (_groups[i].Group == group) return (uint)i;
        return null;
    }

    private void Free()
    {
        void* stage = _stage;
        _stage = null;
        if (stage is not null) _plugin.Table->Destroy(stage);
    }
}
