using System.Runtime.CompilerServices;

namespace Edge.Llm.Native;

/// <summary>What every export does: checks the stack, the handle and the gate, and turns an exception into a status. A body is a function pointer
/// and its arguments are a value, not a lambda: a lambda would be allocated by the export itself, where an exception ends the process.</summary>
internal static unsafe class Call
{
    private enum Hold
    {
        Nothing,
        Context,
        ContextToChange,
    }

    /// <summary>A call without a handle, also for a thread that has little stack: to ask what failed, and to close.</summary>
    public static int Library<T>(T arguments, delegate*<T, void> body, [CallerMemberName] string function = "")
    {
        try
        {
            body(arguments);
            return LastError.Ok;
        }
        catch (Exception e)
        {
            return LastError.Record(e, function);
        }
    }

    /// <summary>A call on a model; any number of threads may make them.</summary>
    public static int Model<T>(nint model, T arguments, delegate*<ModelResource, T, void> body, [CallerMemberName] string function = "") =>
        Library((model, arguments, (nint)body), &OnModel<T>, function);

    /// <summary>A call on a context, which it has for itself.</summary>
    public static int Context<T>(nint context, T arguments, delegate*<ContextResource, T, void> body, [CallerMemberName] string function = "") =>
        Library((context, Hold.Context, arguments, (nint)body), &OnContext<T>, function);

    /// <summary>The same for a call that changes sequences or logits: it ends the generation that the caller pulls.</summary>
    public static int Changing<T>(nint context, T arguments, delegate*<ContextResource, T, void> body, [CallerMemberName] string function = "") =>
        Library((context, Hold.ContextToChange, arguments, (nint)body), &OnContext<T>, function);

    /// <summary>A call on a context that may come at any time, also while another one is under way.</summary>
    public static int Meanwhile<T>(nint context, T arguments, delegate*<ContextResource, T, void> body, [CallerMemberName] string function = "") =>
        Library((context, Hold.Nothing, arguments, (nint)body), &OnContext<T>, function);

    /// <summary>A call on a request that may come at any time.</summary>
    public static int Request<T>(nint request, T arguments, delegate*<RequestResource, T, void> body, [CallerMemberName] string function = "") =>
        Library((request, arguments, (nint)body), &OnRequest<T>, function);

    /// <summary>A call that takes what is there; where the body says that nothing is, the status is NotReady, which is no failure.</summary>
    public static int Poll<T>(nint request, T arguments, delegate*<RequestResource, T, bool> body, [CallerMemberName] string function = "")
    {
        bool found = true;
        int status = Library((request, arguments, (nint)body, (nint)(&found)), &OnPoll<T>, function);
        return found ? status : (int)ErrorCode.NotReady;
    }

    private static void OnRequest<T>((nint Request, T Arguments, nint Body) call)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        using Use<RequestResource> use = HandleTable.Instance.Use<RequestResource>(call.Request, "request");
        ((delegate*<RequestResource, T, void>)call.Body)(use.Resource, call.Arguments);
    }

    private static void OnPoll<T>((nint Request, T Arguments, nint Body, nint Found) call)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        using Use<RequestResource> use = HandleTable.Instance.Use<RequestResource>(call.Request, "request");
        *(bool*)call.Found = ((delegate*<RequestResource, T, bool>)call.Body)(use.Resource, call.Arguments);
    }

    private static void OnModel<T>((nint Model, T Arguments, nint Body) call)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        using Use<ModelResource> use = HandleTable.Instance.Use<ModelResource>(call.Model, "model");
        ((delegate*<ModelResource, T, void>)call.Body)(use.Resource, call.Arguments);
    }

    private static void OnContext<T>((nint Context, Hold Hold, T Arguments, nint Body) call)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        using Use<ContextResource> use = HandleTable.Instance.Use<ContextResource>(call.Context, "context");
        using ContextResource.Entered entered = call.Hold switch
        {
            Hold.Context => use.Resource.Enter(),
            Hold.ContextToChange => use.Resource.EnterToChange(),
            _ => default,
        };
        ((delegate*<ContextResource, T, void>)call.Body)(use.Resource, call.Arguments);
    }
}
