using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>The steps of recurrent layers.</summary>
internal readonly unsafe partial struct LaneFloat<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DeltaStep(float* s, float* q, float* k, float* v, float* decay, int decayStep, float beta, float* o, int n)
    {
        Debug.Assert(n % 16 == 0);
        TLanes betas = TLanes.Broadcast(beta);
        for (int j = 0; j < n; j += 16)
        {
            float* column = s + j;
            TLanes found = TLanes.Zero, result = TLanes.Zero;
            for (int i = 0; i < n; i++)
            {
                TLanes row = TLanes.Multiply(TLanes.Load(column + (i * n)), TLanes.Broadcast(decay[i * decayStep]));
                TLanes.Store(row, column + (i * n));
                found = TLanes.Fma(row, TLanes.Broadcast(k[i]), found);
            }
            TLanes error = TLanes.Multiply(TLanes.Subtract(TLanes.Load(v + j), found), betas);
            for (int i = 0; i < n; i++)
            {
                TLanes row = TLanes.Fma(error, TLanes.Broadcast(k[i]), TLanes.Load(column + (i * n)));
                TLanes.Store(row, column + (i * n));
                result = TLanes.Fma(row, TLanes.Broadcast(q[i]), result);
            }
            TLanes.Store(result, o + j);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ScanStep(float* h, float* a, float* b, float* c, int n, float decay, float u)
    {
        Debug.Assert(n % 16 == 0);
        TLanes decays = TLanes.Broadcast(decay), us = TLanes.Broadcast(u), sum = TLanes.Zero;
        for (int i = 0; i < n; i += 16)
        {
            TLanes keep = a == null ? decays : LaneMath<TLanes>.Exp(TLanes.Multiply(TLanes.Load(a + i), decays));
            TLanes next = TLanes.Fma(TLanes.Load(h + i), keep, TLanes.Multiply(TLanes.Load(b + i), us));
            TLanes.Store(next, h + i);
            sum = TLanes.Fma(next, TLanes.Load(c + i), sum);
        }
        return TLanes.Sum(sum);
    }
}
