namespace Edge.Llm.Grammars.Json;

/// <summary>Types of JSON values; a number is whole or has a fraction.</summary>
[Flags]
internal enum JsonTypes
{
    None = 0,
    Null = 1,
    Boolean = 2,
    Integer = 4,
    Fraction = 8,
    Number = Integer | Fraction,
    String = 16,
    Array = 32,
    Object = 64,
    All = Null | Boolean | Number | String | Array | Object,
}
