namespace Edge.Llm;

/// <summary>Why a generation ended. The numbers are those of the C ABI (<c>edge_llm_finish</c>).</summary>
public enum FinishReason
{
    /// <summary>A stop string.</summary>
    Stop = 1,

    /// <summary>The token limit, or a full context.</summary>
    Length = 2,

    /// <summary>A token of the model that ends a text.</summary>
    Eos = 3,

    /// <summary>The caller cancelled it.</summary>
    Cancelled = 4,

    /// <summary>Its deadline passed.</summary>
    Deadline = 5,
}
