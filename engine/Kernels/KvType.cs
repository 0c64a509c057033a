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

    /// <summary>Bfloat16, rounded to nearest even.</summary>
    BF16,

    /// <summary>Blocks of 32 levels of 5 bits with a half-precision scale and minimum (24 bytes).</summary>
    Q5_1,

    /// <summary>Blocks of 32 levels of 5 bits with a half-precision scale (22 bytes).</summary>
    Q5_0,

    /// <summary>Blocks of 32 levels of 4 bits with a half-precision scale and minimum (20 bytes).</summary>
    Q4_1,

    /// <summary>Blocks of 32 levels of 4 bits with a half-precision scale (18 bytes).</summary>
    Q4_0,

    /// <summary>The same with levels that are denser around zero (18 bytes).</summary>
    IQ4_NL,
}
