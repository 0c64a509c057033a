using System.Globalization;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Fuzz;

/// <summary>Small models of many kinds whose keys and tensors are damaged: each is refused, or runs.</summary>
[TestClass]
public sealed class ArchitectureFuzzTests
{
    private static readonly string[] s_models =
        ["gemma3", "qwen3moe", "gpt-oss", "deepseek2", "deepseek2-unsplit", "qwen35moe", "mamba", "nemotron-h-moe", "gemma4", "bert", "kimi-linear", "lfm2moe", "bloom"];

    private static readonly string[] s_numbers = ["0", "-1", "1", "2", "3", "7", "16", "64", "255", "4096", "65536", "1048576", "2147483647", "-2147483648"];

    [TestMethod]
    public void DamagedModelsAreRefusedOrRun()
    {
        var random = new Random(20);
        (int refused, int ran) = (0, 0);
        for (int i = Settings.Full ? 10000 : 400; i > 0; i--)
        {
            string name = s_models[random.Next(s_models.Length)];
            var edits = new Dictionary<int, Func<string, string?>>();
            int number = -1, lines = 150;
            for (int edit = random.Next(1, 3); edit > 0; edit--) edits[random.Next(1, lines)] = Edit(random);
            string? Change(string line) => line.Length > 0 && edits.TryGetValue(++number, out Func<string, string?>? edit) ? edit(line) : line;
            try
            {
                using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name, Change));
                if (model.Plan(new ContextOptions { ContextSize = 64, BatchSize = 16 }).Activations > 1 << 28) throw new EdgeLlmException(ErrorCode.OutOfMemory, "large");
                using Context context = model.CreateContext(new ContextOptions { ContextSize = 64, BatchSize = 16, Threads = 1 });
                int[] tokens = [.. Enumerable.Range(0, 9).Select(token => token % model.VocabSize)];
                if (model.Ranks) context.Rank(tokens);
                else context.Embed(tokens);
                ran++;
            }
            catch (EdgeLlmException)
            {
                refused++;
            }
            catch (Exception error) when (error is not AssertFailedException)
            {
                Assert.Fail($"{name}, case {i}: {error}");
            }
        }
        Assert.IsGreaterThan(0, ran);
        Assert.IsGreaterThan(0, refused);
    }

    // One line dropped, or one of its numbers replaced.
    private static Func<string, string?> Edit(Random random)
    {
        int kind = random.Next(8);
        string value = s_numbers[random.Next(s_numbers.Length)];
        int place = random.Next(4);
        return line =>
        {
            if (kind == 0) return null;
            string[] parts = line.Split(' ');
            bool tensor = parts[0].EndsWith(".weight", StringComparison.Ordinal) || parts[0].EndsWith(".bias", StringComparison.Ordinal) || parts.Length > 3;
            if (!tensor && parts.Length == 3)
            {
                if (parts[1] is "int" or "ints") return $"{parts[0]} {parts[1]} {Replace(parts[2], place, value)}";
                if (parts[1] is "float" or "floats") return $"{parts[0]} {parts[1]} {Replace(parts[2], place, kind == 1 ? "NaN" : value)}";
                return line;
            }
            // Small shapes only: the file itself must stay small.
            int shape = parts.Length > 1 && parts[1].StartsWith('@') ? 2 : 1;
            if (shape + 1 < parts.Length && parts[shape + 1] == "=") return line;
            parts[shape] = Replace(parts[shape], place, (Math.Abs(long.Parse(value, CultureInfo.InvariantCulture)) % 300 + 1).ToString(CultureInfo.InvariantCulture));
            return string.Join(' ', parts);
        };
    }

    private static string Replace(string list, int place, string value)
    {
        string[] items = list.Split(',');
        items[place % items.Length] = value;
        return string.Join(',', items);
    }
}
