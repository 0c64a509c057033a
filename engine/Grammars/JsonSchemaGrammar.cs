namespace Edge.Llm.Grammars;
internal static class JsonSchemaGrammar { public static int Make(string text, JsonGrammarOptions options, Productions productions) => 0; }
