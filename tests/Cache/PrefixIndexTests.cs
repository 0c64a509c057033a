using Edge.Llm.Adapters;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cache;

/// <summary>Blocks that are found by their text: each sequence always sees what a pass over its own tokens would have written.</summary>
[TestClass]
public sealed unsafe class PrefixIndexTests
{
    private const int Window = 150;

    private static readonly LayerMemory s_full = new(new KvRows(1, 32, 32)), s_window = new(new KvRows(1, 32, 32, Window)), s_state = new(StateBytes: 64);

    [TestMethod]
    public void AnEmptySequenceTakesOverFullBlocks()
    {
        using KvCache cache = Cache(10, s_full);
        int[] text = Text(200);
        using (Sequence first = cache.NewSequence()) Grow(first, text);
        Assert.AreEqual(10, cache.FreeBlocks, "freed, and findable all the same");
        using Sequence second = cache.NewSequence(), other = cache.NewSequence();
        Assert.AreEqual(192, second.AdoptPrefix(text));
        Assert.AreEqual(7, cache.FreeBlocks);
        Check(second, text[..192]);
        Assert.AreEqual(0, other.AdoptPrefix(text.AsSpan(0, 63)), "no full block");
        Assert.AreEqual(0, other.AdoptPrefix(text.AsSpan(1)));
        Assert.AreEqual(64, other.AdoptPrefix([.. text[..100], .. text[..100]]));
        Assert.AreEqual(7, cache.FreeBlocks, "the two share them");
    }

    [TestMethod]
    public void ALongerBeginningTakesThePlaceOfAShorterOne()
    {
        using KvCache cache = Cache(10, s_full);
        int[] text = Text(200);
        using Sequence first = cache.NewSequence(), second = cache.NewSequence();
        Grow(first, text);
        Grow(second, text[..70]);
        Assert.AreEqual(192, second.AdoptPrefix(text));
        Assert.AreEqual(192, second.AdoptPrefix(text.AsSpan(0, 192)), "no more is known");
        Grow(second, text[192..]);
        Check(second, text);
        Assert.AreEqual(200, second.AdoptPrefix(text), "what it holds itself is more");
    }

    [TestMethod]
    public void SaltsAndAdaptersShareNothing()
    {
        using KvCache cache = Cache(10, s_full);
        int[] text = Text(200);
        using (Sequence first = cache.NewSequence())
        {
            first.Salt = "a";
            Grow(first, text);
            first.Salt = "a";
            Assert.AreEqual(200, first.Length);
            using Sequence fork = first.Fork();
            fork.Salt = "b";
            Assert.AreEqual(0, fork.Length, "its tokens had another one");
        }
        foreach ((string salt, int expected) in ((string, int)[])[("", 0), ("b", 0), ("a\0", 0), ("a", 192)])
        {
            using Sequence second = cache.NewSequence();
            second.Salt = salt;
            Assert.AreEqual(expected, second.AdoptPrefix(text), salt);
        }
        var root = new PrefixRoot("", AdapterSet.None);
        Assert.AreNotEqual(root, root with { Salt = "a" });
    }

    [TestMethod]
    public void TheTextUsedLeastRecentlyMakesRoom()
    {
        using KvCache cache = Cache(6, s_full);
        int[][] texts = [Text(128, 1), Text(128, 2), Text(128, 3)];
        void Use(int[] text, int expected)
        {
            using Sequence sequence = cache.NewSequence();
            Assert.AreEqual(expected, sequence.AdoptPrefix(text));
            Grow(sequence, text[expected..]);
            Check(sequence, text);
        }
        foreach (int[] text in texts) Use(text, 0);
        Use(texts[0], 128);
        Use(Text(64, 4), 0);
        Use(texts[0], 128);
        Use(texts[1], 64); // the end of a text goes first
        Use(texts[2], 64);
        Use(texts[0], 128);
    }

    [TestMethod]
    public void ABlockThatIsWrittenToAgainIsNotFound()
    {
        using KvCache cache = Cache(10, s_full);
        int[] text = Text(128);
        using Sequence first = cache.NewSequence(), second = cache.NewSequence();
        Grow(first, text);
        first.Trim(100);
        using (Sequence early = cache.NewSequence()) Assert.AreEqual(128, early.AdoptPrefix(text), "trimmed, but not written to");
        Grow(first, [7, 8]);
        Assert.AreEqual(64, second.AdoptPrefix(text));
        Grow(second, text[64..]);
        Check(second, text);
        Check(first, [.. text[..100], 7, 8]);
    }

