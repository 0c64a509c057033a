using System.Diagnostics;
using System.Globalization;

namespace Edge.Llm.Tests.Support;

/// <summary>A file system in memory that is soon full. Only root can have one; the test is inconclusive for others.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly bool _mounted;

    public SmallDisk(int bytes)
    {
        _mounted = Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={bytes}"), "tmpfs", Folder) == 0;
        if (_mounted) return;
        Dispose();
        Assert.Inconclusive("cannot mount a file system in memory");
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory().FullName;

    public void Dispose()
    {
        if (_mounted) _ = Run("umount", "-l", Folder);
        Directory.Delete(Folder, recursive: true);
    }

    private static int Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
