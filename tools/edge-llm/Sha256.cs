using System.Buffers.Binary;
using System.Numerics;

namespace Edge.Llm.Cli;

/// <summary>SHA-256 (FIPS 180-4). .NET's own needs OpenSSL on Linux, and ends the process where that is missing.</summary>
internal sealed class Sha256
{
    private const int BlockBytes = 64;

    // The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static readonly uint[] s_k = [.. Primes(64).Select(prime => Fraction(Math.Cbrt(prime)))];

    private readonly uint[] _state = [.. Primes(8).Select(prime => Fraction(Math.Sqrt(prime)))];
    private readonly byte[] _block = new byte[BlockBytes];
    private readonly uint[] _w = new uint[64];
    private int _filled;
    private ulong _bytes;

    /// <summary>Takes more of the message.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        _bytes += (ulong)data.Length;
        while (!data.IsEmpty)
        {
            int count = Math.Min(data.Length, BlockBytes - _filled);
            data[..count].CopyTo(_block.AsSpan(_filled));
            data = data[count..];
            _filled += count;
            if (_filled < BlockBytes) continue;
            Compress();
            _filled = 0;
        }
    }

    /// <summary>Ends the message: its hash, in lower-case hexadecimal.</summary>
    public string Finish()
    {
        ulong bits = _bytes * 8;
        Append([0x80]);
        while (_filled != BlockBytes - sizeof(ulong)) Append([0]);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(length, bits);
        Append(length);
        return string.Concat(_state.Select(word => word.ToString("x8", null)));
    }

    private void Compress()
    {
        for (int t = 0; t < 16; t++) _w[t] = BinaryPrimitives.ReadUInt32BigEndian(_block.AsSpan(t * sizeof(uint)));
        for (int t = 16; t < 64; t++)
        {
            uint s0 = Rotate(_w[t - 15], 7) ^ Rotate(_w[t - 15], 18) ^ (_w[t - 15] >> 3);
            uint s1 = Rotate(_w[t - 2], 17) ^ Rotate(_w[t - 2], 19) ^ (_w[t - 2] >> 10);
            _w[t] = _w[t - 16] + s0 + _w[t - 7] + s1;
        }
        (uint a, uint b, uint c, uint d) = (_state[0], _state[1], _state[2], _state[3]);
        (uint e, uint f, uint g, uint h) = (_state[4], _state[5], _state[6], _state[7]);
        for (int t = 0; t < 64; t++)
        {
            uint t1 = h + (Rotate(e, 6) ^ Rotate(e, 11) ^ Rotate(e, 25)) + ((e & f) ^ (~e & g)) + s_k[t] + _w[t];
            uint t2 = (Rotate(a, 2) ^ Rotate(a, 13) ^ Rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e, d, c, b, a) = (g, f, e, d + t1, c, b, a, t1 + t2);
        }
        uint[] sums = [a, b, c, d, e, f, g, h];
        for (int i = 0; i < sums.Length; i++) _state[i] += sums[i];
    }

    private static uint Rotate(uint value, int bits) => BitOperations.RotateRight(value, bits);

    private static IEnumerable<int> Primes(int count) =>
        Enumerable.Range(2, 400).Where(n => Enumerable.Range(2, n - 2).All(divisor => n % divisor != 0)).Take(count);

    private static uint Fraction(double root) => (uint)((root - Math.Floor(root)) * 4294967296.0);
}
