using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Threading;

[TestClass]
public sealed class GateTests
{
    [TestMethod]
    public void UsesBeyondTheLimitAreBusy()
    {
        var gate = new Gate(this, 2, "in use", () => { });
        gate.Enter();
        gate.Enter();
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(gate.Enter);
        Assert.AreEqual((ErrorCode.Busy, "in use"), (error.Code, error.Message));
        gate.Leave();
        gate.Enter();
    }

    [TestMethod]
    public void WhatIsClosedIsFreedOnceWhenTheLastUseHasEnded()
    {
        int freed = 0;
        var gate = new Gate(this, 2, "in use", () => freed++);
        gate.Enter();
        gate.Enter();
        gate.Close();
        gate.Close();
        Assert.ThrowsExactly<ObjectDisposedException>(gate.Enter);
        gate.Leave();
        Assert.AreEqual(0, freed);
        gate.Leave();
        Assert.AreEqual(1, freed);
        gate.Close();
        Assert.AreEqual((1, true), (freed, gate.IsClosed));
    }

    [TestMethod]
    public void UsesThatRaceWithACloseFreeItOnce()
    {
        for (int round = 0; round < 200; round++)
        {
            int freed = 0, inside = 0;
            var gate = new Gate(this, int.MaxValue, "", () =>
            {
                Assert.AreEqual(0, Volatile.Read(ref inside));
                Interlocked.Increment(ref freed);
            });
            Parallel.For(0, 4, i =>
            {
                if (i == 0)
                {
                    gate.Close();
                    return;
                }
                try
                {
                    using Gate.Use use = gate.Hold();
                    Interlocked.Increment(ref inside);
                    Interlocked.Decrement(ref inside);
                }
                catch (ObjectDisposedException)
                {
                }
            });
            Assert.AreEqual(1, freed);
        }
    }
}
