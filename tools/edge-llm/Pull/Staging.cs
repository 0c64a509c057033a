using System.Text;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli.Pull;

/// <summary>A folder beside the models for one that is being pulled. One process has it at a time; what a stopped one leaves, the next goes on
/// with.</summary>
internal sealed class Staging : IDisposable
{
    private const string Folder = ".pulling", LockName = "lock", MovingName = "moving";
    private readonly string _path;
    private readonly FileStream _lock;

    private Staging(string path, FileStream @lock)
    {
        _path = path;
        _lock = @lock;
    }

    /// <summary>Makes the folder, or takes that of a pull that was stopped.</summary>
    /// <exception cref="UsageException">Another process is pulling this model.</exception>
    public static Staging Open(ModelFolder folder, string name)
    {
        string path = PathOf(folder, name);
        Directory.CreateDirectory(path);
        try
        {
            return new Staging(path, new FileStream(Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1,
                FileOptions.DeleteOnClose));
        }
        catch (IOException e) when (IsLocked(e))
        {
            throw new UsageException($"another process is pulling {name}");
        }
    }

    /// <summary>The files of a pull that was stopped, or none.</summary>
    public static bool Exists(ModelFolder folder, string name) => Directory.Exists(PathOf(folder, name));

    /// <summary>Where a file lies until all are there.</summary>
    public string PathOf(string fileName) => Path.Combine(_path, fileName);

    /// <summary>Moves a model's files beside the others, and deletes the rest. All of them are there and right: from now on the model is the new
    /// one, whenever the process is stopped (<see cref="FinishMove"/>).</summary>
    public void MoveTo(ModelFolder folder, IEnumerable<string> names)
    {
        AtomicFile.Write(PathOf(MovingName), stream => stream.Write(Encoding.UTF8.GetBytes(string.Join('\n', names))));
        FinishMove(folder);
    }

    /// <summary>Moves what a pull had not moved yet that was stopped among its files.</summary>
    public void FinishMove(ModelFolder folder)
    {
        if (!File.Exists(PathOf(MovingName))) return;
        foreach (string name in File.ReadAllLines(PathOf(MovingName)))
            if (File.Exists(PathOf(name))) File.Move(PathOf(name), Path.Combine(folder.Path, name), overwrite: true);
        Clear();
    }

    /// <summary>Deletes what was fetched.</summary>
    public void Clear()
    {
        File.Delete(PathOf(MovingName)); // first: what is deleted in part must not be moved any more
        foreach (string file in Directory.EnumerateFiles(_path))
            if (Path.GetFileName(file) != LockName) File.Delete(file);
    }

    /// <summary>Lets the next have it; an empty folder is deleted.</summary>
    public void Dispose()
    {
        _lock.Dispose();
        try
        {
            Directory.Delete(_path);
            Directory.Delete(Path.GetDirectoryName(_path)!);
        }
        catch (IOException)
        {
            // There is something to go on with, or another process pulls.
        }
    }

    private static string PathOf(ModelFolder folder, string name) => Path.Combine(folder.Path, Folder, name.ToLowerInvariant());

    private static bool IsLocked(IOException e)
    {
        const int LinuxAgain = 11, MacAgain = 35, WindowsSharing = unchecked((int)0x80070020);
        return e.HResult == (OperatingSystem.IsWindows() ? WindowsSharing : OperatingSystem.IsLinux() ? LinuxAgain : MacAgain);
    }
}
