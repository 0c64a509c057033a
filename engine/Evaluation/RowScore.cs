namespace Edge.Llm.Evaluation;

/// <summary>What one prediction was worth.</summary>
internal struct RowScore
{
    public double Nll, Kl;
    public bool Top1, SameTop1;
}
