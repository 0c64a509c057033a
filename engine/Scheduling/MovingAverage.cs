namespace Edge.Llm.Scheduling;

/// <summary>An average that follows what it measures: each value counts a quarter, what came before the rest.</summary>
internal struct MovingAverage
{
    private const double Weight = 0.25;

    /// <summary>The average; 0: nothing has been measured.</summary>
    public double Value { get; private set; }

    /// <summary>Takes in a value.</summary>
    public void Add(double value) => Value = Value == 0 ? value : Value + (Weight * (value - Value));

    /// <summary>Forgets all values.</summary>
    public void Clear() => Value = 0;
}
