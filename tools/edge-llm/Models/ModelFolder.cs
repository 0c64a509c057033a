using System.CommandLine;

namespace Edge.Llm.Cli.Models;

/// <summary>A model of the folder: one file, or the parts of a split one in their order. Without a record it was put there by hand.</summary>
internal sealed record StoredModel(string Name, IReadOnlyList<string> Files, ModelRecord? Record)
{
    /// <summary>What opens it.</summary>
    public string Path => Files[0];

    public long Bytes => Files.Sum(SizeOf);

    /// <summary>Bytes of a file, or of the one that a link leads to.</summary>
    public static long SizeOf(string file) => File.ResolveLinkTarget(file, returnFinalTarget: true) is FileInfo target ? target.Exists ? target.Length : 0 : new FileInfo(file).Length;
}

/// <summary>The folder of pulled models, whose names stand for their files. A file NAME.gguf that is put there by hand is a model of it.</summary>
internal sealed class ModelFolder(string path)
{
    public const string Variable = "EDGE_LLM_MODELS";

    /// <summary>The option that names another folder, for all commands.</summary>
    public static readonly Option<string?> Option = MakeOption();

    /// <summary>The folder itself; it need not exist.</summary>
    public string Path => path;

    /// <summary>The folder of --models-dir, of EDGE_LLM_MODELS, or the user's own.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static ModelFolder Of(ParseResult parsed)
    {
        string? given = parsed.GetValue(Option) is { Length: > 0 } option ? option : Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(given)) return new ModelFolder(System.IO.Path.GetFullPath(given));
        // $XDG_DATA_HOME or ~/.local/share on Linux.
        string data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        if (data.Length == 0) throw new UsageException($"no folder for models: give --models-dir, or set {Variable}");
        return new ModelFolder(System.IO.Path.Combine(data, "edge-llm", "models"));
    }

    /// <summary>The file that a command's argument means: a path, or else a model's name.</summary>
    /// <exception cref="UsageException">It looks like a name, and there is no such model.</exception>
    public static string Resolve(ParseResult parsed, string fileOrName)
    {
        if (File.Exists(fileOrName)) return fileOrName;
        bool isSource = fileOrName.StartsWith("hf:", StringComparison.OrdinalIgnoreCase) || fileOrName.StartsWith("ollama:", StringComparison.OrdinalIgnoreCase);
        if (!isSource && (!ModelName.IsValid(fileOrName) || fileOrName.EndsWith(ModelName.Ending, StringComparison.OrdinalIgnoreCase))) return fileOrName;
        ModelFolder folder = Of(parsed);
        if (folder.Find(fileOrName) is { } model) return model.Path;
        if (Directory.Exists(fileOrName)) return fileOrName;
        throw new UsageException(isSource ? $"{fileOrName} has not been pulled: edge-llm pull {fileOrName}"
            : $"no model '{fileOrName}': there is no such file, and no model of that name in {folder.Path}{folder.Hint(fileOrName)}");
    }

    /// <summary>All models, by name.</summary>
    public IReadOnlyList<StoredModel> All()
    {
        if (!Directory.Exists(path)) return [];
        return
        [
            .. Directory.EnumerateFiles(path, "*", new EnumerationOptions { MatchType = MatchType.Simple })
                .Where(file => file.EndsWith(ModelName.Ending, StringComparison.OrdinalIgnoreCase))
                .GroupBy(NameOf)
                .Select(group => new StoredModel(group.Key.Name, [.. group.Order(StringComparer.Ordinal)], ModelRecord.Read(RecordPath(group.Key.Name))))
                .OrderBy(model => model.Name, StringComparer.OrdinalIgnoreCase),
        ];
    }

    /// <summary>A model by its name, in either case; null: there is none, or several that differ in case alone.</summary>
    public StoredModel? Named(string name)
    {
        IReadOnlyList<StoredModel> all = All();
        return all.FirstOrDefault(model => model.Name == name)
            ?? Only(all.Where(model => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>A model by its name, or by the source that it was pulled from.</summary>
    public StoredModel? Find(string name) => Named(name)
        ?? Only(All().Where(model => model.Record is { } record && record.Source.Equals(name, StringComparison.OrdinalIgnoreCase)));

    /// <summary>The end of a message that there is no model of a name: which it could have been, and how to see all.</summary>
    public string Hint(string name)
    {
        string[] near = [.. Near(name).Take(3)];
        return near.Length > 0 ? $"; did you mean {string.Join(" or ", near)}?" : "; edge-llm list shows what there is, edge-llm pull gets more";
    }

    /// <summary>Where a model's record lies.</summary>
    public string RecordPath(string name) => System.IO.Path.Combine(path, name + ".json");

    /// <summary>Deletes a model's files.</summary>
    public void Remove(StoredModel model)
    {
        foreach (string file in model.Files) File.Delete(file);
        if (model.Record is not null) File.Delete(RecordPath(model.Name));
    }

    // One contains the other, or few letters differ.
    private IEnumerable<string> Near(string name) =>
        from model in All()
        let distance = Distance(model.Name.ToUpperInvariant(), name.ToUpperInvariant())
        let contained = model.Name.Contains(name, StringComparison.OrdinalIgnoreCase) || name.Contains(model.Name, StringComparison.OrdinalIgnoreCase)
        where contained || distance <= Math.Max(name.Length / 3, 1)
        orderby contained descending, distance
        select model.Name;

    // Letters to insert, leave out or replace (Levenshtein).
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }

    private static StoredModel? Only(IEnumerable<StoredModel> models) => models.Take(2).ToArray() is [var one] ? one : null;

    // And how many parts it is split into: what is whole is no part of what is split.
    private static (string Name, int Parts) NameOf(string file)
    {
        string name = ModelName.WithoutEnding(System.IO.Path.GetFileName(file));
        return ModelName.Part(name) is { } part ? (part.Name, part.Count) : (name, 0);
    }

    private static Option<string?> MakeOption()
    {
        Option<string?> option = Opt.Text("--models-dir", [],
            $"The folder of pulled models. Without it the environment variable {Variable} names it, or it is the user's own.", "DIR");
        option.Recursive = true;
        return option;
    }
}
