using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>A convolution over the tokens of each sequence, channel by channel: y_t = sum over j of w[j] * x_(t - taps + 1 + j). The last
/// tap meets the current token; before the first there are zeros. What is remembered: the last taps - 1 inputs, oldest first.</summary>
internal static unsafe class CausalConv
{
    private const int ChannelsPerChunk = 128;

    /// <summary>Bytes that a sequence remembers.</summary>
    public static long StateBytes(int taps, int channels) => (taps - 1) * (long)channels * sizeof(float);

    /// <summary>Computes y [n, channels] of x [n, channels].</summary>
    /// <param name="cpu">Threads.</param>
    /// <param name="runs">Each sequence's rows.</param>
    /// <param name="stateOffset">Where in a state the remembered inputs lie.</param>
    /// <param name="x">Inputs.</param>
    /// <param name="y">Results, in other memory.</param>
    /// <param name="weight">[channels][taps].</param>
    /// <param name="bias">Added to the sums; null: nothing.</param>
    public static void Run(Cpu cpu, ReadOnlySpan<StateRun> runs, nint stateOffset, FloatRows x, FloatRows y, Tensor weight, Tensor? bias)
    {
        fixed (StateRun* first = runs)
        {
            var body = new Body
            {
                Runs = first, RunCount = runs.Length, StateOffset = stateOffset, X = x, Y = y, Taps = (int)weight.Ne0,
                Weight = (float*)weight.Pointer, Bias = bias is { } b ? (float*)b.Pointer : null,
            };
            cpu.Pool.Run((x.Width + ChannelsPerChunk - 1) / ChannelsPerChunk, ref body);
        }
    }

    private struct Body : IParallelBody
    {
        public StateRun* Runs;
        public int RunCount, Taps;
        public nint StateOffset;
        public FloatRows X, Y;
        public float* Weight, Bias;

        // Runs of one sequence go on from one another: a chunk takes them in their order.
        public void Run(int chunk, int worker)
        {
            int first = chunk * ChannelsPerChunk, end = Math.Min(X.Width, first + ChannelsPerChunk);
            for (int run = 0; run < RunCount; run++)
                for (int channel = first; channel < end; channel++) Channel(Runs[run], channel);
        }

        private void Channel(StateRun run, int channel)
        {
            int kept = Taps - 1, width = X.Width;
            float* before = run.State == null ? null : (float*)(run.State + StateOffset) + channel;
            float* after = (float*)(run.NextState + StateOffset) + channel;
            float* w = Weight + ((nint)channel * Taps);
            nint stride = X.Stride;
            float* x = X.Row(run.Row) + channel, y = Y.Row(run.Row) + channel;
            for (int t = 0; t < run.Tokens; t++)
            {
                float sum = 0;
                for (int j = 0; j < Taps; j++)
                {
                    int at = t - kept + j;
                    sum = MathF.FusedMultiplyAdd(w[j], at >= 0 ? x[at * stride] : before == null ? 0 : before[(nint)(kept + at) * width], sum);
                }
                y[t * stride] = Bias == null ? sum : sum + Bias[channel];
            }
            // Ascending: where both states are the same memory, what is read lies ahead of what is written.
            for (int i = 0; i < kept; i++)
            {
                int at = run.Tokens - kept + i;
                after[(nint)i * width] = at >= 0 ? x[at * stride] : before == null ? 0 : before[(nint)(kept + at) * width];
            }
        }
    }
}
