namespace Edge.Llm;

/// <summary>A token and the natural logarithm of the probability that the model gave it, before any filter.</summary>
public readonly record struct TokenLogProbability(int Token, float LogProbability);
