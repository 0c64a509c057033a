using System.Globalization;
using System.Security;
using System.Text;

namespace Edge.Llm.Cli.Perplexity;

/// <summary>Size against quality as an SVG: a point a file with its standard error. No background; lines and text follow the reader's
/// light or dark colours.</summary>
internal static class SizeQualityPlot
{
    private const int Width = 760, Height = 460, Left = 84, Right = 24, Top = 28, Bottom = 64, FontSize = 13, LabelHeight = 16;
    private const double CharWidth = 7.4, PointRadius = 5;

    public static string Draw(IReadOnlyList<ModelQuality> models)
    {
        bool divergence = models.All(model => model.Result.Divergence is not null);
        Point[] points = [.. models.Select(model => Measure(model, divergence))];
        Axis x = Axis.Over(points.Select(point => point.X), Left, Width - Right);
        Axis y = Axis.Over(points.SelectMany(point => (double[])[point.Y - point.Error, point.Y + point.Error]), Height - Bottom, Top);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{Width}} {{Height}}" font-family="system-ui, sans-serif" font-size="{{FontSize}}">
            <style>
            text { fill: #333 }
            .grid { stroke: #8884 }
            .axis { stroke: #888 }
            .point { fill: #2f7ed8; stroke: none }
            .error { stroke: #2f7ed8 }
            @media (prefers-color-scheme: dark) { text { fill: #ddd } }
            </style>

            """);
        DrawAxes(svg, x, y, divergence ? "mean KL divergence (nats, lower is better)" : "perplexity (lower is better)");
        var taken = new List<Box>();
        foreach (Point point in points) taken.Add(Box.Around(x.Map(point.X), y.Map(point.Y), 2 * PointRadius, 2 * PointRadius));
        foreach (Point point in points) DrawPoint(svg, point, x, y, taken);
        return svg.Append("</svg>\n").ToString();
    }

    private static Point Measure(ModelQuality model, bool divergence)
    {
        PerplexityResult result = model.Result;
        (double value, double error) = divergence && result.Divergence is { } kl
            ? (kl.Kl.Mean, kl.Kl.StandardError) : (result.Perplexity, result.StandardError);
        return new Point(model.Name, model.SizeMiB, value, double.IsNaN(error) ? 0 : error);
    }

    private static void DrawAxes(StringBuilder svg, Axis x, Axis y, string yTitle)
    {
        foreach (double tick in x.Ticks())
            svg.Append(CultureInfo.InvariantCulture, $"""
                <line class="grid" x1="{x.Map(tick):F1}" x2="{x.Map(tick):F1}" y1="{Top}" y2="{Height - Bottom}"/>
                <text x="{x.Map(tick):F1}" y="{Height - Bottom + 20}" text-anchor="middle">{tick:G6}</text>

                """);
        foreach (double tick in y.Ticks())
            svg.Append(CultureInfo.InvariantCulture, $"""
                <line class="grid" x1="{Left}" x2="{Width - Right}" y1="{y.Map(tick):F1}" y2="{y.Map(tick):F1}"/>
                <text x="{Left - 8}" y="{y.Map(tick) + 4:F1}" text-anchor="end">{tick:G6}</text>

                """);
        svg.Append(CultureInfo.InvariantCulture, $"""
            <path class="axis" fill="none" d="M{Left} {Top}V{Height - Bottom}H{Width - Right}"/>
            <text x="{(Left + Width - Right) / 2}" y="{Height - 16}" text-anchor="middle">file size (MiB)</text>
            <text transform="translate(18 {(Top + Height - Bottom) / 2}) rotate(-90)" text-anchor="middle">{yTitle}</text>

            """);
    }

    private static void DrawPoint(StringBuilder svg, Point point, Axis x, Axis y, List<Box> taken)
    {
        double px = x.Map(point.X), py = y.Map(point.Y), width = point.Name.Length * CharWidth;
        // The first place beside the point that is free and inside; else the first.
        Box[] places =
        [
            new(px + 9, py - (LabelHeight / 2), width), new(px - 9 - width, py - (LabelHeight / 2), width),
            new(px - (width / 2), py - 10 - LabelHeight, width), new(px - (width / 2), py + 10, width),
            new(px + 9, py - 6 - LabelHeight, width), new(px + 9, py + 6, width),
            new(px - 9 - width, py - 6 - LabelHeight, width), new(px - 9 - width, py + 6, width),
        ];
        Box label = Array.Find(places, place => place.X >= Left && place.X + width <= Width && !taken.Exists(place.Overlaps)) ?? places[0];
        taken.Add(label);
        if (point.Error > 0)
            svg.Append(CultureInfo.InvariantCulture,
                $"<line class=\"error\" x1=\"{px:F1}\" x2=\"{px:F1}\" y1=\"{y.Map(point.Y - point.Error):F1}\" y2=\"{y.Map(point.Y + point.Error):F1}\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"""
            <circle class="point" cx="{px:F1}" cy="{py:F1}" r="{PointRadius}"/>
            <text x="{label.X:F1}" y="{label.Y + LabelHeight - 4:F1}">{Escape(point.Name)}</text>

            """);
    }

    private static string Escape(string text) => SecurityElement.Escape(Failure.OneLine(text));

    private sealed record Point(string Name, double X, double Y, double Error);

    private sealed record Box(double X, double Y, double Width, double Height = LabelHeight)
    {
        public static Box Around(double x, double y, double width, double height) => new(x - (width / 2), y - (height / 2), width, height);

        public bool Overlaps(Box other) => X < other.X + other.Width && other.X < X + Width && Y < other.Y + other.Height && other.Y < Y + Height;
    }

    /// <summary>Values from Min to Max lie between two places of the picture, with round numbers as ticks.</summary>
    private sealed record Axis(double Min, double Max, double Step, double From, double To)
    {
        public static Axis Over(IEnumerable<double> values, double from, double to)
        {
            double[] all = [.. values];
            double low = all.Min(), high = all.Max(), margin = high > low ? 0.08 * (high - low) : Math.Max(0.1 * Math.Abs(high), 1e-6);
            (low, high) = (low >= 0 ? Math.Max(0, low - margin) : low - margin, high + margin);
            double rough = (high - low) / 6, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
            double step = power * ((rough / power) switch { < 1.5 => 1, < 3.5 => 2, < 7.5 => 5, _ => 10 });
            return new Axis(low, high, step, from, to);
        }

        public double Map(double value) => From + ((value - Min) / (Max - Min) * (To - From));

        public IEnumerable<double> Ticks()
        {
            for (long i = (long)Math.Ceiling(Min / Step); i * Step <= Max; i++) yield return i * Step;
        }
    }
}
