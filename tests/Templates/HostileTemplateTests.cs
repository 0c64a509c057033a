using System.Text;
using System.Text.Json;
using Edge.Llm.Templates.Jinja;
using FsCheck;
using FsCheck.Fluent;
using JinjaTestTable = Edge.Llm.Templates.Jinja.Tests;

namespace Edge.Llm.Tests.Templates;

/// <summary>Templates that come with a model file are not trusted: whatever they try ends in a typed error, soon.</summary>
[TestClass]
public sealed class HostileTemplateTests
{
    private const string Macro = "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}";

    [TestMethod]
    [DataRow("{% for i in range(10 ** 9) %}{% endfor %}", DisplayName = "a long range")]
    [DataRow("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", DisplayName = "nested loops")]
    [DataRow("{% for i in range(99999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}", DisplayName = "much output")]
    [DataRow("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", DisplayName = "a doubling text")]
    [DataRow("{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", DisplayName = "a doubling list")]
    [DataRow("{{ 'x' * 10 ** 12 }}", DisplayName = "a repeated text")]
    [DataRow("{{ ([1] * 10 ** 12)|length }}", DisplayName = "a repeated list")]
    [DataRow("{{ [] * 10 ** 12 }}", DisplayName = "an empty list, repeated")]
    [DataRow("{{ 2 ** 100000 }}", DisplayName = "a great power")]
    [DataRow("{% set l = [1] %}{% for i in l %}{% set _ = l.append(l) %}{% endfor %}{{ l }}", DisplayName = "a list that holds itself, as text")]
    [DataRow("{% set l = [1] %}{% set _ = l.append(l) %}{{ l|tojson }}", DisplayName = "a list that holds itself, as JSON")]
    [DataRow("{% set l = [] %}{% set _ = l.append(l) %}{% set m = [] %}{% set _ = m.append(m) %}{{ l == m }}", DisplayName = "endless comparison")]
    [DataRow(Macro, DisplayName = "endless recursion")]
    [DataRow("{% macro f(g) %}{% call f(g) %}{{ caller() }}{% endcall %}{% endmacro %}{{ f(1) }}", DisplayName = "endless call blocks")]
    [DataRow("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}", DisplayName = "exponential recursion")]
    [DataRow("{% set s = 'ab' * 500000 %}{% for i in range(99999) %}{{ s.replace('a', 'cc')|length }}{% endfor %}", DisplayName = "many replacements")]
    [DataRow("{% set s = 'a' * 1000000 %}{% for i in range(99999) %}{% if s == s ~ '' %}{% endif %}{% endfor %}", DisplayName = "long comparisons")]
    [DataRow("{% set s = 'a' * 4000000 %}{% set p = 'a' * 1000000 ~ 'b' ~ 'a' * 1000000 %}{% for i in range(9999) %}{{ p in s }}{% endfor %}", DisplayName = "slow searches")]
    [DataRow("{% set s = 'a ' * 1000000 %}{% for i in range(9999) %}{% for x in s.split() %}{% endfor %}{% endfor %}", DisplayName = "many splits")]
    [DataRow("{% set l = range(99999)|list %}{% for i in l %}{{ l|sort(reverse=true)|first }}{% endfor %}", DisplayName = "many sorts")]
    [DataRow("{% set l = range(99999)|list %}{% for i in l %}{{ l|unique|list|length }}{% endfor %}", DisplayName = "many lists of different items")]
    [DataRow("{% set l = range(99999)|list %}{% for i in l %}{{ l.pop(0) }}{{ i in l }}{% endfor %}", DisplayName = "moving lists")]
    [DataRow("{% set ns = namespace(d={}) %}{% for i in range(99999) %}{% set ns.d = {'a': ns.d} %}{% endfor %}{{ ns.d }}", DisplayName = "deep dictionaries")]
    [DataRow("{% for i in range(99999) %}{% for j in range(99) %}{% set _ = messages.append(['x', {'k': []}]) %}{% endfor %}{% endfor %}", DisplayName = "many small objects")]
    [DataRow("{% for i in range(999) %}{{ range(99999)|batch(1, 0)|slice(99999)|list|length }}{% endfor %}", DisplayName = "batches of slices")]
    [DataRow("{{ [1]|batch(999999999, 0)|list }}", DisplayName = "a batch filled up")]
    [DataRow("{{ '%s' * 1000000 % 1 }}", DisplayName = "a long format")]
    [DataRow("{{ 'x'|indent(10 ** 18) }}{{ ('x\\n' * 900000)|indent(10 ** 6) }}", DisplayName = "deep indents")]
    [DataRow("{{ 'a'.ljust(10 ** 12) }}", DisplayName = "a wide ljust")]
    [DataRow("{{ 'a'.center(10 ** 12, '-') }}", DisplayName = "a wide center")]
    [DataRow("{{ 'a'.rjust(10 ** 30) }}", DisplayName = "a wider rjust")]
    [DataRow("{{ '-1'.zfill(10 ** 12) }}", DisplayName = "a wide zfill")]
    [DataRow("{{ '\t'.expandtabs(10 ** 12) }}", DisplayName = "a wide tab")]
    [DataRow("{{ 'a'|center(10 ** 12) }}", DisplayName = "a wide center filter")]
    [DataRow("{{ '%1000000000d' % 1 }}", DisplayName = "a wide number")]
    [DataRow("{{ '%01000000000d' % 1 }}", DisplayName = "a number of many zeros")]
    [DataRow("{{ '%*s' % (10 ** 12, 'a') }}", DisplayName = "a width that is given")]
    [DataRow("{{ '%.1000000000f' % 1.5 }}", DisplayName = "many decimals")]
    [DataRow("{{ '{:1000000000}'.format('a') }}", DisplayName = "a wide field")]
    [DataRow("{{ '{:01000000000,}'.format(1) }}", DisplayName = "a wide field of groups")]
    [DataRow("{{ '{:.1000000000%}'.format(1.5) }}", DisplayName = "a field of many decimals")]
    [DataRow("{{ '{:{}}'.format('a', 10 ** 12) }}", DisplayName = "a field whose width is given")]
    [DataRow("{% set ns = namespace(s='x') %}{% for i in range(9999) %}{% set ns.s = ns.s.ljust(ns.s|length * 2) %}{% endfor %}", DisplayName = "a text padded over and over")]
    [DataRow("{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('', ns.s) %}{% endfor %}", DisplayName = "a text that replaces itself")]
    [DataRow("{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}", DisplayName = "a number that grows")]
    [DataRow("{% set n = 10 ** 4000 %}{% for i in range(99999) %}{% for j in range(99999) %}{{ n * n // n }}{% endfor %}{% endfor %}", DisplayName = "many long numbers")]
    [DataRow("{% set s = '7' * 4300 %}{% for i in range(99999) %}{{ s|int is odd }}{% endfor %}", DisplayName = "many long numbers read")]
    [DataRow("{% set s = 1.1 %}{% for i in range(99999) %}{{ s ** 1000 }}{% endfor %}", DisplayName = "many powers")]
    [DataRow("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}", DisplayName = "an endless recursive loop")]
    [DataRow("{% for x in range(9) recursive %}{% if loop.depth < 99 %}{{ loop(range(9)) }}{% endif %}{% endfor %}", DisplayName = "an exponential recursive loop")]
    [DataRow("{% set s = 'a' * 4000000 %}{% for i in range(9999) %}{{ s.strip('b' * 1000000 ~ 'a') }}{% endfor %}", DisplayName = "slow strips")]
    [DataRow("{% set s = 'a' * 4000000 %}{% for i in range(9999) %}{{ s.upper()|length }}{{ s.count('a', 1) }}{% endfor %}", DisplayName = "many case mappings")]
    [DataRow("{% set s = '\u03a3' * 200000 %}{% for i in range(9999) %}{{ s.lower()|length }}{% endfor %}", DisplayName = "many final sigmas")]
    [DataRow("{% set s = \"A\" ~ \"'\" * 20000 %}{% for i in range(99999) %}{{ (s ~ '\u03a3' * 20000).lower()|length }}{% endfor %}", DisplayName = "sigmas after much that has no case")]
    [DataRow("{% set s = 'a-' * 1000000 %}{% for i in range(9999) %}{{ s|wordwrap(1) }}{% endfor %}", DisplayName = "many wraps")]
    [DataRow("{{ ('a' * 100000)|wordwrap(1, wrapstring='b' * 1000) }}", DisplayName = "long ends of lines")]
    [DataRow("{% set ns = namespace(t=()) %}{% for i in range(99999) %}{% set ns.t = (ns.t, ns.t) %}{% set d = {ns.t: 1} %}{% endfor %}", DisplayName = "deep keys")]
    [DataRow("{% set ns = namespace(t=(1, 2)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ ns.t in {1: 2} }}", DisplayName = "an exponential key")]
    [DataRow("{{ [[1]]|tojson(indent=10 ** 9) }}", DisplayName = "a deep indent of JSON")]
    [DataRow("{{ ('\u20ac' * 9000000)|urlencode|urlencode|urlencode }}", DisplayName = "texts encoded over and over")]
    [DataRow("{{ strftime_now('%c' * 9000000) }}", DisplayName = "many dates")]
    public void EndInAnError(string template)
    {
        ChatTemplate parsed = ChatTemplate.Parse(template);
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => parsed.Render([new ChatMessage("user", "hi")]));
        Assert.IsTrue(error.Code is ErrorCode.InvalidArgument or ErrorCode.Unsupported, error.Message);
        StringAssert.Contains(error.Message, "line 1:");
    }

    [TestMethod]
    [DataRow("{{ ", "(", 100_000, DisplayName = "parentheses")]
    [DataRow("{{ ", "[", 100_000, DisplayName = "brackets")]
    [DataRow("{{ ", "not ", 100_000, DisplayName = "not")]
    [DataRow("{{ ", "-", 100_000, DisplayName = "minus")]
    [DataRow("{{ 1", " if 1 else 1", 40_000, DisplayName = "inline ifs")]
    [DataRow("{{ x", "[x", 100_000, DisplayName = "subscripts")]
    [DataRow("", "{% if 1 %}", 50_000, DisplayName = "ifs")]
    [DataRow("", "{% for x in y %}", 30_000, DisplayName = "fors")]
    [DataRow("{% for ", "(", 100_000, DisplayName = "targets")]
    [DataRow("{{ 1", " + 1", 100_000, " }}", DisplayName = "a long sum")]
    [DataRow("{{ x", "|trim", 100_000, " }}", DisplayName = "many filters")]
    [DataRow("{{ messages", "[:]", 100_000, " }}", DisplayName = "many slices")]
    [DataRow("{% set x | trim", "|trim", 90_000, " %}{% endset %}", DisplayName = "many set filters")]
    [DataRow("", "x", 1 << 20, DisplayName = "1 MB of text")]
    [DataRow("", "{{ x }}", 150_000, DisplayName = "1 MB of output")]
    [DataRow("", "{#", 500_000, DisplayName = "open comments")]
    [DataRow("{% raw %}", "{% ", 170_000, DisplayName = "open raw blocks")]
    public void DeepOrLargeTemplatesEndInAnError(string begin, string repeated, int count, string end = "")
    {
        string template = begin + new StringBuilder().Insert(0, repeated, count) + end;
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => ChatTemplate.Parse(template).Render([new ChatMessage("user", "hi")]));
        StringAssert.Contains(error.Message, "line 1:");
    }

    /// <summary>Pieces of templates in any order: a text or a typed error, never another exception.</summary>
    [TestMethod]
    public void AnyTextIsRenderedOrRefused()
    {
        string[] pieces =
        [
            "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "{%-", "-%}", " if ", " for ", " in ", " set ", " macro ", " call ", " filter ", " else ", " endif ",
            " endfor ", " endset ", " endmacro ", " endcall ", "raw", "endraw", " x ", "x.y", "messages", "[0]", "[", "]", "(", ")", "{", "}", "'a'", "\"", "1", "2.5", "**", "//",
            "%", "~", "|", "|trim", "|join", "|length", "|tojson", "|sort", "|first", "|int", "|items", "|map('upper')", "|select('odd')", "|batch(2)", "|slice(2)", "|round(2)",
            "|groupby('a')", "|indent(2)", ".split()", ".split('')", ".format(1)", ".replace('', 'b')", ".pop()", ".items()", ".get(1)", ".title()", ".insert(9, 1)", " is ",
            " not ", " and ", " defined ", "none", "true", ":", "::-1", ",", "=", "==", "<", "range(3)", " recursive ", "loop(x)", " print ", " generation ", "0x1F", "'\\777'", "'\\N{x}'", "'%5.2f|%(a)s'", " % 5", " % {'a': 1}", ".ljust(9)", ".format(x=1)",
            "'{:>{}}'", "|wordwrap(3)", "|truncate(4)", "|urlencode", "9999999999999999999", "\r", "namespace(a=1)", "loop.index", "dict(a=1)", "cycler(1)", "\n", " text ", "🙂",
            "{{ x }}", "{% if x %}", "{% endif %}", "{% for x in messages %}", "{% endfor %}", "{% set x = [1, 'b', none] %}", "{% set x = {'a': 1} %}", "{{ messages", "{{ 'a b'",
        ];
        Gen<string> templates = Gen.Choose(1, 14).SelectMany(count => Gen.Elements(pieces).ArrayOf(count)).Select(parts => string.Concat(parts));
        Prop.ForAll(templates.ToArbitrary(), source =>
        {
            try
            {
                ChatTemplate.Parse(source).Render([new ChatMessage("user", "hi"), new ChatMessage("x", null)]);
            }
            catch (EdgeLlmException error)
            {
                return error.Message.StartsWith("chat template, line ", StringComparison.Ordinal);
            }
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(30_000));
    }

    /// <summary>Filters, tests and methods on values that they were not made for.</summary>
    [TestMethod]
    public void AnyOperationOnAnyValueIsTyped()
    {
        string[] values = ["none", "missing", "true", "-3", "2.5", "''", "'a b'", "[]", "[1, 'a', none]", "(1,)", "{}", "{'a': 1, 2: none}", "namespace(a=1)", "range", "messages", "1e300 * 1e300"];
        string[] operations =
        [
            .. Filters.Names.Select(name => "|" + name), .. Filters.Names.Select(name => "|" + name + "('a')"), .. Filters.Names.Select(name => "|" + name + "(-1, 'x')"),
            .. JinjaTestTable.Names.Where(name => char.IsLetter(name[0])).Select(name => " is " + name), .. JinjaTestTable.Names.Where(name => char.IsLetter(name[0])).Select(name => " is " + name + "(0)"),
            .. StringMethods.Table.Keys.Concat(ContainerMethods.OfList.Keys).Concat(ContainerMethods.OfDict.Keys).Distinct()
                .SelectMany(name => new[] { $".{name}()", $".{name}('a')", $".{name}(-2, 'b')", $".{name}(none, -1)" }),
            "[0]", "[-9]", "['a']", "[none]", "[:]", "[::0]", "[9:-9:-2]", "['a':]", ".a", "()", " + 1", " + 'a'", " * 3", " - 1", " / 2", " // 0", " % 2", " ** 2", " ** 0.5", " ~ 1", " < 1",
            " == 1", " in 'a'", " in [1]", " in {}", " in none", "|map('first')", "|map(attribute='a.0')", "|select('eq', 1)", "|tojson(indent=2)|length", "|sort(attribute=0)",
        ];
        foreach (string value in values)
            foreach (string operation in operations)
            {
                string source = $"{{{{ ({value}){operation} }}}}{{% for x in ({value}){operation} %}}{{{{ x }}}}{{% endfor %}}";
                try
                {
                    ChatTemplate.Parse(source).Render([new ChatMessage("user", "hi")]);
                }
                catch (Exception error) when (error is not EdgeLlmException)
                {
                    Assert.Fail($"{source}: {error}");
                }
                catch (EdgeLlmException)
                {
                    // Typed, as it should be.
                }
            }
    }

    /// <summary>The limits leave room for what is real: a long talk, and a great many messages.</summary>
    [TestMethod]
    public void LargeConversationsFit()
    {
        ChatTemplate template = ChatTemplate.Parse(
            "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>' + '\n' }}{% endfor %}");
        var messages = new List<ChatMessage>();
        for (int i = 0; i < 20_000; i++) messages.Add(new ChatMessage(i % 2 == 0 ? "user" : "assistant", $" turn {i} "));
        messages.Add(new ChatMessage("user", new string('x', 8_000_000)));
        Assert.IsGreaterThan(8_000_000, template.Render(messages).Text.Length);
    }

    [TestMethod]
    public void DeepJsonIsRefused()
    {
        using JsonDocument deep = JsonDocument.Parse(new string('[', 500) + new string(']', 500), new JsonDocumentOptions { MaxDepth = 1000 });
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => ChatTemplate.Parse("{{ tools }}").Render([], deep.RootElement));
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
    }

    [TestMethod]
    public void ASmallStackSufficesForAnError()
    {
        EdgeLlmException? error = null;
        var thread = new Thread(() => error = Assert.ThrowsExactly<EdgeLlmException>(() => ChatTemplate.Parse(Macro).Render([])), 256 << 10);
        thread.Start();
        thread.Join();
        StringAssert.Contains(error!.Message, "nests");
    }
}
