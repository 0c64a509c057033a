using System.CommandLine;
using System.Text.Json;

namespace Edge.Llm.Cli.Commands;

/// <summary>Documents by how well they answer a query.</summary>
internal static class RerankCommand
{
    public static Command Make()
    {
        var documents = new Argument<string[]>("DOCUMENT") { Description = "The documents; without any, each line of --file or standard input is one." };
        Option<string?> query = Opt.Text("--query", ["-q"], "What is asked.");
        Option<string?> file = Opt.Text("--file", ["-f"], "A file with a document in each line; - reads standard input.", "FILE");
        Option<int> top = Opt.Integer("--top", [], "Documents to print, the best ones; 0: all.", 0, 0);
        var command = new CommandWithExamples("rerank", "Scores documents with a reranker and prints them best first, a line of JSON each.",
            "-m bge-reranker.gguf --query \"What is a llama?\" \"An animal.\" \"A city.\"", "-m reranker.gguf -q question --file documents.txt --top 5")
            { documents, query, file, top };
        ModelOptionsBinding modelOptions = new ModelOptionsBinding().AddTo(command);
        command.SetAction(parsed =>
        {
            string asked = parsed.GetValue(query) is { Length: > 0 } text ? text : throw new UsageException("no query: give --query");
            string[] given = TextList.Read(parsed.GetValue(documents), parsed.GetValue(file));
            using LanguageModel model = modelOptions.Open(parsed);
            using Context context = model.CreateContext(modelOptions.Context(parsed, model));
            using var interrupts = new Interrupts();
            float[] scores = Array.ConvertAll(given, document => context.Rank(model.Tokenizer.EncodePair(asked, document), cancellation: interrupts.Token)[0]);
            int[] order = [.. Enumerable.Range(0, given.Length).OrderByDescending(i => scores[i]).ThenBy(i => i)];
            using var output = new Output();
            foreach (int i in order.Take(parsed.GetValue(top) is > 0 and int most ? most : order.Length))
            {
                using (var json = new Utf8JsonWriter(output, Json.Compact))
                {
                    json.WriteStartObject();
                    json.WriteNumber("index", i);
                    json.WriteNumber("score", scores[i]);
                    json.WriteEndObject();
                }
                output.WriteLine();
            }
            return Failure.Ok;
        });
        return command;
    }
}
