using System.Text.Json;
using Edge.Llm.Templates.Jinja;

namespace Edge.Llm.Tests.Templates;

/// <summary>The template language, case by case; each expected text is what Jinja2 3.1 gives.</summary>
[TestClass]
public sealed class JinjaTests
{
    private const string Data = """
        {"name": "Ann", "n": 3, "f": 1.5, "none": null, "yes": true, "empty": [], "list": [3, 1, 2], "words": ["b", "A", "c", "a"],
         "map": {"b": 1, "a": {"x": [1, 2]}}, "users": [{"n": "x", "age": 2, "on": true}, {"n": "y", "age": 1, "on": false}, {"n": "z", "age": 2}]}
        """;

    [TestMethod]
    // Loops
    [DataRow("{% for x in list %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ ',' if not loop.last }}{% endfor %}", "1/3:3,2/3:1,3/3:2")]
    [DataRow("{% for x in list %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{% endfor %}", "032True121False210False")]
    [DataRow("{% for x in list %}[{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}]{% endfor %}", "[<3>1][3<1>2][1<2>]")]
    [DataRow("{% for x in list if x > 1 %}{{ loop.index }}={{ x }} {% endfor %}", "1=3 2=2 ")]
    [DataRow("{% for x in empty %}{{ x }}{% else %}none{% endfor %}", "none")]
    [DataRow("{% for k, v in map.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a={'x': [1, 2]};")]
    [DataRow("{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}", "0134")]
    [DataRow("{% set x = 0 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}", "1 2 0")]
    [DataRow("{% set ns = namespace(x=0) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "3")]
    [DataRow("{% for c in 'aé🙂' %}{{ c }}.{% endfor %}{{ 'aé🙂'|length }}", "a.é.🙂.3")]
    [DataRow("{% for x in list %}{{ loop.cycle('a', 'b') }}{% endfor %}{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}", "abaTrueFalseTrue")]
    [DataRow("{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123")]
    // Conditions and expressions
    [DataRow("{% if n > 5 %}a{% elif n == 3 %}b{% else %}c{% endif %}", "b")]
    [DataRow("{{ 1 < n < 4 }} {{ 1 < n < 2 }} {{ 'a' if yes }}|{{ 'a' if empty }}", "True False a|")]
    [DataRow("{{ 'A' in name }} {{ 'x' not in name }} {{ 3 in list }} {{ 'b' in map }} {{ 1 in map }}", "True True True True False")]
    [DataRow("{{ empty or 'x' }} {{ name and n }} {{ not empty }} {{ none or missing or 0 }}", "x 3 True 0")]
    [DataRow("{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }}", "3 -4 1 2 3.5 1024 0.5 3.0")]
    [DataRow("{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -n + 1 }} {{ 'ab' * 2 }} {{ [1] + [2] }} {{ 'a' ~ 1 ~ none }}", "3 9 -2 abab [1, 2] a1None")]
    [DataRow("{{ -3|abs }} {{ 2 * 3|string }} {{ not true is none }}", "3 33 True")]
    [DataRow("{{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ (1,) == [1] }} {{ none == none }}", "True True True True False True")]
    // How Python writes values
    [DataRow("{{ none }} {{ true }} {{ 1.0 }} {{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 123456789.25 }} {{ -0.5 }}", "None True 1.0 1e+16 1e-05 0.30000000000000004 123456789.25 -0.5")]
    [DataRow("""{{ ['a', "it's", 'q"q', 'n\n', none, 1.5, true] }} {{ (1,) }} {{ (1, 2) }} {{ {} }} {{ {'a': 'b'} }}""", """['a', "it's", 'q"q', 'n\n', None, 1.5, True] (1,) (1, 2) {} {'a': 'b'}""")]
    [DataRow("{{ missing }}|{{ map.missing }}|{{ list[9] }}|{{ missing is defined }}", "|||False")]
    // Members and slices
    [DataRow("{{ map.a.x[0] }} {{ map['a']['x'][-1] }} {{ list.0 }} {{ users[0].n }} {{ name[0] }}{{ name[-1] }}", "1 2 3 x An")]
    [DataRow("{{ list[1:] }} {{ list[:-1] }} {{ list[::-1] }} {{ list[::2] }} {{ name[1:] }} {{ name[::-1] }} {{ 'a🙂b'[1:2] }} {{ list[5:] }}", "[1, 2] [3, 1] [2, 1, 3] [3, 2] nn nnA 🙂 []")]
    [DataRow("{{ {'items': 1}['items'] }} {{ {'items': 1}.items()|list }}", "1 [('items', 1)]", DisplayName = "methods before keys")]
    // Macros
    [DataRow("{% macro m(a, b='x', c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(a=3, c=4) }}", "1x1;121;3x4;")]
    [DataRow("{% macro box(t) %}<{{ t }}:{{ caller() }}>{% endmacro %}{% call box('h') %}body{% endcall %}", "<h:body>")]
    [DataRow("{% macro each(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(v) each(list) %}({{ v }}){% endcall %}", "(3)(1)(2)")]
    [DataRow("{% macro v() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ v(1, 2, k=3) }}", "(1, 2){'k': 3}")]
    [DataRow("{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210")]
    [DataRow("{% set x = 1 %}{% macro g() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ g() }}", "2")]
    [DataRow("{% macro s(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ s(*[1, 2]) }} {{ s(**{'a': 3, 'b': 4}) }}", "1-2 3-4")]
    // Set, with, filter blocks, raw, do
    [DataRow("{% set x %}a {{ n }}{% endset %}[{{ x }}]{% set y | upper | trim %} b {% endset %}[{{ y }}]", "[a 3][B]")]
    [DataRow("{% set a, b = 1, 2 %}{{ a }}{{ b }}{% with c = 3, d = a %}{{ c }}{{ d }}{% endwith %}{{ c }}", "1231")]
    [DataRow("{% filter upper %}ab{{ name }}{% endfilter %}{% raw %}{{ x }}{% endraw %}{# comment #}!", "ABANN{{ x }}!")]
    [DataRow("{% generation %}said{% endgeneration %}", "said")]
    // White space
    [DataRow("a\n  {% if yes %}\nb\n  {% endif %}\nc", "a\nb\nc")]
    [DataRow("a\n  {%+ if yes %}b{% endif +%}\nc", "a\n  b\nc")]
    [DataRow("a  {%- if yes -%}  b  {%- endif -%}  c", "abc")]
    [DataRow("a \n {{- n -}} \n b", "a3b")]
    [DataRow("  {{ n }}\n", "  3")]
    [DataRow("  {# c #}\nx {#- d -#} y", "xy")]
    [DataRow("x {% if yes %} y {% endif %}\n z\n\n", "x  y  z\n")]
    // Filters
    [DataRow("[{{ '  a b '|trim }}] {{ 'xxaxx'|trim('x') }} {{ 'aBc'|upper }} {{ 'aBc'|lower }} {{ 'hello wORLD-x'|title }} {{ 'hELLO'|capitalize }}", "[a b] a ABC abc Hello World-X Hello")]
    [DataRow("{{ list|join }} {{ list|join(', ') }} {{ users|join('-', attribute='n') }} {{ missing|default('d') }} {{ ''|d('e', true) }} {{ none|default('f') }}", "312 3, 1, 2 x-y-z d e None")]
    [DataRow("{{ list|first }} {{ list|last }} {{ list|length }} {{ name|count }} {{ list|sort }} {{ list|sort(reverse=true) }} {{ words|sort }} {{ words|unique|list }}", "3 2 3 3 [1, 2, 3] [3, 2, 1] ['A', 'a', 'b', 'c'] ['b', 'A', 'c']")]
    [DataRow("{{ users|sort(attribute='age')|map(attribute='n')|join }} {{ users|map(attribute='on', default='?')|list }} {{ words|map('upper')|join }}", "yxz [True, False, '?'] BACA")]
    [DataRow("{{ users|selectattr('on')|map(attribute='n')|join }} {{ users|rejectattr('on')|map(attribute='n')|join }} {{ users|selectattr('age', 'equalto', 2)|list|length }}", "x yz 2")]
    [DataRow("{{ list|select('odd')|list }} {{ list|reject('gt', 2)|list }} {{ [0, 1, '']|select|list }} {{ users|selectattr('on', 'defined')|list|length }}", "[3, 1] [1, 2] [1] 2")]
    [DataRow("{{ '12'|int }} {{ 'x'|int(7) }} {{ 3.9|int }} {{ '1.5'|float }} {{ n|float }} {{ n|string ~ 1 }} {{ 2.567|round(2) }} {{ 2.5|round }} {{ 2.1|round(0, 'ceil') }}", "12 7 3 1.5 3.0 31 2.57 2.0 3.0")]
    [DataRow("{{ 'abab'|replace('a', 'x') }} {{ 'abab'|replace('a', 'x', 1) }} {{ 'abc'|reverse }} {{ list|reverse|list }} {{ list|max }} {{ list|min }} {{ list|sum }}", "xbxb xbab cba [2, 1, 3] 3 1 6")]
    [DataRow("{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(1, blank=true) }}", "a\n    b\n\n    c|  a\n  b|a\n \n b")]
    [DataRow("{{ map|dictsort|map('first')|list }} {{ map|items|list|length }} {{ range(5)|batch(2)|list }} {{ range(5)|slice(2)|list }} {{ '<a>&'|e }}", "['a', 'b'] 2 [[0, 1], [2, 3], [4]] [[0, 1, 2], [3, 4]] &lt;a&gt;&amp;")]
    [DataRow("{% for age, group in users|groupby('age') %}{{ age }}:{{ group|map(attribute='n')|join }} {% endfor %}", "1:y 2:xz ")]
    [DataRow("{{ '%s is %d, %.1f'|format(name, n, f) }} {{ '{} {x}'.format(1, x=2) }} {{ 'a b  c'|wordcount }} {{ map|length }} {{ 'abc'|list }}", "Ann is 3, 1.5 1 2 3 2 ['a', 'b', 'c']")]
    [DataRow("{{ \"it's -- a_1 é漢²! 🙂 x\u0301y Ⅳ\"|wordcount }} {{ '-'|wordcount }} {{ 1.5|wordcount }}", "7 0 2")]
    // JSON
    [DataRow("""{{ {'a': [1, 2.0, true, none, "é\n\"<"], 'b': {}, 'c': []}|tojson }}""", """{"a": [1, 2.0, true, null, "é\n\"<"], "b": {}, "c": []}""")]
    [DataRow("""{{ {'b': [1], 'a': {}}|tojson(indent=2) }}""", "{\n  \"b\": [\n    1\n  ],\n  \"a\": {}\n}")]
    [DataRow("""{{ {'b': 'é🙂', 'a': 1}|tojson(ensure_ascii=true, sort_keys=true, separators=(',', ':')) }}""", """{"a":1,"b":"\u00e9\ud83d\ude42"}""")]
    // Tests
    [DataRow("{{ n is number }} {{ n is integer }} {{ f is float }} {{ name is string }} {{ map is mapping }} {{ list is sequence }} {{ list is iterable }} {{ n is iterable }} {{ yes is boolean }} {{ range is callable }}", "True True True True True True True False True True")]
    [DataRow("{{ none is none }} {{ yes is true }} {{ yes is false }} {{ n is odd }} {{ n is even }} {{ 9 is divisibleby 3 }} {{ 'a' is lower }} {{ 'a' is upper }} {{ n is eq 3 }} {{ n is ne(3) }} {{ n is in list }} {{ n is not in [1] }} {{ n is lt 4 }} {{ n is ge 4 }}", "True True False True False True True False True False True True True False")]
    // Methods
    [DataRow("[{{ ' a '.strip() }}{{ 'xa'.lstrip('x') }}{{ 'a\n'.rstrip('\n') }}] {{ 'a,b,c'.split(',') }} {{ 'a b  c'.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }}", "[aaa] ['a', 'b', 'c'] ['a', 'b', 'c'] ['a', 'b,c'] ['a,b', 'c']")]
    [DataRow("{{ name.startswith('A') }} {{ name.endswith(('x', 'n')) }} {{ 'a-b'.replace('-', '+') }} {{ name.upper() }} {{ 'it is o\\'k'.title() }} {{ ', '.join(['a', 'b']) }} {{ 'abcb'.find('b') }} {{ 'x'.find('b') }} {{ 'abcb'.count('b') }}", "True True a+b ANN It Is O'K a, b 1 -1 2")]
    [DataRow("{{ map.get('b') }} {{ map.get('q', 9) }} {{ map.get('q') }} {{ map.keys()|list }} {{ map.values()|list|length }} {{ 'a=b'.partition('=') }} {{ 'xyz'.removeprefix('x') }}", "1 9 None ['b', 'a'] 2 ('a', '=', 'b') yz")]
    // Globals
    [DataRow("{{ range(3)|list }} {{ range(5, 0, -2)|list }} {{ dict(a=1) }} {{ strftime_now('%d %b %Y, %A %H:%M') }}", "[0, 1, 2] [5, 3, 1] {'a': 1} 26 Jul 2024, Friday 12:05")]
    [DataRow("{% set j = joiner('; ') %}{% for x in list %}{{ j() }}{{ x }}{% endfor %}{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}", "3; 1; 2aba")]
    [DataRow("{{ 'a' 'b' }}{{ \"\\u00e9\\x41\\n\\q\" }}{{ 1_000 }}", "abéA\n\\q1000")]
    public void Renders(string template, string expected) => Assert.AreEqual(expected, Render(template));

    [TestMethod]
    [DataRow("{% set l = [1] %}{% set _ = l.append(2) %}{% do l.append(3) %}{{ l }} {{ l.pop() }} {{ l }}", "[1, 2, 3] 3 [1, 2]")]
    [DataRow("{% set d = {'a': 1} %}{% set _ = d.update({'b': 2}) %}{{ d }} {{ d.pop('a') }} {{ d }}", "{'a': 1, 'b': 2} 1 {'b': 2}")]
    public void ContainersCanBeChangedAsLlamaCppLetsTemplatesDo(string template, string expected) => Assert.AreEqual(expected, Render(template));

    [TestMethod]
    [DataRow("a\n{{ raise_exception('no ' ~ name) }}", ErrorCode.InvalidArgument, 2, "no Ann")]
    [DataRow("\n\n{{ x.y }}", ErrorCode.InvalidArgument, 3, "'x' is undefined")]
    [DataRow("{{ name | nosuch }}", ErrorCode.Unsupported, 1, "nosuch")]
    [DataRow("{{ name is nosuch }}", ErrorCode.Unsupported, 1, "nosuch")]
    [DataRow("{% include 'x' %}", ErrorCode.Unsupported, 1, "include")]
    [DataRow("{% if yes %}\n", ErrorCode.InvalidArgument, 1, "endif")]
    [DataRow("{% if yes %}\n{% endfor %}", ErrorCode.InvalidArgument, 2, "endfor")]
    [DataRow("{{ name", ErrorCode.InvalidArgument, 1, "}}")]
    [DataRow("{{ 'abc }}", ErrorCode.InvalidArgument, 1, "quote")]
    [DataRow("{{ name + 1 }}", ErrorCode.InvalidArgument, 1, "a string and an integer")]
    [DataRow("{{ 1 / 0 }}", ErrorCode.InvalidArgument, 1, "zero")]
    [DataRow("{{ 10 ** 4300 }}", ErrorCode.Unsupported, 1, "4300 digits")]
    [DataRow("{{ 1.5 ** 0.5 }}", ErrorCode.Unsupported, 1, "exponent")]
    [DataRow("{{ '\\N{BULLET}' }}", ErrorCode.Unsupported, 1, "\\N")]
    [DataRow("{{ words|map('upper') }}", ErrorCode.Unsupported, 1, "|list")]
    [DataRow("{{ name|pprint }}", ErrorCode.Unsupported, 1, "pprint")]
    [DataRow("{{ name.upper(1) }}", ErrorCode.InvalidArgument, 1, "at most 0")]
    [DataRow("{{ name|replace('a', 'b', nosuch=1) }}", ErrorCode.InvalidArgument, 1, "nosuch")]
    [DataRow("{% if yes %}{{ name|nosuch }}{% endif %}", ErrorCode.Unsupported, 1, "nosuch")]
    [DataRow("{% for x in list %}{{ loop([1]) }}{% endfor %}", ErrorCode.InvalidArgument, 1, "recursive")]
    [DataRow("{% break %}", ErrorCode.InvalidArgument, 1, "loop")]
    [DataRow("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", ErrorCode.InvalidArgument, 1, "at most 1")]
    [DataRow("{{ name() }}", ErrorCode.InvalidArgument, 1, "call")]
    [DataRow("{# open", ErrorCode.InvalidArgument, 1, "#}")]
    [DataRow("{% set name.x = 1 %}", ErrorCode.InvalidArgument, 1, "namespace")]
    [DataRow("{{ strftime_now('%Q') }}", ErrorCode.Unsupported, 1, "%Q")]
    [DataRow("{{ {}|list|first.x }}", ErrorCode.InvalidArgument, 1, "")]
    public void ErrorsNameTheLine(string template, ErrorCode code, int line, string part)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => Render(template));
        Assert.AreEqual(code, error.Code, error.Message);
        StringAssert.Contains(error.Message, $"line {line}:");
        StringAssert.Contains(error.Message, part);
    }

    [TestMethod]
    public void TheDateIsTodayUnlessOneIsGiven()
    {
        const string Template = "{% if strftime_now is defined %}{{ strftime_now('%Y-%m-%d') }}{% else %}none{% endif %}";
        DateTime before = DateTime.Now.Date;
        string text = ChatTemplate.Parse(Template).Render([]).Text;
        Assert.IsTrue(text == Text(before) || text == Text(DateTime.Now), text); // midnight may pass
        Assert.AreEqual("2024-07-26", ChatTemplate.Parse(Template).Render([], now: new DateTime(2024, 7, 26)).Text);

        static string Text(DateTime date) => date.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
    }

    private static string Render(string template)
    {
        using JsonDocument data = JsonDocument.Parse(Data);
        var input = new TemplateInput(argumentsAsText: false);
        return ChatTemplate.Parse(template)
            .Evaluate([.. data.RootElement.EnumerateObject().Select(member => (member.Name, input.Convert(member.Value)))], 1000, new DateTime(2024, 7, 26, 12, 5, 0)).Value;
    }
}
