using System.Runtime.InteropServices;

namespace Edge.Llm.Offload;

// The structs of edge_llm_offload.h, field by field; that header says what they mean.
#pragma warning disable CS1591, SA1600

internal static class Abi
{
    public const string Entry = "edge_llm_offload_plugin_v1";
    public const int Minor = 0, Unsupported = 2, OutOfMemory = 3, Cancelled = 5, InvalidArgument = 7, DeviceLost = 9, NonFinite = 10;
    public const uint Rms = 1, Layer = 2, Attention = 1, Gated = 1, Plain = 2, Experts = 3, Normalize = 1, Pre = 1, Parallel = 2, Exact = 1, WantHidden = 1;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiError
{
    public uint StructSize;
    public int NativeCode;
    public fixed byte Text[504];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiTensor
{
    public uint StructSize, Type;
    public fixed long Ne[4];
    public void* Data;
    public ulong RowBytes;
    public byte* Name;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiLinear
{
    public uint Weight, Bias;
    public float Scale;
    public uint Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiNorm
{
    public uint Kind, Weight, Bias;
    public float Epsilon;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiRope
{
    public uint Table, Halves;
    public int Dimensions, Offset;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiAttention
{
    public uint StructSize, Flags;
    public int Heads, KvHeads, KeyDim, ValueDim;
    public float Scale, Softcap;
    public int Window;
    public uint Group, Slot;
    public AbiLinear Q, K, V, Output;
    public AbiNorm QNorm, KNorm;
    public AbiRope Rope;
    public uint Sinks, Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiFeedForward
{
    public uint StructSize, Activation;
    public AbiLinear Gate, Up, Down;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiExpertMatrices
{
    public uint Weight, Bias;
    public int FirstRow;
    public uint Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiExperts
{
    public uint StructSize, Flags, Gating, Activation;
    public int Count, Used, Width, Groups, GroupsUsed;
    public float WeightScale, OutputScale;
    public uint ChoiceBias;
    public AbiLinear Router;
    public AbiExpertMatrices Gate, Up, Down;
    public AbiLinear SharedGate;
    public uint SharedKind, Reserved;
    public void* Shared;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiLayer
{
    public uint StructSize, Flags, Topology, MixerKind, FeedForwardKind;
    public int Number;
    public void* Mixer, FeedForward;
    public AbiNorm MixerNorm, FeedForwardNorm, AfterMixer, AfterFeedForward;
    public float ResidualScale;
    public uint Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiCacheGroup
{
    public uint StructSize, KeyType, ValueType;
    public int Layers, Heads, KeyDim, ValueDim, Blocks;
    public ulong BlockBytes;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiStageDesc
{
    public uint StructSize, Flags;
    public byte* Architecture;
    public int Hidden, VocabSize, LayerCount, TensorCount, GroupCount, RopeCount, MaxRows, MaxOutputRows;
    public AbiLayer* Layers;
    public AbiTensor* Tensors;
    public AbiCacheGroup* Groups;
    public AbiNorm FinalNorm;
    public AbiLinear Output;
    public float OutputSoftcap;
    public uint Arithmetic;
    public ulong Model;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiPlan
{
    public uint StructSize;
    public int FirstLayer;
    public uint TakesOutput, Exact;
    public ulong FixedBytes, OutputBytes;
    public byte* Verdicts;
    public ulong* LayerBytes;
    public fixed byte Reason[256];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiRun
{
    public int Row, Rows, Position, Reserved;
    public int** Tables;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiRopeTable
{
    public uint StructSize;
    public int Width, Stride, Reserved;
    public float* Cos, Sin;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiBatch
{
    public uint StructSize, Flags;
    public int Rows, RunCount, RopeCount, OutputCount, HiddenStride, OutStride;
    public float* Hidden, Out;
    public int* OutputRows;
    public AbiRun* Runs;
    public AbiRopeTable* Ropes;
    public void* Caller;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiHost
{
    public uint StructSize, AbiMinor;
    public void* Caller;
    public delegate* unmanaged<void*, int, byte*, void> Log;
    public delegate* unmanaged<void*, void*, int> Cancelled;
    public delegate* unmanaged<void*, void*, int, int, int, float*, float*, AbiError*, int> HostPart;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiDeviceInfo
{
    public uint StructSize, Kind;
    public fixed byte Name[128], Driver[64];
    public ulong TotalBytes, FreeBytes;
    public uint Exact, Reserved;
    public fixed byte Note[192];
}

[StructLayout(LayoutKind.Sequential)]
internal struct AbiStageInfo
{
    public uint StructSize, Exact;
    public ulong WeightBytes, CacheBytes, WorkBytes, Forwards, Rows, Launches, DeviceNanoseconds, CopyNanoseconds;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AbiPlugin
{
    public uint StructSize, AbiMinor;
    public byte* Name, Version;
    public delegate* unmanaged<int*, AbiError*, int> DeviceCount;
    public delegate* unmanaged<int, AbiDeviceInfo*, AbiError*, int> DeviceInfo;
    public delegate* unmanaged<int, AbiStageDesc*, AbiPlan*, AbiError*, int> Plan;
    public delegate* unmanaged<int, AbiStageDesc*, void**, AbiError*, int> Create;
    public delegate* unmanaged<void*, AbiBatch*, AbiError*, int> Forward;
    public delegate* unmanaged<void*, uint, int, int, AbiError*, int> BlockCopy;
    public delegate* unmanaged<void*, uint, int, void*, ulong, AbiError*, int> BlockRead;
    public delegate* unmanaged<void*, uint, int, void*, ulong, AbiError*, int> BlockWrite;
    public delegate* unmanaged<void*, AbiStageInfo*, AbiError*, int> Info;
    public delegate* unmanaged<void*, void> Destroy;
}
