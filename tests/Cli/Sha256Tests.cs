using System.Security.Cryptography;
using Edge.Llm.Cli;

namespace Edge.Llm.Tests.Cli;

[TestClass]
public sealed class Sha256Tests
{
    [TestMethod]
    public void HashesAreThoseOfDotNet()
    {
        var random = new Random(1);
        for (int length = 0; length < 300; length++)
        {
            byte[] data = new byte[length];
            random.NextBytes(data);
            var hash = new Sha256();
            for (int start = 0; start < length;)
            {
                int count = Math.Min(length - start, random.Next(1, 100));
                hash.Append(data.AsSpan(start, count));
                start += count;
            }
            Assert.AreEqual(Convert.ToHexStringLower(SHA256.HashData(data)), hash.Finish(), $"{length} bytes");
        }
    }
}
