using System.Text.Json;

namespace Edge.Llm.Answers;

/// <summary>Writes JSON without the serializer, which would bring reflection into every program.</summary>
internal static class AnswerJson
{
    /// <summary>A text as a JSON string.</summary>
    public static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
