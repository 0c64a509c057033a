using Edge.Llm.Adapters;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <content>LoRA adapters.</content>
public sealed partial class LanguageModel
{
    /// <summary>Loads a LoRA adapter, a GGUF file as llama.cpp's convert_lora_to_gguf makes it, to be applied to texts: see
    /// <see cref="ContextOptions.Adapters"/>, <see cref="GenerateOptions.Adapters"/> and <see cref="Context.NewSequence"/>. The file is brought into
    /// memory as the model's was. It is closed when the adapter or the model is disposed of.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: damaged, or no adapter. InvalidArgument: for another model. Unsupported, OutOfMemory.</exception>
    public LoraAdapter LoadAdapter(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return LoadAdapter(GgufFile.Open(path, new GgufOpenOptions { UseMmap = _options.UseMmap, Lock = _options.Lock }));
    }

    /// <summary>Loads a LoRA adapter from a copy of its file's bytes.</summary>
    /// <exception cref="EdgeLlmException">As with a path.</exception>
    public LoraAdapter LoadAdapter(ReadOnlyMemory<byte> bytes) => LoadAdapter(GgufFile.Open(bytes));

    private LoraAdapter LoadAdapter(GgufFile file)
    {
        try
        {
            using Gate.Use use = _gate.Hold();
            var adapter = new LoraAdapter(file, File, LoraFile.Read(file, File, Architecture, Spec.Matrices), Forget);
            lock (_adapters) _adapters.Add(adapter);
            return adapter;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void Forget(LoraAdapter adapter)
    {
        lock (_adapters) _adapters.Remove(adapter);
    }

    private LoraAdapter[] Adapters()
    {
        lock (_adapters) return [.. _adapters];
    }
}
