namespace Edge.Llm.Sampling;

/// <summary>Excludes top choices: with some probability, all tokens that reach a threshold are left out but the least likely of them.</summary>
internal sealed class Xtc(float probability, float threshold) : ISamplerStage
{
    public void Apply(Candidates candidates, in SamplingStep step)
    {
        if (candidates.Count < 2 || Philox.Uniform(step.Seed, step.Choice, step.Position, Draws.Xtc) > probability) return;
        double least = threshold * candidates.Total();
        int reach = 0;
        while (reach < candidates.Count && candidates.WeightAt(reach) >= least) reach++;
        if (reach > 1) candidates.DropFirst(reach - 1);
    }
}
