using System.CommandLine;

namespace Edge.Llm.Cli;

/// <summary>The options of texts that go on where the context is full.</summary>
internal sealed class ContextShiftBinding
{
    private readonly Option<bool> _shift = Opt.Flag("--context-shift", "Where the context is full, leave out the older half of what is not kept, and go on.");
    private readonly Option<int> _keep = Opt.Integer("--keep", [], "Tokens of the beginning that --context-shift keeps, made up to blocks of 64; -1: the prompt.", 0, -1);

    public IReadOnlyList<Option> Options => [_shift, _keep];

    public ContextShift? Get(ParseResult parsed) => parsed.GetValue(_shift) ? new ContextShift(parsed.GetValue(_keep)) : null;
}
