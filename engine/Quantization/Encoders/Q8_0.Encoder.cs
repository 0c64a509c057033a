using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to <see cref="Q8_0"/>: the largest magnitude of a block becomes 127. A search would gain next to nothing.</summary>
internal readonly unsafe struct Q8_0Encoder : IRowEncoder
{
    public static GgmlType Type => GgmlType.Q8_0;

    public static bool UsesWeights => false;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes>
    {
        TLanes most = TLanes.Broadcast(127), least = TLanes.Broadcast(-127);
        for (int at = 0; at < k; at += 32, row += Q8_0.Bytes)
        {
            var b = (Q8_0*)row;
            TLanes low = TLanes.Load(x + at), high = TLanes.Load(x + at + 16);
            TLanes largest = TLanes.Max(TLanes.Max(low, high), TLanes.Subtract(TLanes.Zero, TLanes.Min(low, high)));
            float d = HalfScales.Round(TLanes.Largest(largest) / 127);
            b->D = HalfFloat.FromSingle(d);
            TLanes inverse = TLanes.Broadcast(d == 0 ? 0 : 1 / d);
            TLanes.Store(TLanes.Round(TLanes.Min(TLanes.Max(TLanes.Multiply(low, inverse), least), most)), memory);
            TLanes.Store(TLanes.Round(TLanes.Min(TLanes.Max(TLanes.Multiply(high, inverse), least), most)), memory + 16);
            for (int i = 0; i < 32; i++) b->Qs[i] = (sbyte)memory[i];
        }
    }
}