    [TestMethod]
    public void OfAWindowOnlyItsOwnBlocksAreNeeded()
    {
        using KvCache cache = Cache(20, s_full, s_window);
        int[] text = Text(640);
        using (Sequence first = cache.NewSequence())
            foreach (int[] part in text.Chunk(64)) Grow(first, part);
        using Sequence second = cache.NewSequence();
        int free = cache.Groups[1].Free;
        Assert.AreEqual(640, second.AdoptPrefix(text));
        Assert.AreEqual((7, 3), (second.Table(1).First, free - cache.Groups[1].Free));
        Check(second, text);
        second.Trim(0);
        Assert.AreEqual(0, second.AdoptPrefix(text.AsSpan(0, 320)), "what position 320 looks back to has been reused");
    }

    [TestMethod]
    public void AStateIsFoundWhereAPassEndedAtTheEndOfABlock()
    {
        using KvCache cache = Cache(20, s_full, s_state);
        int[] text = Text(300);
        using (Sequence first = cache.NewSequence())
            foreach ((int start, int end) in ((int, int)[])[(0, 64), (64, 192), (192, 256), (256, 300)]) Grow(first, text[start..end]);
        using Sequence second = cache.NewSequence();
        Assert.AreEqual(64, second.AdoptPrefix(text.AsSpan(0, 190)));
        Assert.AreEqual(192, second.AdoptPrefix(text.AsSpan(0, 255)));
        Assert.AreEqual(256, second.AdoptPrefix(text));
        Grow(second, text[256..]);
        Check(second, text);
        Assert.AreEqual(256, second.Trim(270), "a snapshot like any other");
    }

    [TestMethod]
    public void WhatWasLoadedIsNotForOthers()
    {
        using KvCache cache = Cache(10, s_full);
        int[] text = Text(130);
        using Sequence loaded = cache.NewSequence(), other = cache.NewSequence();
        Grow(loaded, text, wasLoaded: true);
        Grow(loaded, Text(64, 2));
        Assert.AreEqual(0, other.AdoptPrefix(text));
        loaded.Trim(0);
        Grow(loaded, text);
        Assert.AreEqual(128, other.AdoptPrefix(text));
    }

    [TestMethod]
    [DataRow(1, 128)]
    [DataRow(2, 128)]
    [DataRow(3, 0)]
    [DataRow(4, 2)]
    public void NoSequenceEverSeesAnotherText(int seed, int hashBits)
    {
        int steps = Settings.Full ? 20_000 : 3000;
        var random = new Random(seed);
        using KvCache cache = Cache(24, s_full, s_window, s_state);
        if (hashBits < 128) cache.Prefixes = new PrefixIndex(cache, (UInt128.One << hashBits) - 1);
        int all = cache.FreeBlocks, adopted = 0;
        int[][] texts = [.. Enumerable.Range(0, 4).Select(i => Text(500, i / 2).Select((token, at) => at < 130 ? token : token + i).ToArray())];
        var sequences = new List<(Sequence Sequence, List<int> Text)>();
        for (int step = 0; step < steps; step++)
        {
            int chosen = random.Next(sequences.Count + 1);
            if (chosen == sequences.Count)
            {
                if (chosen == 5) continue;
                Sequence added = cache.NewSequence();
                added.Salt = random.Next(4) == 0 ? "salt" : "";
                sequences.Add((added, []));
            }
            (Sequence sequence, List<int> text) = sequences[chosen];
            switch (random.Next(6))
            {
                case 0:
                    sequence.Dispose();
                    sequences.RemoveAt(chosen);
                    continue;
                case 1 when sequences.Count < 5:
                    sequences.Add((sequence.Fork(), [.. text]));
                    break;
                case 2:
                    int left = sequence.Trim(random.Next(text.Count + 1));
                    text.RemoveRange(left, text.Count - left);
                    break;
                case 3 when texts.FirstOrDefault(other => other.AsSpan().StartsWith(text.ToArray())) is { } whole:
                    int length = sequence.AdoptPrefix(whole);
                    if (length > text.Count) adopted++;
                    text.AddRange(whole[text.Count..length]);
                    break;
                default:
                    int[] goesOn = texts.FirstOrDefault(other => other.AsSpan().StartsWith(text.ToArray())) ?? [];
                    int[] more = goesOn.Length > text.Count ? goesOn[text.Count..] : Text(100, random.Next());
                    more = more[..Math.Min(more.Length, random.Next(3) == 0 ? 64 - (text.Count % 64) : random.Next(1, 100))];
                    try
                    {
                        Grow(sequence, more);
                        text.AddRange(more);
                    }
                    catch (EdgeLlmException e) when (e.Code == ErrorCode.ContextFull)
                    {
                    }
                    break;
            }
            foreach ((Sequence each, List<int> its) in sequences) Check(each, [.. its], $"step {step}");
        }
        foreach ((Sequence each, _) in sequences) each.Dispose();
        Assert.AreEqual(all, cache.FreeBlocks);
        Assert.IsGreaterThan(20, adopted);
        Assert.IsLessThan(600, cache.Prefixes!.Count);
    }

