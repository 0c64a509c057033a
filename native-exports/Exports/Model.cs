using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>Models: open, describe, plan, close.</summary>
internal static unsafe class ModelExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_open")]
    public static int edge_llm_model_open(byte* path, nuint pathLength, ModelOptionsData* options, nint* model) =>
        Call.Library((Input(path, pathLength), Pointer(options), Pointer(model)), &Open);

    private static void Open((Input<byte> Path, Pointer<ModelOptionsData> Options, Pointer<nint> Model) a)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        nint* model = a.Model.Needed("model");
        *model = HandleTable.Instance.Open(ModelResource.Open(Text(a.Path, "path"), OptionReaders.Model(a.Options.Address)));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_open_memory")]
    public static int edge_llm_model_open_memory(byte* data, nuint size, ModelOptionsData* options, nint* model) =>
        Call.Library((Input(data, size), Pointer(options), Pointer(model)), &OpenMemory);

    private static void OpenMemory((Input<byte> Bytes, Pointer<ModelOptionsData> Options, Pointer<nint> Model) a)
    {
        ModelOptionsData* options = a.Options.Address;
        ModelOptionsData read = options is null ? OptionReaders.Model() : Versioned.ReadKnown(options);
        nint* model;
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            model = a.Model.Needed("model");
            Need(a.Bytes.Data, "data");
            if (a.Bytes.Count > long.MaxValue) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"size {a.Bytes.Count}: expected at most {long.MaxValue}");
            read = OptionReaders.Model(options);
        }
        catch when (read.Release is not null)
        {
            Callbacks.Release(read.Release, read.ReleaseUser, a.Bytes.Data, a.Bytes.Count);
            throw;
        }
        *model = HandleTable.Instance.Open(ModelResource.Open(a.Bytes.Data, (long)a.Bytes.Count, read)); // which releases, from here on
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_close")]
    public static int edge_llm_model_close(nint model) => Call.Library(model, &Close);

    private static void Close(nint model) => HandleTable.Instance.Close<ModelResource>(model).Dispose();

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_get_info")]
    public static int edge_llm_model_get_info(nint model, ModelInfo* info) => Call.Model(model, Pointer(info), &GetInfo);

    private static void GetInfo(ModelResource model, Pointer<ModelInfo> info)
    {
        Versioned.CheckedSize(info.Address);
        Versioned.Write(info.Address, Describe(model));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_metadata_count")]
    public static int edge_llm_model_metadata_count(nint model, nuint* count) => Call.Model(model, Pointer(count), &CountMetadata);

    private static void CountMetadata(ModelResource model, Pointer<nuint> count) => *count.Needed("count") = (nuint)model.Model.File.Metadata.Count;

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_metadata_key")]
    public static int edge_llm_model_metadata_key(nint model, nuint index, byte* buffer, nuint capacity, nuint* count) =>
        Call.Model(model, (index, Output(buffer, capacity, count)), &MetadataKey);

    private static void MetadataKey(ModelResource model, (nuint Index, Output<byte> Key) a)
    {
        GgufMetadata metadata = model.Model.File.Metadata;
        if (a.Index >= (nuint)metadata.Count)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"key {a.Index}: expected 0 to {metadata.Count - 1}");
        a.Key.Write(Encoding.UTF8.GetBytes(metadata.KeyAt((int)a.Index)));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_metadata")]
    public static int edge_llm_model_metadata(nint model, byte* key, nuint keyLength, byte* buffer, nuint capacity, nuint* count) =>
        Call.Model(model, (Input(key, keyLength), Output(buffer, capacity, count)), &Metadata);

    private static void Metadata(ModelResource model, (Input<byte> Key, Output<byte> Value) a)
    {
        string key = Text(a.Key, "key");
        GgufFile file = model.Model.File;
        file.CheckUnchanged();
        if (!file.Metadata.TryGet(key, out GgufValue value)) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{file.Path}: no key {key}");
        a.Value.Write(value.TryGetUtf8(out ReadOnlySpan<byte> utf8) ? utf8 : Encoding.UTF8.GetBytes(value.ToString()));
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_plan")]
    public static int edge_llm_model_plan(nint model, ContextOptionsData* options, MemoryPlanData* plan) =>
        Call.Model(model, (Pointer(options), Pointer(plan)), &Plan);

    private static void Plan(ModelResource model, (Pointer<ContextOptionsData> Options, Pointer<MemoryPlanData> Plan) a)
    {
        Versioned.CheckedSize(a.Plan.Address);
        (ContextOptions options, _, nint draft) = OptionReaders.Context(a.Options.Address);
        MemoryPlan bytes = default!;
        ContextExports.WithDraft(draft, drafts => bytes = model.Model.Plan(options, drafts?.Model));
        Versioned.Write(a.Plan.Address, new MemoryPlanData
        {
            Weights = bytes.Weights, KvCache = bytes.KvCache, Activations = bytes.Activations, Total = bytes.Total,
        });
    }

    private static ModelInfo Describe(ModelResource resource)
    {
        LanguageModel model = resource.Model;
        model.File.CheckUnchanged();
        GgufMetadata metadata = model.File.Metadata;
        Vocabulary? vocabulary = resource.TryVocabulary();
        var info = new ModelInfo
        {
            VocabSize = model.VocabSize, ContextLength = model.ContextLength, EmbeddingLength = model.EmbeddingLength,
            BlockCount = model.BlockCount, HeadCount = model.HeadCount, HeadCountKv = model.HeadCountKv,
            BosToken = vocabulary?.BosId ?? -1, EosToken = vocabulary?.EosId ?? -1, EotToken = vocabulary?.EotId ?? -1,
            PadToken = vocabulary?.PadId ?? -1, UnkToken = vocabulary?.UnkId ?? -1,
            AddBos = vocabulary?.AddBos == true ? 1 : 0, AddEos = vocabulary?.AddEos == true ? 1 : 0,
            HasTokenizer = vocabulary is null ? 0 : 1, HasChatTemplate = HasText(metadata, "tokenizer.chat_template") ? 1 : 0,
            GpuLayers = resource.GpuLayers, FileCount = model.File.PartCount, FileBytes = model.File.FileBytes,
            ParameterCount = model.File.Tensors.Sum(tensor => tensor.Elements),
        };
        ReturnFixed(model.Architecture, info.Architecture);
        if (metadata.TryGet("general.name", out GgufValue value) && value.TryGetString(out string name)) ReturnFixed(name, info.Name);
        return info;
    }

    private static bool HasText(GgufMetadata metadata, string key) =>
        metadata.TryGet(key, out GgufValue value) && value.TryGetString(out string text) && !string.IsNullOrWhiteSpace(text);
}
