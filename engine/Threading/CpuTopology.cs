using System.Globalization;

namespace Edge.Llm.Threading;

/// <summary>How many threads suit this process on this machine.</summary>
internal static class CpuTopology
{
    /// <summary>Processors at hand: what the affinity mask (which <see cref="Environment.ProcessorCount"/> covers) and the quotas of the process's
    /// cgroups leave; at least 1.</summary>
    public static int Processors()
    {
        int processors = Math.Max(1, Environment.ProcessorCount);
        return OperatingSystem.IsLinux() ? Math.Min(processors, CgroupQuota.Processors("/proc/self/cgroup", "/proc/self/mountinfo")) : processors;
    }

    /// <summary>One thread a physical core, within <see cref="Processors"/>; at least 1.</summary>
    public static int DefaultThreads()
    {
        int processors = Processors();
        if (!OperatingSystem.IsLinux()) return processors;
        int cores = PhysicalCores("/sys/devices/system/cpu", AllowedProcessors("/proc/self/status"));
        return cores == 0 ? processors : Math.Min(cores, processors);
    }

    /// <summary>Number of distinct cores among the processors: those with the same <c>thread_siblings_list</c> share one.
    /// 0 if the system does not tell.</summary>
    internal static int PhysicalCores(string root, IReadOnlyList<int> processors)
    {
        var cores = new HashSet<string>();
        foreach (int processor in processors)
        {
            string siblings = SystemFile.Text(Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"cpu{processor}"), "topology", "thread_siblings_list"));
            if (siblings != "") cores.Add(siblings.Trim());
        }
        return cores.Count;
    }

    /// <summary>The processors that the affinity mask allows, from <c>Cpus_allowed_list</c> of a status file.</summary>
    internal static IReadOnlyList<int> AllowedProcessors(string statusFile)
    {
        const string Key = "Cpus_allowed_list:";
        foreach (string line in SystemFile.Lines(statusFile))
            if (line.StartsWith(Key, StringComparison.Ordinal))
                return ParseList(line[Key.Length..]);
        return [];
    }

    /// <summary>A list as the kernel writes it: <c>0-3,8</c>. What cannot be read is left out.</summary>
    internal static IReadOnlyList<int> ParseList(string list)
    {
        var numbers = new List<int>();
        foreach (string range in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] ends = range.Split('-');
            if (!int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)) continue;
            if (!int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)) continue;
            for (int i = first; i <= last && numbers.Count < 65536; i++) numbers.Add(i);
        }
        return numbers;
    }
}
