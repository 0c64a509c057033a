using System.Globalization;

namespace Edge.Llm.Threading;

/// <summary>Linux's limits on processor time. <see cref="Environment.ProcessorCount"/> knows that of the process's own group; those of the groups
/// above hold as well.</summary>
internal static class CgroupQuota
{
    private const string ProcessorController = "cpu";

    /// <summary>As many processors as the tightest quota of the process's group and those above it gives time for, rounded up;
    /// <see cref="int.MaxValue"/> without one.</summary>
    /// <param name="groups">/proc/self/cgroup.</param>
    /// <param name="mounts">/proc/self/mountinfo.</param>
    public static int Processors(string groups, string mounts)
    {
        double least = double.PositiveInfinity;
        foreach ((string mountPoint, string folder, bool unified) in Folders(SystemFile.Lines(groups), SystemFile.Lines(mounts)))
            for (string? at = folder; at is not null && at.Length >= mountPoint.Length; at = Path.GetDirectoryName(at))
                least = Math.Min(least, unified ? UnifiedQuota(at) : OlderQuota(at));
        return least >= int.MaxValue ? int.MaxValue : Math.Max(1, (int)Math.Ceiling(least));
    }

    // The process's folder in each hierarchy that limits processors: version 2's, which has no list of controllers, or version 1's.
    private static IEnumerable<(string MountPoint, string Folder, bool Unified)> Folders(string[] groups, string[] mounts)
    {
        foreach (string group in groups)
        {
            string[] parts = group.Split(':', 3); // number:controllers:path
            if (parts.Length < 3) continue;
            bool unified = parts[1] == "";
            if (!unified && !parts[1].Split(',').Contains(ProcessorController)) continue;
            foreach (string mount in mounts)
            {
                // number parent device root mountpoint options [more...] - type source options
                string[] fields = mount.Split(' ');
                int dash = Array.IndexOf(fields, "-");
                if (dash < 6 || dash + 3 >= fields.Length || fields[dash + 1] != (unified ? "cgroup2" : "cgroup")) continue;
                if (!unified && !fields[dash + 3].Split(',').Contains(ProcessorController)) continue;
                string root = Unescaped(fields[3]), point = Unescaped(fields[4]);
                yield return (point, Folder(point, root, parts[2]), unified);
                break;
            }
        }
    }

    // A mount may show a part of the hierarchy only, and a path may lie outside it ("/../.."): then the part is all there is to see.
    private static string Folder(string mountPoint, string root, string path)
    {
        string within = root == "/" ? path : path == root ? "" : path.StartsWith(root + "/", StringComparison.Ordinal) ? path[root.Length..] : "";
        return within.Split('/').Contains("..") ? mountPoint : Path.Join(mountPoint, within).TrimEnd('/');
    }

    // cpu.max: "max 100000" or "150000 100000".
    private static double UnifiedQuota(string folder) =>
        SystemFile.Lines(Path.Join(folder, "cpu.max")) is [var line, ..] && line.Split(' ') is [var quota, var period, ..]
            ? Ratio(quota, period) : double.PositiveInfinity;

    // -1 is none.
    private static double OlderQuota(string folder) =>
        SystemFile.Lines(Path.Join(folder, "cpu.cfs_quota_us")) is [var quota, ..] && SystemFile.Lines(Path.Join(folder, "cpu.cfs_period_us")) is [var period, ..]
            ? Ratio(quota, period) : double.PositiveInfinity;

    private static double Ratio(string quota, string period) =>
        long.TryParse(quota, NumberStyles.None, CultureInfo.InvariantCulture, out long time)
        && long.TryParse(period, NumberStyles.None, CultureInfo.InvariantCulture, out long of) && time > 0 && of > 0
            ? (double)time / of : double.PositiveInfinity;

    // White space and backslashes are written in octal: \040.
    private static string Unescaped(string field)
    {
        for (int i = field.IndexOf('\\'); i >= 0 && i + 3 < field.Length; i = field.IndexOf('\\', i + 1))
            field = $"{field[..i]}{(char)((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + field[i + 3] - '0')}{field[(i + 4)..]}";
        return field;
    }
}
