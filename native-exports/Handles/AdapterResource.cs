namespace Edge.Llm.Native;

/// <summary>A loaded adapter. It keeps its model open.</summary>
internal sealed class AdapterResource : Resource
{
    private readonly ModelResource _model;

    /// <summary>Loads a file.</summary>
    public AdapterResource(ModelResource model, string path)
    {
        Adapter = model.Model.LoadAdapter(path);
        _model = model;
        model.AddUse();
        model.Log(LogLevel.Info, $"{path}: an adapter of rank {Adapter.Rank} for {Adapter.TensorCount} tensors, {Adapter.FileBytes} bytes");
    }

    public override string Kind => "adapter";

    /// <summary>The engine's adapter.</summary>
    public LoraAdapter Adapter { get; }

    protected override void Free()
    {
        Adapter.Dispose();
        _model.EndUse();
    }
}
