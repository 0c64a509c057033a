namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>The turns of a conversation that comes in pieces. What one side says in a row is one turn: many templates want the sides to
/// alternate, and the system to speak once.</summary>
internal sealed class TurnList
{
    private readonly List<ChatMessage> _turns = [];
    private ChatAnswer? _answer; // the assistant's turn under way

    /// <summary>Whether the assistant spoke last.</summary>
    public bool EndsWithAnswer => _answer is not null;

    /// <summary>Adds what one side says.</summary>
    public void AddText(string role, string text)
    {
        if (role == "assistant")
        {
            AddToAnswer(new AnswerDelta(AnswerPart.Content, Answer.Content.Length == 0 || text.Length == 0 ? text : "\n" + text));
            return;
        }
        EndAnswer();
        if (_turns.Count > 0 && _turns[^1].Role == role) _turns[^1] = new ChatMessage(role, _turns[^1].Content + "\n\n" + text);
        else _turns.Add(new ChatMessage(role, text));
    }

    /// <summary>Adds what the model wrote to itself.</summary>
    public void AddReasoning(string text) => AddToAnswer(new AnswerDelta(AnswerPart.Reasoning, text));

    /// <summary>Adds a call that the model made.</summary>
    public void AddCall(string id, string name, string arguments) => AddToAnswer(
        new AnswerDelta(AnswerPart.CallBegin, "", 0, id, name), new AnswerDelta(AnswerPart.Arguments, arguments), new AnswerDelta(AnswerPart.CallEnd, ""));

    /// <summary>Adds what a call returned.</summary>
    public void AddResult(string callId, string text)
    {
        EndAnswer();
        _turns.Add(ChatMessage.OfTool(callId, text));
    }

    /// <summary>All turns.</summary>
    public IReadOnlyList<ChatMessage> End()
    {
        EndAnswer();
        return _turns;
    }

    private ChatAnswer Answer => _answer ??= new ChatAnswer();

    private void AddToAnswer(params AnswerDelta[] deltas) => Answer.Add(deltas);

    private void EndAnswer()
    {
        if (_answer is { } answer) _turns.Add(answer.ToMessage());
        _answer = null;
    }
}
