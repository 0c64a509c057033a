using System.Diagnostics;
using System.Text;

namespace Edge.Llm.Cli.Devices;

/// <summary>The process in which a plug-in is tried. A plug-in may print what it likes there, and leave processes behind that hold its pipes.</summary>
/// <param name="ExitCode">How it ended; null: it did not in time.</param>
/// <param name="Answer">The answer; null: it gave none.</param>
/// <param name="LastError">The last line of its standard error.</param>
internal sealed record ProbeProcess(int? ExitCode, string? Answer, string LastError)
{
    /// <summary>The time that it has; a driver compiles kernels.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const string Mark = "edge-llm devices: "; // tells the answer from what plug-ins print
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(2); // for what is in the pipes when it has ended

    /// <summary>Runs it with a plug-in.</summary>
    public static ProbeProcess Run(string plugin)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "edge-llm.dll"));
        foreach (string argument in (string[])["devices", PluginProbe.Option, plugin]) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        LastLine output = new(Mark), error = new("");
        Task reading = Task.WhenAll(output.ReadAsync(process.StandardOutput), error.ReadAsync(process.StandardError));
        bool ended = process.WaitForExit(Patience);
        if (!ended) End(process);
        Task.WaitAny([reading], s_rest);
        return new ProbeProcess(ended ? process.ExitCode : null, output.Text, error.Text ?? "");
    }

    /// <summary>Writes the answer.</summary>
    public static void Write(Stream output, ReadOnlySpan<byte> answer)
    {
        output.Write([.. Encoding.UTF8.GetBytes("\n" + Mark), .. answer, (byte)'\n']); // at once: a plug-in's threads may print as well
    }

    private static void End(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is AggregateException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // what cannot be ended is left
        }
    }

    // The last line that begins with a mark and is not empty, without the mark.
    private sealed class LastLine(string mark)
    {
        private const int MostChars = 1 << 22;

        private volatile string? _text;

        public string? Text => _text;

        public async Task ReadAsync(StreamReader reader)
        {
            var buffer = new char[1 << 12];
            var line = new StringBuilder();
            for (int count = 1; count > 0;)
            {
                count = await reader.ReadAsync(buffer).ConfigureAwait(false);
                for (int i = 0; i < count; i++)
                    if (buffer[i] == '\n') End(line);
                    else if (line.Length < MostChars) line.Append(buffer[i]);
            }
            End(line);
        }

        private void End(StringBuilder line)
        {
            string text = line.ToString().Trim();
            line.Clear();
            if (text.Length > mark.Length && text.StartsWith(mark, StringComparison.Ordinal)) _text = text[mark.Length..];
        }
    }
}
