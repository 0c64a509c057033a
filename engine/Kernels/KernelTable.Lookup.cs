namespace Edge.Llm.Kernels;

internal static partial class KernelTable
{
    /// <summary>The weight format of a tensor type, or null.</summary>
    public static FormatRow? FindFormat(GgmlType type)
    {
        foreach (FormatRow row in Formats)
            if (row.Type == type)
                return row;
        return null;
    }
}
