using System.Text.Encodings.Web;
using System.Text.Json;

namespace Edge.Llm.Cli;

internal static class Json
{
    // Text is for people and programs, not for HTML: no \u escapes beyond what JSON itself needs.
    public static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static readonly JsonWriterOptions Indented = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = true };
}
