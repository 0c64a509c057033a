namespace Edge.Llm.Native;

/// <summary>What failed last on this thread; and the one way from an exception to a status.</summary>
internal sealed unsafe class LastError
{
    /// <summary>The status of success.</summary>
    public const int Ok = 0;

    [ThreadStatic]
    private static LastError? t_last;

    private readonly Utf8Text _message = new(), _detail = new();
    private int _code;

    /// <summary>Remembers a failure and returns its status. Throws nothing.</summary>
    public static int Record(Exception error, string function)
    {
        int code = (int)CodeOf(error);
        try
        {
            LastError last = t_last ??= new LastError();
            last._code = code;
            last._message.Set(ZeroFree(Message(error)));
            last._detail.Set(ZeroFree(Detail(error, code, function)));
        }
        catch (OutOfMemoryException)
        {
            // The status must do.
        }
        return code;
    }

    /// <summary>Writes this thread's last failure.</summary>
    public static void Write(ErrorInfo* destination)
    {
        LastError last = t_last ??= new LastError();
        Versioned.Write(destination, new ErrorInfo
        {
            Code = last._code, Message = last._message.Data, MessageLength = last._message.Length, Detail = last._detail.Data, DetailLength = last._detail.Length,
        });
    }

    // A message may quote what the caller gave; the caller reads as far as the first zero.
    private static string ZeroFree(string text) => text.Replace('\0', '\uFFFD');

    // The library has the runtime's messages as their keys only.
    private static string Message(Exception error) => error switch
    {
        EdgeLlmException => error.Message,
        InsufficientExecutionStackException => "fewer than 128 KiB of stack are left to this thread",
        OutOfMemoryException => "an allocation failed",
        _ => $"{error.GetType().Name}: {error.Message}",
    };

    private static ErrorCode CodeOf(Exception error) => error switch
    {
        EdgeLlmException known => known.Code,
        OutOfMemoryException or InsufficientExecutionStackException => ErrorCode.OutOfMemory,
        OperationCanceledException => ErrorCode.Cancelled,
        ArgumentException => ErrorCode.InvalidArgument,
        IOException or UnauthorizedAccessException => ErrorCode.InvalidFile,
        _ => ErrorCode.Internal,
    };

    private static string Detail(Exception error, int code, string function) =>
        code == (int)ErrorCode.Internal ? $"{function}: {error}"
        : error.InnerException is { } inner ? $"{function}: {inner.GetType().Name}: {inner.Message}"
        : function;
}
