using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>How much an error of each value of a row counts: its column's weight times sqrt(mean square of the row + the value's square).
/// The error of a product with activations is the sum of squared errors times the mean squared activations of the columns, hence the
/// first factor; that large values deserve more care than that, but not in proportion, is experience.</summary>
internal static unsafe class RowWeights
{
    /// <summary>Sets the weights of a row; <paramref name="columns"/> may be null: all count alike.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compute<TLanes>(float* x, float* columns, int k, float* weights) where TLanes : struct, ILanes<TLanes>
    {
        TLanes sum = TLanes.Zero;
        for (int i = 0; i < k; i += 16) sum = TLanes.Fma(TLanes.Load(x + i), TLanes.Load(x + i), sum);
        Vector128<float> meanSquare = Vector128.Create(TLanes.Sum(sum) / k);
        for (int i = 0; i < k; i += 4)
        {
            Vector128<float> v = Vector128.Load(x + i), weight = Vector128.Sqrt(Vector128.FusedMultiplyAdd(v, v, meanSquare));
            if (columns != null) weight *= Vector128.Load(columns + i);
            weight.Store(weights + i);
        }
    }
}
