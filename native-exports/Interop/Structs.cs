using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Native;

// The structs of edge_llm.h, field for field. The header says what they mean.

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct VersionInfo
{
    public uint StructSize, AbiMajor, AbiMinor, Arithmetic;
    public byte* Text;
    public nuint TextLength;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FeatureInfo
{
    public uint StructSize, Features;
    public int DefaultThreads, OffloadPlugins;
    public byte* Level;
    public nuint LevelLength;
    public byte* InstructionSet;
    public nuint InstructionSetLength;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ErrorInfo
{
    public uint StructSize;
    public int Code;
    public byte* Message;
    public nuint MessageLength;
    public byte* Detail;
    public nuint DetailLength;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ModelOptionsData
{
    public uint StructSize;
    public int UseMmap, UseMlock, GpuLayers, OffloadKqv, LogLevel;
    public float RopeFreqBase, RopeFreqScale;
    public delegate* unmanaged<void*, int, byte*, nuint, void> Log;
    public void* LogUser;
    public delegate* unmanaged<void*, void*, nuint, void> Release;
    public void* ReleaseUser;
    public TextData* Overrides; // from version 1.1 on
    public nuint OverrideCount;
    public byte* Offload;
    public nuint OffloadLength;
    public int* OffloadDevices;
    public nuint OffloadDeviceCount;
    public double* OffloadSplit;
    public nuint OffloadSplitCount;
    public int OffloadInexact;
    public uint Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AdapterInfo
{
    public uint StructSize;
    public int Rank, TensorCount;
    public float Alpha;
    public long FileBytes;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AdapterScaleData
{
    public nint Adapter;
    public float Scale;
    public uint Reserved;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ModelInfo
{
    public uint StructSize;
    public int VocabSize, ContextLength, EmbeddingLength, BlockCount, HeadCount, HeadCountKv;
    public int BosToken, EosToken, EotToken, PadToken, UnkToken, AddBos, AddEos;
    public int HasTokenizer, HasChatTemplate, FileCount, GpuLayers;
    public long FileBytes, ParameterCount;
    public Text64 Architecture;
    public Text128 Name;
}

/// <summary>char[64].</summary>
[InlineArray(64)]
internal struct Text64
{
    private byte _first;
}

/// <summary>char[128].</summary>
[InlineArray(128)]
internal struct Text128
{
    private byte _first;
}

[StructLayout(LayoutKind.Sequential)]
internal struct TokenInfo
{
    public uint StructSize;
    public int Type;
    public float Score;
    public int IsEnd;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ChatMessageData
{
    public byte* Role;
    public nuint RoleLength;
    public byte* Content;
    public nuint ContentLength;
    public byte* Json;
    public nuint JsonLength;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ChatOptionsData
{
    public uint StructSize;
    public int AddGenerationPrompt;
    public byte* ChatTemplate;
    public nuint ChatTemplateLength;
    public byte* TemplateName;
    public nuint TemplateNameLength;
    public byte* Tools;
    public nuint ToolsLength;
    public byte* Variables;
    public nuint VariablesLength;
    public long Date;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AnswerOptionsData
{
    public uint StructSize;
    public int ToolChoice;
    public byte* ToolName;
    public nuint ToolNameLength;
    public int SingleToolCall, ReasoningBudget;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PartData
{
    public uint StructSize;
    public int Kind, Index;
    public uint Reserved;
    public byte* Text;
    public nuint TextLength;
    public byte* Id;
    public nuint IdLength;
    public byte* Name;
    public nuint NameLength;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ContextOptionsData
{
    public uint StructSize;
    public int ContextSize, BatchSize, LogitsRows, Threads, CacheTypeK, CacheTypeV, MaxSequences;
    public ulong Seed;
    public byte* PromptCache;
    public nuint PromptCacheLength;
    public long PromptCacheBytes;
    public int NoPrefixSharing, Lookup, DraftTokens;
    public uint Reserved;
    public nint DraftModel;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MemoryPlanData
{
    public uint StructSize, Reserved;
    public long Weights, KvCache, Activations, Total;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ContextCounters
{
    public uint StructSize;
    public int Finish;
    public ulong Seed;
    public long PromptTokens, ReusedTokens, GeneratedTokens, PromptNanoseconds, GenerationNanoseconds;
    public long EvaluatedTokens, EvaluationNanoseconds, KvBytes, ActivationBytes;
    public long RestoredTokens, ForcedTokens, DraftedTokens, AcceptedTokens, ShiftedTokens; // from version 1.1 on
}

[StructLayout(LayoutKind.Sequential)]
internal struct LogitBiasData
{
    public int Token;
    public float Bias;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TextData
{
    public byte* Data;
    public nuint Length;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SamplingOptionsData
{
    public uint StructSize;
    public float Temperature;
    public int TopK;
    public float TopP, MinP, RepeatPenalty;
    public int RepeatLastN;
    public float PresencePenalty, FrequencyPenalty;
    public uint Reserved;
    public ulong Seed;
    public LogitBiasData* LogitBias;
    public nuint LogitBiasCount;
    public float DynatempRange, DynatempExponent, TopNSigma, TypicalP, XtcProbability, XtcThreshold, DryMultiplier, DryBase;
    public int DryAllowedLength, DryPenaltyLastN, Mirostat;
    public float MirostatTau, MirostatEta;
    public uint Reserved2;
    public TextData* DryBreakers;
    public nuint DryBreakerCount;
    public byte* Samplers;
    public nuint SamplersLength;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PieceData
{
    public uint StructSize;
    public int Token, Finish;
    public uint Id;
    public byte* Text;
    public nuint TextLength;
    public float Logprob, SampledLogprob; // from version 1.1 on
    public TokenLogprobData* Top;
    public nuint TopCount;
    public TokenLogprobData* SampledTop;
    public nuint SampledTopCount;
}

[StructLayout(LayoutKind.Sequential)]
internal struct TokenLogprobData
{
    public int Token;
    public float Logprob;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GenerateOptionsData
{
    public uint StructSize;
    public int MaxTokens, IgnoreEos, RenderSpecial, Sequence;
    public uint Id;
    public long Deadline;
    public SamplingOptionsData* Sampling;
    public TextData* Stop;
    public nuint StopCount;
    public delegate* unmanaged<void*, nuint, nuint, int> Prefill;
    public void* PrefillUser;
    public byte* Grammar;
    public nuint GrammarLength;
    public int GrammarKind;
    public uint GrammarFlags;
    public byte* Salt;
    public nuint SaltLength;
    public int Priority;
    public uint Choice;
    public int DraftTokens, ContextShift, Keep, Logprobs;
    public AdapterScaleData* Adapters;
    public nuint AdapterCount;
    public delegate* unmanaged<void*, void> Ready;
    public void* ReadyUser;
}

[StructLayout(LayoutKind.Sequential)]
internal struct RequestStatistics
{
    public uint StructSize;
    public int Finish;
    public ulong Seed;
    public long PromptTokens, ReusedTokens, RestoredTokens, GeneratedTokens, ForcedTokens, EvaluatedTokens, DraftedTokens, AcceptedTokens, ShiftedTokens, Preemptions;
    public long PromptNanoseconds, GenerationNanoseconds;
}
