using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>The tensors of a Hugging Face folder: of model.safetensors, or of the files that model.safetensors.index.json lists.</summary>
internal sealed class Checkpoint : IDisposable
{
    private const string Single = "model.safetensors", Index = "model.safetensors.index.json";

    private readonly Dictionary<string, SafetensorsFile> _files = [];
    private readonly Dictionary<string, SourceTensor> _tensors = [];

    private Checkpoint()
    {
    }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Opens all files.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static Checkpoint Open(string folder)
    {
        var checkpoint = new Checkpoint();
        try
        {
            if (CheckedJson.LoadIfThere(Path.Combine(folder, Index)) is { } index) checkpoint.OpenListed(folder, index);
            else if (File.Exists(Path.Combine(folder, Single))) checkpoint.OpenSingle(Path.Combine(folder, Single));
            else throw Missing(folder);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Looks a tensor up.</summary>
    public SourceTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    public void Dispose()
    {
        foreach (SafetensorsFile file in _files.Values) file.Dispose();
    }

    private void OpenSingle(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        _files.Add(path, file);
        foreach ((string name, SourceTensor tensor) in file.Tensors) _tensors.Add(name, tensor);
    }

    private void OpenListed(string folder, CheckedJson index)
    {
        CheckedJson map = index.Object("weight_map") ?? throw index.Invalid("missing key weight_map");
        foreach (JsonProperty member in map.Element.EnumerateObject())
        {
            string name = map.Name(member), part = map.Text(name, member.Value);
            if (part != Path.GetFileName(part) || part is "" or "." or "..")
                throw map.Invalid($"{name}: expected the name of a file in the folder, found '{part}'");
            if (!_files.TryGetValue(part, out SafetensorsFile? file)) _files.Add(part, file = SafetensorsFile.Open(Path.Combine(folder, part)));
            if (!file.Tensors.TryGetValue(name, out SourceTensor? tensor)) throw map.Invalid($"tensor {name} is not in {part}");
            if (!_tensors.TryAdd(name, tensor)) throw map.Invalid($"tensor {name} appears twice");
        }
    }

    private static EdgeLlmException Missing(string folder)
    {
        string other = Directory.EnumerateFiles(folder, "*.bin").Concat(Directory.EnumerateFiles(folder, "*.pth")).FirstOrDefault() is { } found
            ? $"; {Path.GetFileName(found)} is a pickle, which is not read" : "";
        return new EdgeLlmException(ErrorCode.InvalidFile, $"{folder}: expected {Single} or {Index}{other}");
    }
}
