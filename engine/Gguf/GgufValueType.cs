namespace Edge.Llm;

/// <summary>Types of metadata values, as GGUF numbers them.</summary>
public enum GgufValueType : uint
{
#pragma warning disable CS1591 // the names are the documentation
    UInt8 = 0,
    Int8 = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Float32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    UInt64 = 10,
    Int64 = 11,
    Float64 = 12,
#pragma warning restore CS1591
}
