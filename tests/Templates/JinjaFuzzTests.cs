using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Edge.Llm.Templates.Jinja;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Templates;

/// <summary>Random expressions against Jinja2, where Python has it. Either may refuse what the other renders only if it is named here.</summary>
[TestClass]
public sealed partial class JinjaFuzzTests
{
    private static readonly string[] s_values =
    [
        "name", "n", "f", "big", "none", "yes", "empty", "list", "words", "map", "users", "emoji", "missing", "''", "'x,y;z'", "'%s-%d'", "'{}'", "0", "-1", "0.1", "[1, 2]", "['b', 'a', 'B']",
        "(1, 2)", "()", "{}", "{'a': 1}", "range(4)", "range(5, 1, -2)", "map.items()", "map.keys()", "'ẞﬁ'", "'A-b c'", "10 ** 20", "'3.7'", "users[0]", "words|map('upper')", "'\\t\\n x'", "'<b>'|safe",
    ];

    private static readonly string[] s_steps =
    [
        "a.upper()", "a.title()", "a.casefold()", "a.split()", "a.rsplit(',', 1)", "a.splitlines(true)", "a.partition(',')", "a.replace('a', '-')", "a.find('b', 1)", "a.ljust(7, '.')", "a.center(8)",
        "a.zfill(6)", "a.expandtabs(3)", "a.isnumeric()", "a.index('a')", "a.count('')", "a.items()|list", "a.keys()|list", "a.get('a')", "a|length", "a|list", "a|first", "a|last", "a|join('-')", "a|sort",
        "a|unique|list", "a|reverse|list", "a|max", "a|sum", "a|batch(2)|list", "a|slice(2, 0)|list", "a|map('string')|list", "a|select|list", "a|tojson", "a|tojson(indent=1)", "a|string", "a|upper", "a|title",
        "a|capitalize", "a|trim", "a|wordcount", "a|urlencode", "a|escape", "a|int", "a|float", "a|round(1)", "a|abs", "a|dictsort", "a|default('d', true)", "a|truncate(3, true, '', 0)", "a|center(9)",
        "a|replace('a', 'b')", "a is defined", "a is sequence", "a is iterable", "a is mapping", "a is number", "a is lower", "a is odd", "a + b", "a - b", "a * n", "a // b", "a / b", "a % b", "a ~ b", "a == b", "a < b",
        "b in a", "a[b]", "a[1:]", "a[::-1]", "a[0]", "a and b", "a or b", "[a, b]", "(a, b)", "{b: a}", "{'k': a}", "[a, b]|sort", "[a, b]|unique|list", "[b, a].index(a)", "'%s|%r' % (a, b)", "'%6.2s|' % (a,)",
        "'%05d' % (a,)", "'%+.3f' % (a,)", "'%x' % (a,)", "'%g' % (a,)", "'{}{!r}'.format(a, b)", "'{:>8}'.format(a)", "'{:,}'.format(a)", "'{:08.2f}'.format(a)", "a if b else 7", "namespace(x=a).x", "a|attr('a')",
    ];

    private static readonly string[] s_ends = ["{{ a }}", "{{ [a] }}", "{% for x in a %}{{ loop.index }}{{ x }};{% else %}-{% endfor %}", "{% if a %}t{% else %}f{% endif %}"];

    [TestMethod]
    public void RandomExpressionsRenderAsInJinja2()
    {
        string folder = Path.Combine(RepositoryFiles.Root(), "tests", "data", "jinja");
        if (!HasJinja2()) Assert.Inconclusive("python3 with Jinja2 is not on this machine");
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "golden.json")));
        JsonElement context = golden.RootElement.GetProperty("context");
        string[] templates = Templates(new Random(20240706), Settings.Full ? 20_000 : 2_000);
        string[] lines = Reference(Path.Combine(folder, "reference.py"), templates.Select(template => $"[{JsonSerializer.Serialize(template)}, {context.GetRawText()}]"));
        Assert.HasCount(templates.Length, lines);
        var differences = new List<string>();
        for (int i = 0; i < templates.Length; i++)
        {
            string? expected = JsonSerializer.Deserialize<string?>(lines[i]);
            if (expected is not null && Address().IsMatch(expected)) expected = null;
            (string? text, EdgeLlmException? error) = Render(templates[i], context);
            if (text != expected && error?.Code != ErrorCode.Unsupported) differences.Add($"{templates[i]}: expected {expected ?? "an error"}, found {text ?? error?.Message}");
        }
        Assert.IsEmpty(differences, string.Join('\n', differences));
    }

    private static string[] Templates(Random random, int count)
    {
        string Pick(string[] from) => from[random.Next(from.Length)];
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            IEnumerable<string> steps = Enumerable.Range(0, random.Next(1, 4)).Select(_ => $"{{% set a = {Pick(s_steps)} %}}");
            return $"{{% set a = {Pick(s_values)} %}}{{% set b = {Pick(s_values)} %}}{string.Concat(steps)}{Pick(s_ends)}";
        })];
    }

    private static (string? Text, EdgeLlmException? Error) Render(string template, JsonElement context)
    {
        var input = new TemplateInput(argumentsAsText: false);
        try
        {
            return (ChatTemplate.Parse(template).Evaluate([.. context.EnumerateObject().Select(member => (member.Name, input.Convert(member.Value)))], 1000, null).Value, null);
        }
        catch (EdgeLlmException error)
        {
            return (null, error);
        }
    }

    private static bool HasJinja2()
    {
        try
        {
            using Process python = Process.Start(new ProcessStartInfo("python3", ["-c", "import jinja2.sandbox"]) { RedirectStandardError = true })!;
            python.StandardError.ReadToEnd();
            python.WaitForExit();
            return python.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static string[] Reference(string program, IEnumerable<string> lines)
    {
        var start = new ProcessStartInfo("python3", ["-W", "ignore", program]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process python = Process.Start(start)!;
        Task<string> output = python.StandardOutput.ReadToEndAsync();
        foreach (string line in lines) python.StandardInput.WriteLine(line);
        python.StandardInput.Close();
        return output.GetAwaiter().GetResult().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>What has no fixed text in Python.</summary>
    [GeneratedRegex(" at 0x[0-9a-f]+>", RegexOptions.IgnoreCase)]
    private static partial Regex Address();
}
