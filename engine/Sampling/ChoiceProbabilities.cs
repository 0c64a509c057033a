namespace Edge.Llm;

/// <summary>How likely a token was when it was chosen: by the model, before anything else acted, and by what it was drawn from, behind grammar,
/// logit bias and all stages.</summary>
/// <param name="Model">Its log-probability of the model's logits.</param>
/// <param name="Sampled">Its log-probability among the tokens that were left.</param>
/// <param name="TopOfModel">The likeliest tokens of the model's logits, from the likeliest down.</param>
/// <param name="TopOfSampled">The likeliest of the tokens that were left; fewer where fewer were left.</param>
public sealed record ChoiceProbabilities(float Model, float Sampled, IReadOnlyList<TokenLogProbability> TopOfModel, IReadOnlyList<TokenLogProbability> TopOfSampled);
