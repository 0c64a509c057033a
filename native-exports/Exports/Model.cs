using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Edge.Llm.Native;

/// <summary>Models: open, describe, plan, close.</summary>
internal static unsafe class ModelExports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_open")]
    public static int edge_llm_model_open(byte* path, nuint pathLength, ModelOptionsData* options, nint* model)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            Pointers.Need(model, "model");
            *model = HandleTable.Instance.Open(ModelResource.Open(Pointers.Text(path, pathLength, "path"), OptionReaders.Model(options)));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_open_memory")]
    public static int edge_llm_model_open_memory(byte* data, nuint size, ModelOptionsData* options, nint* model)
    {
        try
        {
            if (options is not null) Versioned.CheckedSize(options);
            ModelOptionsData read = options is null ? OptionReaders.Model() : *options;
            try
            {
                RuntimeHelpers.EnsureSufficientExecutionStack();
                Pointers.Need(model, "model");
                Pointers.Need(data, "data");
                if (size > long.MaxValue) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"size {size}: expected at most {long.MaxValue}");
                read = OptionReaders.Model(options);
            }
            catch when (read.Release is not null)
            {
                Callbacks.Release(read.Release, read.ReleaseUser, data, size);
                throw;
            }
            *model = HandleTable.Instance.Open(ModelResource.Open(data, (long)size, read)); // which releases, from here on
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_close")]
    public static int edge_llm_model_close(nint model)
    {
        try
        {
            HandleTable.Instance.Close<ModelResource>(model).Dispose();
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_get_info")]
    public static int edge_llm_model_get_info(nint model, ModelInfo* info)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            Versioned.CheckedSize(info);
            Versioned.Write(info, Describe(use.Resource));
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_metadata_count")]
    public static int edge_llm_model_metadata_count(nint model, nuint* count)
    {
        try
        {
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            Pointers.Need(count, "count");
            *count = (nuint)use.Resource.Model.File.Metadata.Count;
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_metadata_key")]
    public static int edge_llm_model_metadata_key(nint model, nuint index, byte* buffer, nuint capacity, nuint* count)
    {
        try
        {
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            GgufMetadata metadata = use.Resource.Model.File.Metadata;
            if (index >= (nuint)metadata.Count)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"key {index}: expected 0 to {metadata.Count - 1}");
            Pointers.Return(Encoding.UTF8.GetBytes(metadata.KeyAt((int)index)), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_metadata")]
    public static int edge_llm_model_metadata(nint model, byte* key, nuint keyLength, byte* buffer, nuint capacity, nuint* count)
    {
        try
        {
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            string name = Pointers.Text(key, keyLength, "key");
            LanguageModel file = use.Resource.Model;
            file.File.CheckUnchanged();
            if (!file.File.Metadata.TryGet(name, out GgufValue value))
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{file.File.Path}: no key {name}");
            Pointers.Return(value.TryGetUtf8(out ReadOnlySpan<byte> utf8) ? utf8 : Encoding.UTF8.GetBytes(value.ToString()), buffer, capacity, count);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_plan")]
    public static int edge_llm_model_plan(nint model, ContextOptionsData* options, MemoryPlanData* plan)
    {
        try
        {
            using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(model);
            Versioned.CheckedSize(plan);
            MemoryPlan bytes = use.Resource.Model.Plan(OptionReaders.Context(options, use.Resource.Model).Options);
            Versioned.Write(plan, new MemoryPlanData
            {
                Weights = bytes.Weights, KvCache = bytes.KvCache, Activations = bytes.Activations, Total = bytes.Total,
            });
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e);
        }
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
            HasTokenizer = vocabulary is null ? 0 : 1, HasChatTemplate = metadata.Contains("tokenizer.chat_template") ? 1 : 0,
            FileCount = model.File.PartCount, FileBytes = model.File.FileBytes,
            ParameterCount = model.File.Tensors.Sum(tensor => tensor.Elements),
        };
        Pointers.ReturnFixed(model.Architecture, info.Architecture);
        if (metadata.TryGet("general.name", out GgufValue value) && value.TryGetString(out string name)) Pointers.ReturnFixed(name, info.Name);
        return info;
    }
}
