namespace Edge.Llm.Tests.Grammars;

/// <summary>Grammars that nobody wrote in good faith.</summary>
internal static class HostileGrammars
{
    private static readonly string[] s_formats = ["uri", "iri", "hostname", "email", "regex", "ipv6"];

    public static (string Name, Func<Grammar> Make)[] All { get; } =
    [
        ("nested groups", () => Grammar.Gbnf("root ::= " + new string('(', 60_000) + "\"a\"" + new string(')', 60_000))),
        ("nested groups with text", () => Grammar.Gbnf("root ::= " + Many(60_000, _ => "(\"a\" ") + Many(60_000, _ => "\"b\")?"))),
        ("open groups", () => Grammar.Gbnf("root ::= " + new string('(', 60_000))),
        ("left recursion", () => Grammar.Gbnf("root ::= root root | root \"a\" | \"a\"")),
        ("hidden left recursion", () => Grammar.Gbnf("root ::= a root \"b\" | \"c\"\na ::= \"x\"? | b\nb ::= a | root?")),
        ("a long circle", () => Grammar.Gbnf("root ::= r0\n" + Many(30_000, i => $"r{i} ::= r{(i + 1) % 30_000} \"a\" | \"b\"\n"))),
        ("a chain of rules", () => Grammar.Gbnf("root ::= r0\n" + Many(50_000, i => $"r{i} ::= r{i + 1} r{i + 1}\n") + "r50000 ::= \"a\"")),
        ("doubling", () => Grammar.Gbnf("root ::= r0\n" + Many(60, i => $"r{i} ::= r{i + 1} r{i + 1} [<[]? \"a\"\n") + "r60 ::= root?")),
        ("nullable loops", () => Grammar.Gbnf("root ::= ((\"a\"?)* (\"b\"?)*)* (a a a)*\na ::= a? \"x\"? b*\nb ::= a*")),
        ("counted nullable", () => Grammar.Gbnf("root ::= (a){1,1000000000}\na ::= (\"(\" a \")\")? b\nb ::= (\"[\" b \"]\")?")),
        ("large counts", () => Grammar.Gbnf("root ::= ([a-z]{1,1000000000} \" \"){1,1000000000}")),
        ("counts of counts", () => Grammar.Gbnf("root ::= ((((\"ab\"{1,1000000000}){1,1000000000}){1,1000000000}){1,1000000000}){2,1000000000}")),
        ("an exact large count", () => Grammar.Gbnf("root ::= \"a\"{1000000000}")),
        ("1 MB of rules", () => Grammar.Gbnf("root ::= r0\n" + Many(40_000, i => $"r{i} ::= \"abc{i}\" | [a-z] r{(i * 7) % 40_000}\n"))),
        ("1 MB of one literal", () => Grammar.Gbnf($"root ::= \"{new string('a', 1 << 20)}\"")),
        ("1 MB of alternatives", () => Grammar.Gbnf("root ::= " + Many(100_000, i => $"\"{i}\" | ") + "\"x\"")),
        ("ambiguity", () => Grammar.Gbnf("root ::= s\ns ::= s s | s s s | \"a\" | \"\"")),
        ("regex groups", () => Grammar.Regex(new string('(', 60_000) + "a" + new string(')', 60_000))),
        ("regex groups with text", () => Grammar.Regex(Many(60_000, _ => "(?:a") + Many(60_000, _ => "b)?"))),
        ("regex counts", () => Grammar.Regex("(((a{1,1000000000}){1,1000000000}b?){1,1000000000}c?){1,1000000000}")),
        ("regex that explodes", () => Grammar.Regex("(a|b)*a(a|b){1000}c|(?:(?:a|aa)+)+$")),
        ("regex lookaheads", () => Grammar.Regex(Many(2_000, i => $"(?=.*a{{{i}}}b)") + ".*")),
        ("regex optionals", () => Grammar.Regex(Many(60_000, _ => "a?") + Many(60_000, _ => "a"))),
        ("a deep schema", () => Grammar.JsonSchema(Many(20_000, _ => "{\"items\":") + "true" + new string('}', 20_000))),
        ("a deep value", () => Grammar.JsonSchema("{\"const\":" + new string('[', 20_000) + new string(']', 20_000) + "}")),
        ("a large enum", () => Grammar.JsonSchema("{\"enum\":[" + Join(100_000, i => $"\"value {i * 7919L % 1_000_003}\"") + "]}")),
        ("a large enum of numbers", () => Grammar.JsonSchema("{\"enum\":[" + Join(100_000, i => $"{i}") + "]}")),
        ("two large enums", () => Grammar.JsonSchema("{\"enum\":[" + Join(20_000, i => $"{i}") + "],\"allOf\":[{\"enum\":[" + Join(20_000, i => $"{i + 10_000}") + "]}]}")),
        ("many properties", () => Grammar.JsonSchema("{\"properties\":{" + Join(20_000, i => $"\"p{i}\":{{\"type\":\"integer\"}}") + "}}")),
        ("many required", () => Grammar.JsonSchema("{\"required\":[" + Join(20_000, i => $"\"p{i}\"") + "]}")),
        ("anyOf of anyOf", () => Grammar.JsonSchema("{\"allOf\":[" + Join(40, i => $"{{\"anyOf\":[{{\"minimum\":{i}}},{{\"maximum\":{i}}},{{\"minLength\":{i}}}]}}") + "]}")),
        ("a circle of references", () => Grammar.JsonSchema("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"$ref\":\"#\"}]}}}")),
        ("oneOf of references", () => Grammar.JsonSchema("{\"oneOf\":[" + Join(300, _ => "{\"$ref\":\"#\"}") + "]}")),
        ("an endless value", () => Grammar.JsonSchema("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":\"#\"}}}")),
        ("patterns together", () => Grammar.JsonSchema("{\"allOf\":[" + Join(60, i => $"{{\"pattern\":\"^(a{{{i + 2}}})*b\"}}") + "]}")),
        ("large multiples", () => Grammar.JsonSchema("{\"type\":\"integer\",\"multipleOf\":1999999973,\"minimum\":12345678901}")),
        ("long strings", () => Grammar.JsonSchema("{\"type\":\"string\",\"minLength\":1000000000,\"pattern\":\"a\"}")),
        ("long lists", () => Grammar.JsonSchema("{\"type\":\"array\",\"minItems\":1000000000,\"items\":{\"minProperties\":1000}}")),
        ("half a pair", () => Grammar.JsonSchema("{\"const\":\"\\ud800\"}")),
        ("large numbers", () => Grammar.JsonSchema("{\"minimum\":1e999999999,\"maximum\":" + new string('9', 100_000) + "}")),
        ("many pattern properties", () => Grammar.JsonSchema("{\"patternProperties\":{" + Join(6, i => $"\"(a|b)*a(a|b){{{i + 9}}}\":{{\"minimum\":{i}}}") + "}}")),
        ("regex bombs", () => Grammar.Regex("(?:(?:a+)+|(?:b*)*|(?:c|cc)+)*d|(x+x+)+y|(?:.*a){30}")),
        ("regex counts of groups", () => Grammar.Regex("(?:[a-y][^b]){1,1000}(?:(?:ab?){1,300}c?){1,300}")),
        ("regex alternatives of ranges", () => Grammar.Regex(Many(20_000, i => $"[\\u{i + 256:x4}-\\u{i + 300:x4}]|") + "x")),
        ("many tokens", () => Grammar.Gbnf("root ::= (" + Many(20_000, i => $"<[{i}]> | ") + "!<[5]>)*")),
        ("the same names in all", () => Grammar.JsonSchema("{\"allOf\":[" + Join(100, i => "{\"properties\":{" + Join(100, j => $"\"p{j}\":{{\"minimum\":{i}}}") + "}}") + "]}")),
        ("oneOf of enums", () => Grammar.JsonSchema("{\"oneOf\":[" + Join(400, i => "{\"enum\":[" + Join(100, j => $"\"e{(i * 100) + j}\"") + "]}") + "]}")),
        ("anyOf of constants", () => Grammar.JsonSchema("{\"anyOf\":[" + Join(10_000, i => $"{{\"const\":\"c{i}\"}}") + "]}")),
        ("nested anyOf", () => Grammar.JsonSchema(Many(120, i => $"{{\"anyOf\":[{{\"minLength\":{i}}},") + "true" + Many(120, _ => "]}"))),
        ("not of not", () => Grammar.JsonSchema(Many(120, _ => "{\"not\":") + "{\"properties\":{\"a\":{\"minimum\":1}}}" + Many(120, _ => "}"))),
        ("a list of conditions", () => Grammar.JsonSchema("{\"allOf\":[" + Join(60, i => $"{{\"if\":{{\"properties\":{{\"k\":{{\"const\":{i}}}}},\"required\":[\"k\"]}},\"then\":{{\"required\":[\"v{i}\"]}}}}") + "]}")),
        ("unique items of a long enum", () => Grammar.JsonSchema("{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[" + Join(50_000, i => $"\"unique {i}\"") + "]}}")),
        ("unique items at random", () => Grammar.JsonSchema("{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"type\":\"string\"}}")),
        ("references in a loop", () => Grammar.JsonSchema("{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + Join(3_000, i => $"\"d{i}\":{{\"allOf\":[{{\"$ref\":\"#/$defs/d{(i + 1) % 3_000}\"}}]}}") + "}}")),
        ("a chain of references", () => Grammar.JsonSchema("{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + Join(3_000, i => $"\"d{i}\":{{\"$ref\":\"#/$defs/d{i + 1}\",\"minLength\":{i}}}") + ",\"d3000\":true}}")),
        ("doubling references", () => Grammar.JsonSchema("{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + Join(40, i => $"\"d{i}\":{{\"allOf\":[{{\"$ref\":\"#/$defs/d{i + 1}\"}},{{\"properties\":{{\"a\":{{\"$ref\":\"#/$defs/d{i + 1}\"}}}}}}]}}") + ",\"d40\":true}}")),
        ("10,000 properties counted", () => Grammar.JsonSchema("{\"type\":\"object\",\"minProperties\":10000,\"properties\":{" + Join(10_000, i => $"\"p{i}\":true") + "},\"additionalProperties\":false}")),
        ("counts of properties", () => Grammar.JsonSchema("{\"type\":\"object\",\"maxProperties\":10000,\"properties\":{" + Join(9, i => $"\"p{i}\":{{\"type\":\"array\"}}") + "}}")),
        ("a long constant", () => Grammar.JsonSchema("{\"const\":{" + Join(20_000, i => $"\"k{i}\":[{i},[]]") + "}}")),
        ("constants of objects", () => Grammar.JsonSchema("{\"enum\":[" + Join(5_000, i => $"{{\"a\":{i},\"b\":[{i},{i + 1}]}}") + "]}")),
        ("formats together", () => Grammar.JsonSchema("{\"type\":\"string\",\"minLength\":50,\"maxLength\":60,\"allOf\":[" + Join(s_formats.Length, i => $"{{\"format\":\"{s_formats[i]}\"}}") + "]}")),
        ("long host names", () => Grammar.JsonSchema("{\"type\":\"string\",\"format\":\"hostname\",\"minLength\":200,\"pattern\":\"a.*b.*c.*d\"}")),
        ("numbers in ranges", () => Grammar.JsonSchema("{\"anyOf\":[" + Join(200, i => $"{{\"type\":\"number\",\"minimum\":{i}.12345678,\"maximum\":{i}{i}.87654321}}") + "]}")),
        ("excluded texts", () => Grammar.JsonSchema("{\"type\":\"string\",\"not\":{\"enum\":[" + Join(20_000, i => $"\"x{i}\"") + "]},\"pattern\":\"^[a-z0-9]{3,100}$\"}")),
    ];

    private static string Many(int count, Func<int, string> part) => string.Concat(Enumerable.Range(0, count).Select(part));

    private static string Join(int count, Func<int, string> part) => string.Join(',', Enumerable.Range(0, count).Select(part));
}
