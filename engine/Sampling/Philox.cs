namespace Edge.Llm.Sampling;

/// <summary>What a random number of a position is for.</summary>
internal enum Draws : uint
{
    /// <summary>The token.</summary>
    Token,

    /// <summary>Whether <see cref="Sampling.Xtc"/> acts.</summary>
    Xtc,
}

/// <summary>Philox4x32-10 (Salmon and others, 2011): a counter-based random generator. A draw is a pure function of its key, so it
/// does not depend on which draws were made before it, in what order, or on what machine.</summary>
internal static class Philox
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;

    /// <summary>The uniform number in [0, 1) of a seed, a choice (0 unless one prompt has several answers), a position, and what it is for.</summary>
    public static double Uniform(ulong seed, uint choice, ulong position, Draws purpose = Draws.Token)
    {
        (uint high, uint low, _, _) = Block((uint)position, (uint)(position >> 32), choice, (uint)purpose, (uint)seed, (uint)(seed >> 32));
        return ((((ulong)high << 32) | low) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Four random words from a counter of four words and a key of two.</summary>
    public static (uint, uint, uint, uint) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0, product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }
}
