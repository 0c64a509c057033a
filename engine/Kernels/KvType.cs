namespace Edge.Llm;

/// <summary>Element types a KV cache may have.</summary>
public enum KvType
{
    /// <summary>Half precision, rounded to nearest even and saturated at 65,504.</summary>
    F16,

    /// <summary>Single precision.</summary>
    F32,

    /// <summary>Blocks of 32 int8 with a half-precision scale (34 bytes).</summary>
    Q8_0,
}
