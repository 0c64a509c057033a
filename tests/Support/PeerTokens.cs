using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Edge.Llm.Tests.Support;

/// <summary>The ids that llama.cpp gives, and what they stand for; a test is inconclusive where Python or the shared folder is not there.</summary>
internal static class PeerTokens
{
    /// <summary>Tells the first text whose ids are others than llama.cpp's: with special tokens, or without.</summary>
    public static void Compare(string path, Tokenizer tokenizer, RandomText[] texts, string what, bool special = true)
    {
        int[][] expected = special ? Of(path, texts) : Of(path, texts, "--no-special", "--no-bos");
        for (int i = 0; i < texts.Length; i++)
            CollectionAssert.AreEqual(expected[i], tokenizer.Encode(texts[i].Utf8, special, special), $"{what}, special {special}: {texts[i].Json}");
    }

    /// <summary>Tells the first token of a text that stands for other bytes than in llama.cpp.</summary>
    public static void ComparePieces(string path, Tokenizer tokenizer, string text, string what)
    {
        using JsonDocument answer = Run(path, "--pieces", "--text-file", text);
        int[] ids = Ids(answer.RootElement.GetProperty("tokens"));
        JsonElement[] pieces = [.. answer.RootElement.GetProperty("pieces").EnumerateArray()];
        for (int i = 0; i < ids.Length; i++)
        {
            string expected = pieces[i].TryGetProperty("hex", out JsonElement hex)
                ? hex.GetString()! : Convert.ToHexStringLower(Encoding.UTF8.GetBytes(pieces[i].GetProperty("text").GetString()!));
            Assert.AreEqual(expected, Convert.ToHexStringLower(tokenizer.DecodeToken(ids[i], special: true)), $"{what}: token {ids[i]}");
        }
    }

    private static int[][] Of(string path, RandomText[] texts, params string[] options)
    {
        using JsonDocument answer = Run(path, [.. options, "--jsonl", string.Join('\n', texts.Select(text => text.Json))]);
        return [.. answer.RootElement.GetProperty("tokens").EnumerateArray().Select(Ids)];
    }

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>Runs peer.py tokenize; the last argument is what stands in a file.</summary>
    private static JsonDocument Run(string path, params string[] arguments)
    {
        string script = Settings.Shared("tools", "peer", "peer.py");
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, arguments[^1]);
            var start = new ProcessStartInfo("python3") { RedirectStandardOutput = true };
            foreach (string argument in (string[])[script, "tokenize", .. arguments[..^1], file, path]) start.ArgumentList.Add(argument);
            using Process peer = Start(start);
            string output = peer.StandardOutput.ReadToEnd();
            peer.WaitForExit();
            Assert.AreEqual(0, peer.ExitCode, "peer.py failed");
            return JsonDocument.Parse(output);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            Assert.Inconclusive("python3 is not there");
            throw;
        }
    }
}
