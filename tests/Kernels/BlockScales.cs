using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Blocks of random bits are valid weights once their float scales are finite: everything else, indices of codebooks included, is
/// in range by construction.</summary>
internal static class BlockScales
{
    /// <summary>Zeros of both signs, subnormals, the largest, the smallest normal, 1 and -1.</summary>
    public static readonly ushort[] Extremes = [0, 0x8000, 1, 0x8001, 0x03ff, 0x0400, 0x7bff, 0xfbff, 0x3c00, 0xbc00];

    /// <summary>Overwrites the scales of all blocks; <paramref name="half"/> gives each, half precision. MXFP4 gets powers of two, 0 to 2
    /// among their exponents for halves under 3; NVFP4 keeps its bits, of which any will do.</summary>
    public static void Set(GgmlType type, Span<byte> blocks, Func<ushort> half)
    {
        int blockBytes = GgmlTypes.Get(type).BlockBytes;
        for (int at = 0; at < blocks.Length; at += blockBytes)
            foreach (GgufVerifier.FloatField field in GgufVerifier.Fields(type))
            {
                Span<byte> to = blocks[(at + field.Offset)..];
                ushort bits = half();
                switch (field.Width)
                {
                    case 1 when type == GgmlType.MXFP4: to[0] = (byte)(bits < 3 ? bits : 112 + ((bits >> 10) & 31)); break;
                    case 1: break;
                    case 2: BitConverter.TryWriteBytes(to, bits); break;
                    case 4: BitConverter.TryWriteBytes(to, HalfFloat.ToSingle(bits)); break;
                    default: // IQ1_M: a nibble in the upper half of every second byte
                        for (int i = 0; i < 4; i++) to[2 * i + 1] = (byte)((to[2 * i + 1] & 15) | (((bits >> (4 * i)) & 15) << 4));
                        break;
                }
            }
    }

    /// <summary>A scale of ordinary size.</summary>
    public static ushort Ordinary(Random random) => HalfFloat.FromSingle((random.NextSingle() - 0.4f) * 0.1f);
}
