using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Edge.Llm.Native.Pointers;

namespace Edge.Llm.Native;

/// <summary>Versions, features, errors, defaults. What callers see is in entry.c; the managed halves are named like it.</summary>
internal static unsafe class LibraryExports
{
    private const uint AbiMajor = 1, AbiMinor = 1;
    private const uint Embeddings = 1 << 0, State = 1 << 1, Mmap = 1 << 2, Mlock = 1 << 3;

    private static readonly Utf8Text s_instructionSet = new();

    private static ReadOnlySpan<byte> Level =>
#if EDGE_LLM_LEVEL_v3
        "v3"u8;
#elif EDGE_LLM_LEVEL_v4
        "v4"u8;
#else
        "baseline"u8;
#endif

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_version")]
    public static int edge_llm_version(VersionInfo* version) => Call.Library(Pointer(version), &Version);

    private static void Version(Pointer<VersionInfo> version) => Versioned.Write(version.Address, new VersionInfo
    {
        AbiMajor = AbiMajor, AbiMinor = AbiMinor, Arithmetic = EngineVersion.Arithmetic,
        Text = Address(EngineVersion.Utf8), TextLength = (nuint)EngineVersion.Utf8.Length,
    });

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_features")]
    public static int edge_llm_features(FeatureInfo* features) => Call.Library(Pointer(features), &Features);

    private static void Features(Pointer<FeatureInfo> features)
    {
        Versioned.CheckedSize(features.Address);
        LibraryFolder.Tell();
        string instructionSet = EngineInfo.Current().InstructionSet;
        lock (s_instructionSet)
            if (s_instructionSet.Length == 0)
                s_instructionSet.Set(instructionSet);
        Versioned.Write(features.Address, new FeatureInfo
        {
            Features = Embeddings | State | Mmap | (OperatingSystem.IsWindows() ? 0 : Mlock),
            OffloadPlugins = OffloadPlugins.Find().Count, DefaultThreads = EngineInfo.DefaultThreads, Level = Address(Level), LevelLength = (nuint)Level.Length,
            InstructionSet = s_instructionSet.Data, InstructionSetLength = s_instructionSet.Length,
        });
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_status_name")]
    public static int edge_llm_status_name(int status, byte** name, nuint* length) =>
        Call.Library((status, Pointer((nint*)name), Pointer(length)), &StatusName);

    private static void StatusName((int Status, Pointer<nint> Name, Pointer<nuint> Length) a)
    {
        nint* name = a.Name.Needed("name");
        nuint* length = a.Length.Needed("length");
        ReadOnlySpan<byte> text = Name(a.Status);
        *name = (nint)Address(text);
        *length = (nuint)text.Length;
        if (a.Status is < 0 or > (int)ErrorCode.NotReady) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{a.Status} is no status");
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_last_error")]
    public static int edge_llm_last_error(ErrorInfo* error) => Call.Library(Pointer(error), &WriteLastError);

    private static void WriteLastError(Pointer<ErrorInfo> error) => LastError.Write(error.Address);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_model_options_default")]
    public static int edge_llm_model_options_default(ModelOptionsData* options, nuint size) => Defaults(options, size, &OptionReaders.Model);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_answer_options_default")]
    public static int edge_llm_answer_options_default(AnswerOptionsData* options, nuint size) => Defaults(options, size, &OptionReaders.Answer);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_chat_options_default")]
    public static int edge_llm_chat_options_default(ChatOptionsData* options, nuint size) => Defaults(options, size, &OptionReaders.Chat);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_context_options_default")]
    public static int edge_llm_context_options_default(ContextOptionsData* options, nuint size) => Defaults(options, size, &OptionReaders.Context);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_sampling_options_default")]
    public static int edge_llm_sampling_options_default(SamplingOptionsData* options, nuint size) => Defaults(options, size, &OptionReaders.Sampling);

    [UnmanagedCallersOnly(EntryPoint = "managed_edge_llm_generate_options_default")]
    public static int edge_llm_generate_options_default(GenerateOptionsData* options, nuint size) => Defaults(options, size, &OptionReaders.Generate);

    private static int Defaults<T>(T* options, nuint size, delegate*<T> defaults, [CallerMemberName] string function = "") where T : unmanaged =>
        Call.Library((Pointer(options), size, (nint)defaults), &WriteDefaults, function);

    private static void WriteDefaults<T>((Pointer<T> Options, nuint Size, nint Defaults) a) where T : unmanaged =>
        Versioned.WriteDefaults(a.Options.Address, a.Size, ((delegate*<T>)a.Defaults)());

    // A literal's bytes lie in the library's read-only data, with a zero behind them.
    private static byte* Address(ReadOnlySpan<byte> literal) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(literal));

    private static ReadOnlySpan<byte> Name(int status) => status switch
    {
        LastError.Ok => "EDGE_LLM_OK"u8,
        (int)ErrorCode.InvalidFile => "EDGE_LLM_INVALID_FILE"u8,
        (int)ErrorCode.Unsupported => "EDGE_LLM_UNSUPPORTED"u8,
        (int)ErrorCode.OutOfMemory => "EDGE_LLM_OUT_OF_MEMORY"u8,
        (int)ErrorCode.ContextFull => "EDGE_LLM_CONTEXT_FULL"u8,
        (int)ErrorCode.Cancelled => "EDGE_LLM_CANCELLED"u8,
        (int)ErrorCode.DeadlineExceeded => "EDGE_LLM_DEADLINE_EXCEEDED"u8,
        (int)ErrorCode.InvalidArgument => "EDGE_LLM_INVALID_ARGUMENT"u8,
        (int)ErrorCode.GrammarError => "EDGE_LLM_GRAMMAR_ERROR"u8,
        (int)ErrorCode.PluginError => "EDGE_LLM_PLUGIN_ERROR"u8,
        (int)ErrorCode.NonFinite => "EDGE_LLM_NON_FINITE"u8,
        (int)ErrorCode.Forked => "EDGE_LLM_FORKED"u8,
        (int)ErrorCode.Internal => "EDGE_LLM_INTERNAL"u8,
        (int)ErrorCode.InvalidHandle => "EDGE_LLM_INVALID_HANDLE"u8,
        (int)ErrorCode.Busy => "EDGE_LLM_BUSY"u8,
        (int)ErrorCode.BufferTooSmall => "EDGE_LLM_BUFFER_TOO_SMALL"u8,
        (int)ErrorCode.NotReady => "EDGE_LLM_NOT_READY"u8,
        _ => "unknown status"u8,
    };
}
