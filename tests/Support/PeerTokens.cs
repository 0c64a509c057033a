using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Edge.Llm.Tests.Support;

/// <summary>The ids that llama.cpp gives; a test is inconclusive where Python or the shared folder is not there.</summary>
internal static class PeerTokens
{
    /// <summary>Tells the first text whose ids are others than llama.cpp's: with special tokens, or without.</summary>
    public static void Compare(string path, Tokenizer tokenizer, RandomText[] texts, string what, bool special = true)
    {
        int[][] expected = special ? Of(path, texts) : Of(path, texts, "--no-special", "--no-bos");
        for (int i = 0; i < texts.Length; i++)
            CollectionAssert.AreEqual(expected[i], tokenizer.Encode(texts[i].Utf8, special, special), $"{what}, special {special}: {texts[i].Json}");
    }

    public static int[][] Of(string path, RandomText[] texts, params string[] options)
    {
        string script = Settings.Shared("tools", "peer", "peer.py");
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(file, texts.Select(text => text.Json));
            var start = new ProcessStartInfo("python3") { RedirectStandardOutput = true };
            foreach (string argument in (string[])[script, "tokenize", .. options, "--jsonl", file, path])
                start.ArgumentList.Add(argument);
            using Process peer = Start(start);
            string output = peer.StandardOutput.ReadToEnd();
            peer.WaitForExit();
            Assert.AreEqual(0, peer.ExitCode, "peer.py failed");
            using JsonDocument document = JsonDocument.Parse(output);
            return [.. document.RootElement.GetProperty("tokens").EnumerateArray().Select(ids => ids.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
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
