using System.Numerics;

namespace Edge.Llm.Grammars.Json;

/// <summary>Objects: the properties that a schema names in its order, then others; or all in any order.</summary>
internal sealed class ObjectProductions(
    JsonSyntax syntax, SchemaTable table, SchemaCheck check, ScalarPatterns scalars, Func<IEnumerable<SchemaRef>, int> value, bool anyOrder)
{
    private const int MostPatterns = 6, MostCounts = 100_000, NamesOfOneRule = 32, MostInAnyOrder = 10;

    private readonly Productions _productions = syntax.Productions;
    private readonly PatternPool _patterns = syntax.Patterns;

    /// <summary>The objects of a shape.</summary>
    public int Of(Shape shape, int id)
    {
        if (shape.Properties.IsEmpty) return Productions.Nothing;
        if (shape.Excluded.Exists(other => other.ValueKind == System.Text.Json.JsonValueKind.Object))
            throw table.Error(id, "excluding an object is not supported");
        var declared = new List<(int Pair, bool Required)>();
        string[] names = [.. shape.Objects.SelectMany(part => part.Named.Select(property => property.Name)).Concat(shape.Required).Distinct()];
        foreach (string name in names)
        {
            _productions.Effort.Spend(10L * (shape.Objects.Count + shape.More.Count));
            bool required = shape.IsRequired(name);
            List<SchemaRef>? schemas = shape.Property(name, check.Matches, check.IsFalse);
            if (schemas is null || (shape.PropertyNames.Count > 0 && !check.AcceptsName(name, shape)))
            {
                if (required) return Productions.Nothing;
                continue;
            }
            declared.Add((_productions.Sequence(syntax.Key(_patterns.Text(syntax.Strings.WriteName(name))), value(schemas)), required));
        }
        int others = Others(shape, id, [.. names.Union(shape.Forbidden)]);
        return anyOrder ? InAnyOrder(declared, others, shape.Properties, id) : Assemble(declared, others, shape.Properties, id);
    }

    // A name that no schema names may match some of the patterns; what its value must be depends on which.
    private int Others(Shape shape, int id, string[] names)
    {
        string[] regexes = [.. shape.Objects.SelectMany(part => part.Patterns.Select(property => property.Pattern)).Distinct()];
        if (regexes.Length > MostPatterns) throw table.Error(id, $"{regexes.Length} patternProperties: expected at most {MostPatterns}");
        int excluded = names.Length == 0 ? PatternPool.Everything : _patterns.Not(_patterns.Literals(names.Select(name => syntax.Strings.Inside(name))));
        int allowed = shape.PropertyNames.Count == 0 ? PatternPool.Everything : check.Names(shape);
        var ways = new List<int>();
        for (int subset = 0; subset < 1 << regexes.Length; subset++)
        {
            var matched = new HashSet<string>(regexes.Where((_, i) => (subset & (1 << i)) != 0));
            var schemas = new List<SchemaRef>();
            foreach (ObjectPart part in shape.Objects)
            {
                SchemaRef[] own = [.. part.Patterns.Where(property => matched.Contains(property.Pattern)).Select(property => property.Schema)];
                schemas.AddRange(own);
                if (own.Length == 0 && part.Others is { } rest) schemas.Add(rest);
            }
            if (schemas.Exists(check.IsFalse)) continue;
            var all = new List<int> { excluded, allowed, _patterns.Repeat(syntax.Strings.Character, 0) };
            foreach (string regex in regexes) all.Add(Search(regex, matched.Contains(regex), id));
            int name = _patterns.Both([.. all]);
            if (_patterns.MinLength(name) >= Length.Infinite) continue;
            ways.Add(_productions.Sequence(syntax.Key(syntax.Strings.QuotedName(name)), value(schemas)));
        }
        return _productions.Either([.. ways]);
    }

    private int Search(string regex, bool matched, int id)
    {
        try
        {
            return matched ? scalars.Search(regex) : scalars.Exclude(regex);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
        {
            throw table.Error(id, "patternProperties: " + e.Message);
        }
    }

    // From the last property to the first, for each number of properties before it as far as numbers matter.
    private int Assemble(List<(int Pair, bool Required)> declared, int others, Count count, int id)
    {
        int most = count.Max < 0 ? count.Min : count.Max;
        if ((most + 1L) * (declared.Count + 1) > MostCounts)
            throw table.Error(id, $"{declared.Count} properties, and minProperties or maxProperties of {most}: expected fewer");
        int close = syntax.Close('}', afterOpen: false);
        bool required = false; // among those from here on
        int[] more = new int[most + 1]; // what may follow a comma or the opening bracket
        for (int before = 0; before <= most; before++)
        {
            if (count.Max >= 0 && before >= count.Max) continue;
            int least = Math.Max(count.Min - before - 1, 0);
            if (least > 0 && others != Productions.Nothing)
                throw table.Error(id, "minProperties beyond 1 that unnamed properties would have to fill is not supported");
            if (least == 0)
                more[before] = _productions.Sequence(
                    others, _productions.Repeat(_productions.Sequence(syntax.Comma, others), 0, count.Max < 0 ? -1 : count.Max - before - 1), close);
        }
        for (int i = declared.Count - 1; i >= 0; i--)
        {
            int[] next = new int[most + 1];
            for (int before = 0; before <= most; before++)
            {
                if (count.Max >= 0 && before >= count.Max) continue;
                int after = count.Max < 0 ? Math.Min(before + 1, most) : before + 1;
                int rest = _productions.Either(
                    _productions.Sequence(syntax.Comma, more[after]), required || after < count.Min ? Productions.Nothing : close);
                next[before] = _productions.Sequence(declared[i].Pair, rest);
                if (!declared[i].Required) next[before] = _productions.Either(next[before], more[before]);
                // A rule now and then, or lists would grow with the square of the names.
                if (i % NamesOfOneRule == 0 && next[before] != Productions.Nothing) next[before] = Rule(next[before]);
            }
            more = next;
            required |= declared[i].Required;
        }
        int empty = required || count.Min > 0 ? Productions.Nothing : syntax.Close('}', afterOpen: true);
        return _productions.Sequence(syntax.Open('{'), _productions.Either(more[0], empty));
    }

    // A rule for each set of properties that have been written.
    private int InAnyOrder(List<(int Pair, bool Required)> declared, int others, Count count, int id)
    {
        if (declared.Count > MostInAnyOrder) throw table.Error(id, $"{declared.Count} properties in any order: expected at most {MostInAnyOrder}");
        int required = 0, all = (1 << declared.Count) - 1;
        for (int i = 0; i < declared.Count; i++) required |= declared[i].Required ? 1 << i : 0;
        bool mayBeTooMany = count.Max >= 0 && (others != Productions.Nothing || count.Max < declared.Count);
        if (mayBeTooMany || count.Min > Math.Max(1, BitOperations.PopCount((uint)required)))
            throw table.Error(id, "minProperties or maxProperties beside properties in any order is not supported");
        int close = syntax.Close('}', afterOpen: false);
        int[] rules = new int[all + 1];
        for (int written = 0; written <= all; written++) rules[written] = _productions.NewRule();
        for (int written = 0; written <= all; written++)
        {
            bool mayEnd = (written & required) == required;
            _productions.SetBody(rules[written], _productions.Either(
                _productions.Sequence(syntax.Comma, Next(written)), mayEnd ? close : Productions.Nothing));
        }
        int empty = required != 0 || count.Min > 0 ? Productions.Nothing : syntax.Close('}', afterOpen: true);
        return _productions.Sequence(syntax.Open('{'), _productions.Either(Next(0), empty));

        int Next(int written)
        {
            var ways = new List<int> { _productions.Sequence(others, _productions.Rule(rules[written])) };
            for (int i = 0; i < declared.Count; i++)
                if ((written & (1 << i)) == 0) ways.Add(_productions.Sequence(declared[i].Pair, _productions.Rule(rules[written | (1 << i)])));
            return _productions.Either([.. ways]);
        }
    }

    private int Rule(int body)
    {
        int rule = _productions.NewRule();
        _productions.SetBody(rule, body);
        return _productions.Rule(rule);
    }
}
