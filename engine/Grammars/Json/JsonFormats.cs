namespace Edge.Llm.Grammars.Json;

/// <summary>The formats of strings as regular expressions. A format that is not here is an annotation.</summary>
internal static class JsonFormats
{
    // No year 0: few readers know it.
    private const string Date =
        @"(?:(?:\d{3}[1-9]|\d\d[1-9]\d|\d[1-9]\d\d|[1-9]\d{3})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))" +
        "|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)";

    private const string Time =
        @"(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)|23:59:60(?:\.\d+)?(?:[Zz]|[+-]00:00))";

    private const string Days = @"(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)";
    private const string Hours = @"(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)";

    private const string Label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    private const string HostName = "(?=.{1,253}$)(?!.{2}--)(?!.*\\...--)" + Label + @"(?:\." + Label + ")*";
    private const string Octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private const string IpV4 = "(?:" + Octet + @"\.){3}" + Octet;
    private const string H16 = "[0-9A-Fa-f]{1,4}";
    private const string Ls32 = "(?:" + H16 + ":" + H16 + "|" + IpV4 + ")";

    private const string IpV6 =
        "(?:(?:" + H16 + ":){6}" + Ls32 +
        "|::(?:" + H16 + ":){5}" + Ls32 +
        "|(?:" + H16 + ")?::(?:" + H16 + ":){4}" + Ls32 +
        "|(?:(?:" + H16 + ":){0,1}" + H16 + ")?::(?:" + H16 + ":){3}" + Ls32 +
        "|(?:(?:" + H16 + ":){0,2}" + H16 + ")?::(?:" + H16 + ":){2}" + Ls32 +
        "|(?:(?:" + H16 + ":){0,3}" + H16 + ")?::" + H16 + ":" + Ls32 +
        "|(?:(?:" + H16 + ":){0,4}" + H16 + ")?::" + Ls32 +
        "|(?:(?:" + H16 + ":){0,5}" + H16 + ")?::" + H16 +
        "|(?:(?:" + H16 + ":){0,6}" + H16 + ")?::)";

    private const string Atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
    private const string Email = Atom + @"(?:\." + Atom + ")*@" + Label + @"(?:\." + Label + ")*";

    // RFC 3986; the characters beyond ASCII are RFC 3987's.
    private const string Ascii = @"A-Za-z0-9._~\-";
    private const string Beyond = @"\u00A0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF";

    private static string PathCharacter(string unreserved) => "(?:[" + unreserved + "!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})";

    private static string Authority(string unreserved) =>
        "(?:(?:[" + unreserved + "!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?(?:\\[(?:" + IpV6 + "|[vV][0-9A-Fa-f]+\\.[" + Ascii + "!$&'()*+,;=:]+)\\]|(?:["
        + unreserved + "!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?";

    private static string Ending(string unreserved) =>
        "(?:\\?(?:" + PathCharacter(unreserved) + "|[/?])*)?(?:#(?:" + PathCharacter(unreserved) + "|[/?])*)?";

    private static string Hierarchy(string unreserved)
    {
        string character = PathCharacter(unreserved);
        return "(?://" + Authority(unreserved) + "(?:/" + character + "*)*|/(?:" + character + "+(?:/" + character + "*)*)?|" + character + "+(?:/"
            + character + "*)*)";
    }

    // Some readers know no scheme of one letter, which is a drive to them, or of a thousand, and nothing that ends with the scheme.
    private static string Uri(string unreserved) => "[A-Za-z][A-Za-z0-9+.-]{1,63}:" + Hierarchy(unreserved) + Ending(unreserved);

    // A relative reference has no colon in its first segment.
    private static string Reference(string unreserved)
    {
        string character = PathCharacter(unreserved), first = "(?:[" + unreserved + "!$&'()*+,;=@]|%[0-9A-Fa-f]{2})";
        string relative = "(?://" + Authority(unreserved) + "(?:/" + character + "*)*|/(?:" + character + "+(?:/" + character + "*)*)?|" + first + "+(?:/"
            + character + "*)*|)";
        return "(?:" + Uri(unreserved) + "|" + relative + Ending(unreserved) + ")";
    }

    private static readonly Dictionary<string, Func<string>> s_formats = new()
    {
        ["date"] = () => Date,
        ["time"] = () => Time,
        ["date-time"] = () => Date + "[Tt]" + Time,
        ["duration"] = () => "P(?:\\d+W|" + Days + "(?:T" + Hours + ")?|T" + Hours + ")",
        ["uuid"] = () => "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        ["uri"] = () => Uri(Ascii),
        ["uri-reference"] = () => Reference(Ascii),
        ["iri"] = () => Uri(Ascii + Beyond),
        ["iri-reference"] = () => Reference(Ascii + Beyond),
        ["email"] = () => Email,
        ["ipv4"] = () => IpV4,
        ["ipv6"] = () => IpV6,
        ["hostname"] = () => HostName,
        ["byte"] = () => "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
        ["json-pointer"] = () => "(?:/(?:[^~/]|~[01])*)*",
        ["relative-json-pointer"] = () => "(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~[01])*)*)",
        ["regex"] = () => Regex(),
    };

    /// <summary>The regular expression of a format, or null.</summary>
    public static string? Find(string format) => s_formats.TryGetValue(format, out Func<string>? regex) ? regex() : null;

    // Groups nest up to three times: more is not regular.
    private static string Regex()
    {
        const string Class = @"\[\^?(?:[^\\\]\n-]|\\[dDwWsStnrfv.\[\]\\/^$*+?(){}|-])+-?\]";
        const string Quantifier = @"(?:[*+?]\??|\{[0-9]{1,3}\}\??|\{[0-9]{1,3},\}\??)?";
        string inside = @"(?:(?:[^\\\[\](){}*+?|^$\n]|\\[dDwWsStnrfvbB.\[\]\\/^$*+?(){}|-]|" + Class + ")" + Quantifier + @"|[\^$|])*";
        for (int depth = 0; depth < 3; depth++)
            inside = @"(?:(?:[^\\\[\](){}*+?|^$\n]|\\[dDwWsStnrfvbB.\[\]\\/^$*+?(){}|-]|" + Class + @"|\((?:\?:)?" + inside + @"\))" + Quantifier + @"|[\^$|]|\(\?[=!]" + inside + @"\))*";
        return inside;
    }
}
