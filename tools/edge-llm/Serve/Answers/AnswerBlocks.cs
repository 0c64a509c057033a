using System.Text;

namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>A stretch of an answer that is all text, all reasoning, or one call.</summary>
/// <param name="index">Its number in the answer.</param>
/// <param name="kind">Content, Reasoning or Arguments.</param>
/// <param name="callId">The call's id, or null.</param>
/// <param name="name">The tool's name, or null.</param>
internal sealed class AnswerBlock(int index, AnswerPart kind, string? callId = null, string? name = null)
{
    private readonly StringBuilder _text = new();

    public int Index => index;

    public AnswerPart Kind => kind;

    public string? CallId => callId;

    public string? Name => name;

    /// <summary>The text so far; a call's arguments.</summary>
    public string Text => _text.ToString();

    /// <summary>The tokens of a text with their probabilities, if they were asked for.</summary>
    public List<GeneratedToken> Tokens { get; } = [];

    /// <summary>Whether it has ended as it should; false while it is written, and when a limit cut it off.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>A call that broke off, as the model wrote it.</summary>
    public string? Broken { get; private set; }

    public void Grow(string text, IReadOnlyList<GeneratedToken> tokens)
    {
        _text.Append(text);
        Tokens.AddRange(tokens);
    }

    public void End(bool isComplete, string? broken = null) => (IsComplete, Broken) = (isComplete, broken);
}

internal enum BlockStep
{
    Begins,
    Grows,
    Ends,
}

/// <summary>What happens to a block.</summary>
/// <param name="Block">The block, as it is afterwards.</param>
/// <param name="Step">What happens.</param>
/// <param name="Text">What is added.</param>
/// <param name="Tokens">Of this text, if they were asked for.</param>
internal readonly record struct BlockChange(AnswerBlock Block, BlockStep Step, string Text, IReadOnlyList<GeneratedToken> Tokens);

/// <summary>Puts an answer's pieces together into blocks, one after the other. Whole answers and streams follow from the same blocks.</summary>
internal sealed class AnswerBlocks
{
    private readonly List<AnswerBlock> _blocks = [];
    private readonly List<BlockChange> _changes = [];
    private readonly List<GeneratedToken> _scored = []; // whose text has not come yet
    private AnswerBlock? _open;

    public IReadOnlyList<AnswerBlock> All => _blocks;

    /// <summary>Adds a piece, and tells what changes, in order. The last piece ends the last block.</summary>
    public IReadOnlyList<BlockChange> Add(ChatPiece piece)
    {
        _changes.Clear();
        if (piece.Item.Probabilities is not null) _scored.Add(piece.Item);
        foreach (AnswerDelta delta in piece.Deltas)
            switch (delta.Part)
            {
                case AnswerPart.Content or AnswerPart.Reasoning:
                    if (delta.Text.Length > 0) Grow(_open?.Kind == delta.Part ? _open : Begin(new AnswerBlock(_blocks.Count, delta.Part)), delta.Text);
                    break;
                case AnswerPart.CallBegin: Begin(new AnswerBlock(_blocks.Count, AnswerPart.Arguments, delta.Id, delta.Name)); break;
                case AnswerPart.Arguments: Grow(_open!, delta.Text); break;
                case AnswerPart.CallEnd: End(isComplete: true); break;
                case AnswerPart.CallBroken: End(isComplete: false, delta.Text); break;
            }
        if (piece.Finish is { } finish) End(isComplete: finish is not (FinishReason.Length or FinishReason.Deadline));
        return _changes;
    }

    /// <summary>Adds an empty text.</summary>
    public IReadOnlyList<BlockChange> AddEmptyText()
    {
        _changes.Clear();
        Begin(new AnswerBlock(_blocks.Count, AnswerPart.Content));
        End(isComplete: true);
        return _changes;
    }

    private AnswerBlock Begin(AnswerBlock block)
    {
        End(isComplete: true);
        _blocks.Add(block);
        _open = block;
        _changes.Add(new BlockChange(block, BlockStep.Begins, "", []));
        return block;
    }

    private void Grow(AnswerBlock block, string text)
    {
        GeneratedToken[] tokens = block.Kind == AnswerPart.Content ? [.. _scored] : [];
        _scored.Clear();
        block.Grow(text, tokens);
        _changes.Add(new BlockChange(block, BlockStep.Grows, text, tokens));
    }

    private void End(bool isComplete, string? broken = null)
    {
        if (_open is not { } block) return;
        block.End(isComplete, broken);
        _changes.Add(new BlockChange(block, BlockStep.Ends, "", []));
        _open = null;
    }
}
