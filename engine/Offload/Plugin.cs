using System.Runtime.InteropServices;

namespace Edge.Llm.Offload;

/// <summary>A plug-in that is loaded. It stays so until the process ends: drivers do not like to be unloaded.</summary>
internal sealed unsafe class Plugin
{
    private static readonly object s_gate = new();
    private static readonly Dictionary<string, Plugin> s_loaded = [];

    private readonly AbiPlugin* _table = (AbiPlugin*)NativeMemory.Alloc((nuint)sizeof(AbiPlugin));

    private Plugin(in AbiPlugin table)
    {
        *_table = table;
        (Name, Title) = (TextOf(table.Name, 64), $"{TextOf(table.Name, 64)} {TextOf(table.Version, 64)}");
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Its name and version.</summary>
    public string Title { get; }

    /// <summary>Its functions.</summary>
    public AbiPlugin* Table => _table;

    /// <summary>Loads a library, or finds it loaded.</summary>
    /// <exception cref="EdgeLlmException">PluginError.</exception>
    public static Plugin Load(string path)
    {
        path = Path.GetFullPath(path);
        lock (s_gate)
        {
            if (!s_loaded.TryGetValue(path, out Plugin? plugin)) s_loaded[path] = plugin = Open(path);
            return plugin;
        }
    }

    /// <summary>Its devices, also those that it can say nothing of (<see cref="OffloadDevice.Error"/>).</summary>
    /// <exception cref="EdgeLlmException">PluginError.</exception>
    public IReadOnlyList<OffloadDevice> Devices()
    {
        int count = 0;
        AbiError error = NewError();
        Check(_table->DeviceCount(&count, &error), error);
        if (count is < 0 or > 1024) throw Failed($"{count} devices: expected 0 to 1024");
        return [.. Enumerable.Range(0, count).Select(Device)];
    }

    private OffloadDevice Device(int number)
    {
        AbiError error = NewError();
        var info = new AbiDeviceInfo { StructSize = (uint)sizeof(AbiDeviceInfo) };
        int status = _table->DeviceInfo(number, &info, &error);
        if (status != 0) return new OffloadDevice(number, "", "", OffloadDeviceKind.Other, 0, 0, false, "") { Error = $"{Name}: {TextOf(status, error)}" };
        OffloadDeviceKind kind = info.Kind <= (uint)OffloadDeviceKind.Processor ? (OffloadDeviceKind)info.Kind : OffloadDeviceKind.Other;
        return new OffloadDevice(number, TextOf(info.Name, 128), TextOf(info.Driver, 64), kind, Clamp(info.TotalBytes), Clamp(info.FreeBytes),
            info.Exact == 1, TextOf(info.Note, 192));
    }

    /// <summary>A struct for an error.</summary>
    public static AbiError NewError() => new() { StructSize = (uint)sizeof(AbiError) };

    /// <summary>Throws unless a status is 0.</summary>
    /// <exception cref="EdgeLlmException">PluginError, Unsupported, OutOfMemory, Cancelled, NonFinite.</exception>
    public void Check(int status, in AbiError error)
    {
        if (ErrorOf(status, error) is { } failure) throw failure;
    }

    /// <summary>What a status says; null for 0.</summary>
    public EdgeLlmException? ErrorOf(int status, in AbiError error) =>
        status == 0 ? null : new EdgeLlmException(CodeOf(status), $"{Name}: {TextOf(status, error)}");

    /// <summary>Text that a plug-in has filled in, or points to. Nothing behind its end is read: it may be shorter than the limit.</summary>
    public static string TextOf(byte* text, int limit)
    {
        int length = 0;
        while (text is not null && length < limit && text[length] != 0) length++;
        return System.Text.Encoding.UTF8.GetString(text, length);
    }

    private static string TextOf(int status, in AbiError error)
    {
        string text;
        fixed (byte* first = error.Text) text = TextOf(first, 504);
        if (text.Length == 0) text = $"status {status}, without a word";
        return error.NativeCode == 0 ? text : $"{text} (code {error.NativeCode} of the device)";
    }

    private static ErrorCode CodeOf(int status) => status switch
    {
        Abi.Unsupported => ErrorCode.Unsupported,
        Abi.OutOfMemory => ErrorCode.OutOfMemory,
        Abi.Cancelled => ErrorCode.Cancelled,
        Abi.NonFinite => ErrorCode.NonFinite,
        _ => ErrorCode.PluginError,
    };

    private static Plugin Open(string path)
    {
        if (!File.Exists(path)) throw Unusable(path, "there is no such plug-in");
        nint library;
        try
        {
            library = NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw Unusable(path, $"this is no library that can be loaded here: {e.Message.ReplaceLineEndings(" ")}");
        }
        if (!NativeLibrary.TryGetExport(library, Abi.Entry, out nint entry))
            throw Unusable(path, $"this library is no plug-in of this version: it has no {Abi.Entry}");
        var table = new AbiPlugin { StructSize = (uint)sizeof(AbiPlugin) };
        AbiError error = NewError();
        int status = ((delegate* unmanaged<AbiHost*, AbiPlugin*, AbiError*, int>)entry)(PluginHost.Table, &table, &error);
        if (status != 0) throw Unusable(path, $"the plug-in cannot be used: {TextOf(error.Text, 504)} (status {status})");
        bool isWhole = table.StructSize >= sizeof(AbiPlugin) && table.Name is not null && table.DeviceCount is not null && table.DeviceInfo is not null
            && table.Plan is not null && table.Create is not null && table.Forward is not null && table.BlockCopy is not null && table.BlockRead is not null
            && table.BlockWrite is not null && table.Info is not null && table.Destroy is not null;
        if (!isWhole)
            throw Unusable(path, $"the plug-in has filled in {table.StructSize} bytes of its table: expected {sizeof(AbiPlugin)}, with every function");
        return new Plugin(table);
    }

    private static EdgeLlmException Unusable(string path, string why) => new(ErrorCode.PluginError, $"{path}: {why}");

    private EdgeLlmException Failed(string message) => new(ErrorCode.PluginError, $"{Name}: {message}");

    private static long Clamp(ulong bytes) => (long)Math.Min(bytes, long.MaxValue);
}
