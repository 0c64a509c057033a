namespace Edge.Llm;

/// <summary>An adapter that is applied, and the factor on what it adds.</summary>
/// <param name="Adapter">The adapter, of the model that it was loaded for.</param>
/// <param name="Scale">The factor; 1 is as it was trained, 0 as if it were not named.</param>
public readonly record struct AdapterScale(LoraAdapter Adapter, float Scale = 1);
