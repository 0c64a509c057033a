namespace Edge.Llm;

/// <summary>Instruction sets that kernels are written for, the later the better within a processor family.</summary>
public enum Isa
{
    /// <summary>Plain C#: the reference.</summary>
    Scalar,

    /// <summary>AVX2 and FMA3.</summary>
    Avx2,

    /// <summary>AVX2 with the 256-bit VNNI dot products.</summary>
    AvxVnni,

    /// <summary>AVX-512 F, BW, DQ and VL.</summary>
    Avx512,

    /// <summary>Arm Advanced SIMD without dot products (Raspberry Pi 4).</summary>
    AdvSimd,

    /// <summary>Arm Advanced SIMD with sdot (Raspberry Pi 5).</summary>
    AdvSimdDp,
}
