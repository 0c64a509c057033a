namespace Edge.Llm;

/// <summary>The engine's version.</summary>
public static class EngineVersion
{
    /// <summary>As text: "major.minor.patch".</summary>
    public const string Text = ProjectVersion.Text;

    /// <summary>Version of the canonical arithmetic: results of equal versions are equal bit for bit.</summary>
    public const int Arithmetic = Kernels.Canonical.Version;

    /// <summary>As UTF-8, with a terminating zero behind it.</summary>
    public static ReadOnlySpan<byte> Utf8 => ProjectVersion.Utf8;
}
