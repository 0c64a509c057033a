using System.Runtime.CompilerServices;
using Edge.Llm.Cli.Serve.Models;
using Edge.Llm.Cli.Serve.Operations;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>What becomes of <c>num_gpu</c>: the server's options say which layers run on devices, and answers are the same wherever they run.</summary>
internal static class WishedLayers
{
    private static readonly ConditionalWeakTable<LoadedModel, object> s_told = [];

    /// <summary>Says so in the log where a client wants it otherwise, once for each time that the model is loaded.</summary>
    public static void Compare(int? wished, LoadedModel model, RequestLog log)
    {
        int layers = model.Context.DeviceLosses > 0 ? 0 : model.Context.Offload.Layers;
        int all = model.Model.BlockCount + (model.Model.HasLogits ? 1 : 0); // the output matrix is one more
        if (wished is not { } most || most < 0 || Math.Min(most, all) == layers || !s_told.TryAdd(model, log)) return;
        log.Say($"a request wants {wished} layers of '{model.Name}' on devices (num_gpu): it has {layers}, as --n-gpu-layers of the server says");
    }
}
