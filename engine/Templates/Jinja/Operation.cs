namespace Edge.Llm.Templates.Jinja;

/// <summary>A method, filter or test: what it takes, and what it does.</summary>
/// <param name="parameters">Names with spaces between; a slash last: none may be given by name; a star alone: any may be given.</param>
/// <param name="run">The arguments are checked for number and names, not for types.</param>
internal sealed class Operation<TTarget, TResult>(string parameters, Func<Rendering, TTarget, Arguments, TResult> run)
{
    private readonly string[] _names = parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public TResult Run(Rendering rendering, TTarget target, Arguments arguments)
    {
        arguments.Check(_names);
        return run(rendering, target, arguments);
    }
}
