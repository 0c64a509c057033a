using System.Text.Json.Serialization;

namespace Edge.Llm.Answers;

/// <summary>Writes JSON ahead of time.</summary>
[JsonSerializable(typeof(string))]
internal sealed partial class AnswerJson : JsonSerializerContext;
