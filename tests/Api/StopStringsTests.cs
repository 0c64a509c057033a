using FsCheck;
using FsCheck.Fluent;

namespace Edge.Llm.Tests.Api;

[TestClass]
public sealed class StopStringsTests
{
    [TestMethod]
    public void TextThatMayBecomeAStopStringIsHeldBack()
    {
        var stops = new StopStrings(["END", "NDX"]);
        Assert.AreEqual("a", stops.Append("aE", out bool stopped));
        Assert.AreEqual("", stops.Append("N", out stopped));
        Assert.AreEqual("ENE", stops.Append("EE", out stopped)); // the last E may begin another
        Assert.IsFalse(stopped);
        Assert.AreEqual("", stops.Append("NDmore", out stopped));
        Assert.IsTrue(stopped);
        Assert.AreEqual("", stops.Flush());
    }

    [TestMethod]
    public void WhatWasHeldBackComesAtTheEnd()
    {
        var stops = new StopStrings(["END"]);
        Assert.AreEqual("x", stops.Append("xEN", out _));
        Assert.AreEqual("EN", stops.Flush());
        Assert.AreEqual("", stops.Flush());
    }

    [TestMethod]
    public void TheEarliestStopStringWins()
    {
        Assert.AreEqual("a", new StopStrings(["cd", "bc"]).Append("abcd", out bool stopped));
        Assert.IsTrue(stopped);
    }

    [TestMethod]
    public void WhatIsTooMuchIsAnError()
    {
        foreach (string[] stops in (string[][])[[""], [.. Enumerable.Repeat("a", 65)], [new('a', 16_384), "b"]])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => new StopStrings(stops)).Code);
        _ = new StopStrings([.. Enumerable.Range(0, 64).Select(i => new string((char)('a' + i), 256))]);
    }

    [TestMethod]
    public void AnOverlappingBeginningIsFollowed()
    {
        var stops = new StopStrings(["aab", "abac", "ba"]);
        Assert.AreEqual("aca", string.Concat("acaaa".Select(letter => stops.Append(letter.ToString(), out _))));
        Assert.AreEqual("", stops.Append("b", out bool stopped));
        Assert.IsTrue(stopped);
    }

    [TestMethod]
    public void HowTheTextIsCutDoesNotMatter() => Prop.ForAll(
        ArbMap.Default.ArbFor<int[]>(), ArbMap.Default.ArbFor<NonEmptyArray<NonEmptyArray<bool>>>(), (lengths, stopBits) =>
        {
            // Two letters only, so that stop strings and their beginnings are everywhere.
            string[] stopTexts = [.. stopBits.Get.Take(3).Select(bits => string.Concat(bits.Get.Take(5).Select(bit => bit ? 'a' : 'b')))];
            string[] pieces = [.. lengths.Select(length => string.Concat(Enumerable.Range(0, Math.Abs(length % 6)).Select(i => (length >> i & 1) == 0 ? 'a' : 'b')))];
            string text = string.Concat(pieces);
            // The one that is complete first; of several, the longest.
            (int End, int Start) first = stopTexts.Select(stop => (text.IndexOf(stop, StringComparison.Ordinal), stop.Length))
                .Where(found => found.Item1 >= 0).Select(found => (found.Item1 + found.Length, found.Item1)).DefaultIfEmpty((0, text.Length)).Min();

            var stops = new StopStrings(stopTexts);
            var found = new System.Text.StringBuilder();
            bool stopped = false;
            foreach (string piece in pieces)
            {
                found.Append(stops.Append(piece, out stopped));
                if (stopped) break;
            }
            if (!stopped) found.Append(stops.Flush());
            Assert.AreEqual(text[..first.Start], found.ToString());
            Assert.AreEqual(first.End > 0, stopped);
            Assert.AreEqual(first.End > 0 ? text[first.Start..first.End] : null, stops.Found);
        }).QuickCheckThrowOnFailure();
}
