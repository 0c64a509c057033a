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
    public void AnEmptyStopStringIsAnError() =>
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => new StopStrings([""])).Code);

    [TestMethod]
    public void HowTheTextIsCutDoesNotMatter() => Prop.ForAll(
        ArbMap.Default.ArbFor<int[]>(), ArbMap.Default.ArbFor<NonEmptyArray<NonEmptyArray<bool>>>(), (lengths, stopBits) =>
        {
            // Two letters only, so that stop strings and their beginnings are everywhere.
            string[] stopTexts = [.. stopBits.Get.Take(3).Select(bits => string.Concat(bits.Get.Take(5).Select(bit => bit ? 'a' : 'b')))];
            string[] pieces = [.. lengths.Select(length => string.Concat(Enumerable.Range(0, Math.Abs(length % 6)).Select(i => (length >> i & 1) == 0 ? 'a' : 'b')))];
            string text = string.Concat(pieces);
            int first = stopTexts.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(text.Length).Min();

            var stops = new StopStrings(stopTexts);
            var found = new System.Text.StringBuilder();
            bool stopped = false;
            foreach (string piece in pieces)
            {
                found.Append(stops.Append(piece, out stopped));
                if (stopped) break;
            }
            if (!stopped) found.Append(stops.Flush());
            string expected = stopped ? found.ToString() : text[..first];
            Assert.AreEqual(text[..found.Length], found.ToString());
            Assert.AreEqual(first < text.Length, stopped);
            if (!stopped) Assert.AreEqual(text, found.ToString());
            foreach (string stop in stopTexts) Assert.IsFalse(expected.Contains(stop, StringComparison.Ordinal) && stopped);
        }).QuickCheckThrowOnFailure();
}
