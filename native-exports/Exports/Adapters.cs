using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>LoRA adapters: load, describe, apply, close.</summary>
internal static unsafe class AdapterExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_adapter_load")]
    public static int edge_llm_adapter_load(nint model, byte* path, nuint pathLength, nint* adapter) =>
        Call.Model(model, (Input(path, pathLength), Pointer(adapter)), &Load);

    private static void Load(ModelResource model, (Input<byte> Path, Pointer<nint> Adapter) a)
    {
        nint* adapter = a.Adapter.Needed("adapter");
        *adapter = HandleTable.Instance.Open(new AdapterResource(model, Text(a.Path, "path")));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_adapter_close")]
    public static int edge_llm_adapter_close(nint adapter) => Call.Library(adapter, &Close);

    private static void Close(nint adapter)
    {
        using Use<AdapterResource> use = HandleTable.Instance.Close<AdapterResource>(adapter);
        use.Resource.Adapter.Dispose(); // at once; a pass that uses it ends first
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_adapter_get_info")]
    public static int edge_llm_adapter_get_info(nint adapter, AdapterInfo* info) => Call.Library((adapter, Pointer(info)), &GetInfo);

    private static void GetInfo((nint Adapter, Pointer<AdapterInfo> Info) a)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        using Use<AdapterResource> use = HandleTable.Instance.Use<AdapterResource>(a.Adapter, "adapter");
        LoraAdapter adapter = use.Resource.Adapter;
        Versioned.Write(a.Info.Address, new AdapterInfo
        {
            Rank = adapter.Rank, TensorCount = adapter.TensorCount, Alpha = adapter.Alpha, FileBytes = adapter.FileBytes,
        });
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_adapter_metadata")]
    public static int edge_llm_adapter_metadata(nint adapter, byte* key, nuint keyLength, byte* buffer, nuint capacity, nuint* count) =>
        Call.Library((adapter, Input(key, keyLength), Output(buffer, capacity, count)), &Metadata);

    private static void Metadata((nint Adapter, Input<byte> Key, Output<byte> Value) a)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        using Use<AdapterResource> use = HandleTable.Instance.Use<AdapterResource>(a.Adapter, "adapter");
        string key = Text(a.Key, "key");
        LoraAdapter adapter = use.Resource.Adapter;
        if (!adapter.Metadata.TryGet(key, out GgufValue value)) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{adapter.Path}: no key {key}");
        a.Value.Write(Encoding.UTF8.GetBytes(value.ToString()));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_set_adapters")]
    public static int edge_llm_context_set_adapters(nint context, AdapterScaleData* adapters, nuint adapterCount) =>
        Call.Changing(context, Input(adapters, adapterCount), &SetOfContext);

    private static void SetOfContext(ContextResource context, Input<AdapterScaleData> adapters) => context.Context.Adapters = Read(adapters);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sequence_set_adapters")]
    public static int edge_llm_sequence_set_adapters(nint context, int sequence, AdapterScaleData* adapters, nuint adapterCount) =>
        Call.Changing(context, (sequence, Input(adapters, adapterCount)), &SetOfSequence);

    private static void SetOfSequence(ContextResource context, (int Sequence, Input<AdapterScaleData> Adapters) a) =>
        context.Context.SetAdapters(context.Sequence(a.Sequence), a.Adapters.Data is null && a.Adapters.Count == 0 ? null : Read(a.Adapters));

    /// <summary>Adapters with their scales.</summary>
    internal static List<AdapterScale> Read(Input<AdapterScaleData> adapters)
    {
        var read = new List<AdapterScale>();
        foreach (AdapterScaleData item in adapters.Span("adapters"))
        {
            if (item.Reserved != 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "reserved: expected 0");
            using Use<AdapterResource> use = HandleTable.Instance.Use<AdapterResource>(item.Adapter, "adapter");
            read.Add(new AdapterScale(use.Resource.Adapter, item.Scale));
        }
        return read;
    }
}
