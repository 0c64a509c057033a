using System.Globalization;
using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>The tensors of a Hugging Face folder: of model.safetensors, else of the files that model.safetensors.index.json lists, else of all the
/// parts of a model, by their names.</summary>
internal sealed class Checkpoint : IDisposable
{
    private const string Single = "model.safetensors", Index = "model.safetensors.index.json";

    // Digits stand for the zeros.
    private const string PartName = "model-00000-of-00000.safetensors";
    private const int PartAt = 6, CountAt = 15;

    private readonly Dictionary<string, SafetensorsFile> _files = [];
    private readonly Dictionary<string, SourceTensor> _tensors = [];

    private Checkpoint()
    {
    }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Opens all files.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static Checkpoint Open(string folder, List<string> notices)
    {
        var checkpoint = new Checkpoint();
        try
        {
            string single = Path.Combine(folder, Single), index = Path.Combine(folder, Index);
            if (File.Exists(single))
            {
                checkpoint.OpenWhole(single);
                if (File.Exists(index)) notices.Add($"{Index} is not read: {Single} is there");
            }
            else if (CheckedJson.LoadIfThere(index) is { } listed) checkpoint.OpenListed(folder, listed);
            else checkpoint.OpenParts(folder);
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

    private void OpenWhole(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        _files.Add(path, file);
        foreach ((string name, SourceTensor tensor) in file.Tensors)
            if (!_tensors.TryAdd(name, tensor))
                throw new EdgeLlmException(ErrorCode.InvalidFile,
                    $"{path}: tensor {name} is in {Path.GetFileName(_tensors[name].File.Path)} as well");
    }

    // Without an index nothing says which parts belong together but their names.
    private void OpenParts(string folder)
    {
        (string Path, int Number, int Count)[] parts = [.. Directory.EnumerateFiles(folder, "model-*.safetensors").Order(StringComparer.Ordinal)
            .Where(IsPart).Select(path => (path, NumberIn(path, PartAt), NumberIn(path, CountAt)))];
        if (parts.Length == 0) throw Missing(folder);
        int count = parts[0].Count;
        if (Array.Find(parts, part => part.Count != count) is { Path: { } other })
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{other}: expected a part of {count}; {Index} would say which parts are the model's");
        for (int i = 0; i < parts.Length; i++)
            if (parts[i].Number != i + 1) throw Gap(i + 1);
        if (parts.Length != count) throw Gap(parts.Length + 1);
        foreach ((string path, _, _) in parts) OpenWhole(path);

        EdgeLlmException Gap(int part) => new(ErrorCode.InvalidFile,
            string.Create(CultureInfo.InvariantCulture, $"{folder}: part {part} of {count} is missing (model-*-of-{count:D5}.safetensors)"));
    }

    private static bool IsPart(string path)
    {
        string name = Path.GetFileName(path);
        return name.Length == PartName.Length && Enumerable.Range(0, name.Length).All(i => PartName[i] == '0' ? char.IsAsciiDigit(name[i]) : PartName[i] == name[i]);
    }

    private static int NumberIn(string path, int at) => int.Parse(Path.GetFileName(path).AsSpan(at, 5), CultureInfo.InvariantCulture);

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
            _tensors.Add(name, tensor);
        }
        // Hugging Face reads whole files: a tensor that the index does not list would be taken.
        foreach ((string part, SafetensorsFile file) in _files)
            foreach ((string name, SourceTensor tensor) in file.Tensors)
                if (_tensors.GetValueOrDefault(name) != tensor) throw map.Invalid($"{part} has a tensor {name} that is not listed as its own");
    }

    private static EdgeLlmException Missing(string folder)
    {
        string other = Directory.EnumerateFiles(folder, "*.bin").Concat(Directory.EnumerateFiles(folder, "*.pth")).FirstOrDefault() is { } found
            ? $"; {Path.GetFileName(found)} is a pickle, which is not read" : "";
        return new EdgeLlmException(ErrorCode.InvalidFile, $"{folder}: expected {Single}, {Index} or model-00001-of-...safetensors{other}");
    }
}