    /// <summary>Who takes over, writes or reads blocks outside of a pass, and who gives the stores up, wait for one another.</summary>
    [TestMethod]
    public void BlocksAreNotLostWhileSomebodyUsesThem()
    {
        string folder = Directory.CreateTempSubdirectory("prompts").FullName;
        try
        {
            using KvCache cache = Cache(10, s_full);
            cache.Files = new PromptCache(cache, folder, long.MaxValue, 1, 1);
            using Sequence first = cache.NewSequence(), second = cache.NewSequence(), third = cache.NewSequence();
            int[] text = Text(200);
            Grow(first, text);
            foreach (Action work in (Action[])[first.SavePrefix, () => second.AdoptPrefix(text), () => third.RestorePrefix(text), () => cache.LoseStores(Stream.Null)])
            {
                var thread = new Thread(() => work());
                lock (cache.StoresLock)
                {
                    thread.Start();
                    Assert.IsFalse(thread.Join(50));
                }
                thread.Join();
            }
            Assert.AreEqual((192, 1), (second.Length, cache.Losses));
            Assert.AreEqual(ErrorCode.PluginError, Assert.ThrowsExactly<EdgeLlmException>(second.Acquire).Code);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static KvCache Cache(int blocks, params LayerMemory[] layers) =>
        new(new CacheLayout(layers, new CacheSize(64 * blocks, 1, 64, KvType.F32, KvType.F32, SharesPrefixes: true)));

    private static int[] Text(int length, int seed = 0)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(1000))];
    }

    // A pass writes to each position, and to the state, a number that depends on all tokens up to there.
    private static void Grow(Sequence sequence, int[] tokens, bool wasLoaded = false)
    {
        sequence.Acquire();
        try
        {
            sequence.Reserve(tokens.Length);
            ulong text = Number(sequence.Tokens);
            for (int i = 0; i < tokens.Length; i++)
            {
                text = Number(text, tokens[i]);
                for (int group = 0; group < sequence.Layout.Groups.Length; group++) *Slot(sequence, group, sequence.Length + i) = text;
            }
            if (sequence.NextState != null) *(ulong*)sequence.NextState = text;
            if (wasLoaded) sequence.CommitLoaded(tokens);
            else sequence.Commit(tokens);
        }
        finally
        {
            sequence.Release();
        }
    }

    private static void Check(Sequence sequence, int[] text, string message = "")
    {
        CollectionAssert.AreEqual(text, sequence.Tokens.ToArray(), message);
        for (int i = 0; i < text.Length; i++)
            for (int group = 0; group < sequence.Layout.Groups.Length; group++)
                if (i / 64 >= sequence.Table(group).First) Assert.AreEqual(Number(text.AsSpan(0, i + 1)), *Slot(sequence, group, i), $"{message}: group {group}, position {i}");
        for (int group = 0; group < sequence.Layout.Groups.Length; group++) Assert.IsTrue(sequence.Table(group).Reaches(text.Length), message);
        if (sequence.Layout.StateBytes > 0 && text.Length > 0) Assert.AreEqual(Number(text), *(ulong*)sequence.State, message);
    }

    private static ulong* Slot(Sequence sequence, int group, int position) =>
        (ulong*)sequence.Table(group).Addresses[position / AttentionArgs.BlockLength] + (position % AttentionArgs.BlockLength);

    private static ulong Number(ReadOnlySpan<int> tokens)
    {
        ulong number = 1;
        foreach (int token in tokens) number = Number(number, token);
        return number;
    }

    private static ulong Number(ulong before, int token) => (before * 6364136223846793005) + (uint)token + 1;
}
