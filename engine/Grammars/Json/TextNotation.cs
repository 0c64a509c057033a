namespace Edge.Llm.Grammars.Json;

/// <summary>Texts that are not written as JSON has them: as they are, without escapes, and names without quotes.</summary>
/// <param name="Quote">Around texts; empty: nothing.</param>
/// <param name="Forbidden">What cannot stand in a text, since it ends there.</param>
internal sealed record TextNotation(string Quote, string Forbidden);
