using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

[TestClass]
public sealed class JsonSchemaTests
{
    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    [TestInitialize]
    public void NeedsAVocabulary() => _ = Tokenizer;

    [TestMethod]
    [DataRow("{", "the schema is no JSON")]
    [DataRow("3", "#: expected a schema")]
    [DataRow("{\"type\":\"text\"}", "#: type \"text\" is not known")]
    [DataRow("{\"properties\":{\"a/b\":{\"contains\":{}}}}", "#/properties/a~1b: the word \"contains\" is not supported")]
    [DataRow("{\"items\":[{},{\"unevaluatedProperties\":false}]}", "#/items/1: the word \"unevaluatedProperties\" is not supported")]
    [DataRow("{\"properties\":{\"a\":{\"pattern\":\"(\"}}}", "#/properties/a: regular expression, character 1: the group has no end")]
    [DataRow("{\"$ref\":\"https://example.org/x\"}", "#: $ref \"https://example.org/x\" is not in this document")]
    [DataRow("{\"$ref\":\"#/$defs/a\"}", "#: $ref \"#/$defs/a\" names nothing")]
    [DataRow("{\"allOf\":[{\"minLength\":-1}]}", "#/allOf/0: minLength: expected a whole number")]
    [DataRow("{\"oneOf\":[{\"multipleOf\":2},{\"multipleOf\":3}]}", "the word \"multipleOf\" is not supported where a schema must not match")]
    [DataRow("{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no text matches")]
    [DataRow("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":\"#\"}}}", "no text matches")]
    public void ErrorsNameTheirPath(string schema, string message)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => Grammar.JsonSchema(schema).Compile(Tokenizer));
        Assert.AreEqual(ErrorCode.GrammarError, error.Code);
        StringAssert.Contains(error.Message, message);
    }

    [TestMethod]
    public void UnknownWordsAndFormatsAreAnnotations() => Assert.IsTrue(
        Grammar.JsonSchema("{\"type\":\"string\",\"x-order\":3,\"format\":\"of ours\",\"$comment\":\"\"}").Compile(Tokenizer).Accepts(Tokenizer, "\"a\""));

    [TestMethod]
    public void WhiteSpaceIsNoneOrAtMostTwentyCharactersInARow()
    {
        CompiledGrammar free = Grammar.Json().Compile(Tokenizer), none = Grammar.Json(new JsonGrammarOptions { WhiteSpace = false }).Compile(Tokenizer);
        Assert.IsTrue(free.Accepts(Tokenizer, "[1," + new string(' ', 20) + "2]"));
        Assert.IsFalse(free.Accepts(Tokenizer, "[1," + new string(' ', 21) + "2]"));
        Assert.IsTrue(none.Accepts(Tokenizer, "{\"a\":[1,2,{}]}"));
        Assert.IsFalse(none.Accepts(Tokenizer, "[1, 2]"));
    }

    [TestMethod]
    public void SeparatorsAreTheCallers()
    {
        CompiledGrammar spaced = Grammar.Json(JsonGrammarOptions.Spaced).Compile(Tokenizer);
        Assert.IsTrue(spaced.Accepts(Tokenizer, "{\"a\": [1, 2, {}], \"b\": []}"));
        foreach (string text in (string[])["{\"a\":1}", "[1,2]", "[1,  2]", "[ 1, 2]", "{\"a\" : 1}"]) Assert.IsFalse(spaced.Accepts(Tokenizer, text), text);
        CompiledGrammar lines = Grammar.JsonSchema("{\"const\":{\"a\":[1,2]}}", new JsonGrammarOptions { ItemSeparator = ",\n" }).Compile(Tokenizer);
        Assert.IsTrue(lines.Accepts(Tokenizer, "{\"a\":[1,\n2]}"));
        foreach (string separator in (string[])["", ";", ",,", ", x", "," + new string(' ', 21)])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(
                () => Grammar.Json(new JsonGrammarOptions { ItemSeparator = separator })).Code, separator);
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void PropertiesComeInAnyOrderWhereTheyMay(bool others)
    {
        string schema = "{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"enum\":[1]},\"c\":{\"type\":\"null\"}},\"type\":\"object\",\"required\":[\"b\",\"c\"],"
            + $"\"additionalProperties\":{(others ? "true" : "false")}}}";
        CompiledGrammar any = Grammar.JsonSchema(schema, new JsonGrammarOptions { WhiteSpace = false, AnyOrder = true }).Compile(Tokenizer);
        string[] accepted = ["{\"c\":null,\"b\":1}", "{\"b\":1,\"c\":null}", "{\"c\":null,\"a\":-7,\"b\":1}", "{\"b\":1,\"c\":null,\"a\":2}"];
        string[] refused = ["{\"b\":1}", "{}", "{\"c\":null,\"c\":null,\"b\":1}", "{\"b\":2,\"c\":null}", "{\"c\":null,\"b\":1,}", "{\"c\":null,\"b\":1,\"b\":1}"];
        foreach (string text in accepted) Assert.IsTrue(any.Accepts(Tokenizer, text), text);
        foreach (string text in refused) Assert.IsFalse(any.Accepts(Tokenizer, text), text);
        foreach (string text in (string[])["{\"x\":[],\"c\":null,\"b\":1}", "{\"c\":null,\"x\":1,\"b\":1,\"y\":2}"]) Assert.AreEqual(others, any.Accepts(Tokenizer, text), text);
        Assert.IsFalse(Grammar.JsonSchema(schema, new JsonGrammarOptions { WhiteSpace = false }).Compile(Tokenizer).Accepts(Tokenizer, accepted[0]), "the schema's order");
    }

    [TestMethod]
    public void TooManyPropertiesInAnyOrderAreRefused()
    {
        string properties = string.Join(',', Enumerable.Range(0, 11).Select(i => $"\"p{i}\":true"));
        foreach (string schema in (string[])[$"{{\"type\":\"object\",\"properties\":{{{properties}}}}}", "{\"type\":\"object\",\"properties\":{\"a\":true,\"b\":true},\"maxProperties\":1}"])
            Assert.AreEqual(ErrorCode.GrammarError, Assert.ThrowsExactly<EdgeLlmException>(
                () => Grammar.JsonSchema(schema, new JsonGrammarOptions { AnyOrder = true }).Compile(Tokenizer)).Code);
        Grammar.JsonSchema($"{{\"type\":\"object\",\"properties\":{{{properties[..^11]}}}}}", new JsonGrammarOptions { AnyOrder = true }).Compile(Tokenizer);
    }

    [TestMethod]
    public void ItemsThatMustDifferDo()
    {
        CompiledGrammar grammar = Grammar.JsonSchema("{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"type\":\"string\"},\"maxItems\":3}").Compile(Tokenizer);
        foreach (string text in (string[])["[]", "[\"a\"]", "[\"a\",\"b\",\"\"]", "[\"a\",\"ab\",\"aba\"]"]) Assert.IsTrue(grammar.Accepts(Tokenizer, text), text);
        foreach (string text in (string[])["[\"a\",\"a\"]", "[\"a\",\"b\",\"a\"]", "[\"a\",\"b\",\"c\",\"d\"]", "[\"\\u0061\"]"])
            Assert.IsFalse(grammar.Accepts(Tokenizer, text), text);
    }

    [TestMethod]
    public void ForcedTokensAreTheOnlyOnesAllowed()
    {
        Grammar grammar = Grammar.JsonSchema(
            "{\"type\":\"object\",\"properties\":{\"temperature\":{\"type\":\"integer\"}},\"required\":[\"temperature\"],\"additionalProperties\":false}",
            new JsonGrammarOptions { WhiteSpace = false });
        GrammarMatcher matcher = grammar.Compile(Tokenizer).NewMatcher();
        int[] forced = matcher.ForcedTokens();
        Assert.AreEqual("{\"temperature", Tokenizer.Text(forced));
        var mask = new TokenMask(Tokenizer.Vocabulary.Count);
        foreach (int token in forced)
        {
            matcher.Fill(mask);
            Assert.AreEqual((1, token), (mask.Count, mask.Next(0)));
            Assert.IsTrue(matcher.Accept(token));
        }
        Assert.IsEmpty(matcher.ForcedTokens());
        matcher.Rollback(forced.Length);
        CollectionAssert.AreEqual(forced, matcher.ForcedTokens());
    }

    [TestMethod]
    public void EqualGrammarsAreCompiledOnce()
    {
        const string Schema = "{\"enum\":[\"once\"]}";
        Assert.AreSame(Grammar.JsonSchema(Schema).Compile(Tokenizer), Grammar.JsonSchema(new string(Schema)).Compile(Tokenizer));
        Assert.AreNotSame(Grammar.JsonSchema(Schema).Compile(Tokenizer), Grammar.JsonSchema(Schema, new JsonGrammarOptions { WhiteSpace = false }).Compile(Tokenizer));
    }
}
