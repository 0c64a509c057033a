using System.Globalization;

namespace Edge.Llm.Cli.Perplexity;

/// <summary>The results for people: a row a file.</summary>
internal static class QualityTable
{
    public static IEnumerable<string> Lines(IReadOnlyList<ModelQuality> models)
    {
        bool compared = models.Any(model => model.Result.Divergence is not null);
        List<string[]> rows = [["model", "MiB", "bits/weight", "perplexity", "top-1 %"]];
        if (compared) rows[0] = [.. rows[0], "KL divergence", "KL median", "KL 99 %", "same top-1 %"];
        foreach (ModelQuality model in models)
        {
            PerplexityResult result = model.Result;
            string[] row =
            [
                Failure.OneLine(model.Name) + (model.Complete ? "" : " (stopped)"), Number(model.SizeMiB, 1), Number(model.BitsPerWeight, 2),
                WithError(result.Perplexity, result.StandardError, 4), WithError(100 * result.Top1.Mean, 100 * result.Top1.StandardError, 2),
            ];
            if (result.Divergence is { } kl)
                row = [.. row, WithError(kl.Kl.Mean, kl.Kl.StandardError, 6), Number(kl.Quantile(0.5), 6), Number(kl.Quantile(0.99), 6),
                    WithError(100 * kl.SameTop1.Mean, 100 * kl.SameTop1.StandardError, 2)];
            rows.Add(row);
        }
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => column < row.Length ? row[column].Length : 0))];
        string Pad(string text, int column) => column == 0 ? text.PadRight(widths[0]) : text.PadLeft(widths[column]);
        return rows.Select(row => string.Join("  ", row.Select(Pad)));
    }

    private static string WithError(double value, double error, int digits) =>
        double.IsNaN(error) ? Number(value, digits) : $"{Number(value, digits)} ± {Number(error, digits)}";

    // Adding 0 makes a 0 of a -0.
    private static string Number(double value, int digits) =>
        (Math.Round(value, digits) + 0).ToString("F" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
