namespace Edge.Llm.Cli.Serve;

/// <summary>What a request may bring at most. The help prints this table. Of stop texts the engine takes 64; a template may bring some.</summary>
internal static class Limits
{
    public const int BodyBytes = 32 << 20, BytesOfBodies = 256 << 20, HeaderBytes = 32 << 10, JsonDepth = 128, Messages = 4096, Tools = 512, GrammarBytes = 256 << 10;
    public const int Choices = 16, Answers = 64, TopLogProbabilities = 20, Stops = 62, StopLength = 16_384, LogitBiases = 1024;
    public const int Prompts = 64, EmbeddingInputs = 2048, Documents = 1024, Connections = 1024, StreamsPerConnection = 32, HeaderSeconds = 30, Priority = 1000;

    public static readonly IReadOnlyList<(string What, string Most)> Table =
    [
        ("body", $"{BodyBytes >> 20} MiB; all under way {BytesOfBodies >> 20} MiB"), ("headers", $"{HeaderBytes >> 10} KiB, within {HeaderSeconds} s"), ("connections", $"{Connections}, with {StreamsPerConnection} streams of HTTP/2 each"),
        ("depth of JSON", $"{JsonDepth}"), ("messages", $"{Messages}"), ("tools", $"{Tools}"), ("grammar or schema", $"{GrammarBytes >> 10} KiB"),
        ("n", $"{Choices}"), ("answers of a completion", $"{Answers}"), ("prompts of a completion", $"{Prompts}"), ("top_logprobs", $"{TopLogProbabilities}"),
        ("stop", $"{Stops}, of {StopLength:N0} characters together"), ("logit_bias", $"{LogitBiases:N0}"), ("inputs to embed", $"{EmbeddingInputs:N0}"),
        ("documents to rank", $"{Documents:N0}"), ("priority", $"-{Priority:N0} to {Priority:N0}, the higher first; ignored without --client-priority"),
    ];
}
