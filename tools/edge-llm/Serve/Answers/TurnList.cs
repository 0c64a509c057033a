using System.Text;

namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>The turns of a conversation that comes in pieces. What one side says in a row is one turn: many templates want the sides to
/// alternate, and the system to speak once.</summary>
internal sealed class TurnList
{
    private readonly List<ChatMessage> _turns = [];
    private readonly StringBuilder _text = new(); // of the turn under way that is not the assistant's
    private string? _role; // whose it is
    private ChatAnswer? _answer; // the assistant's turn under way
    private bool _hasContent;

    /// <summary>Whether the assistant spoke last.</summary>
    public bool EndsWithAnswer => _answer is not null;

    /// <summary>Adds what one side says.</summary>
    public void AddText(string role, string text)
    {
        if (role == "assistant")
        {
            AddToAnswer(new AnswerDelta(AnswerPart.Content, _hasContent && text.Length > 0 ? "\n" + text : text));
            _hasContent |= text.Length > 0;
            return;
        }
        if (_role == role) _text.Append("\n\n");
        else EndTurn();
        _role = role;
        _text.Append(text);
    }

    /// <summary>Adds what the model wrote to itself.</summary>
    public void AddReasoning(string text) => AddToAnswer(new AnswerDelta(AnswerPart.Reasoning, text));

    /// <summary>Adds a call that the model made.</summary>
    public void AddCall(string id, string name, string arguments) => AddToAnswer(
        new AnswerDelta(AnswerPart.CallBegin, "", 0, id, name), new AnswerDelta(AnswerPart.Arguments, arguments), new AnswerDelta(AnswerPart.CallEnd, ""));

    /// <summary>Adds what a call returned.</summary>
    public void AddResult(string callId, string text)
    {
        EndTurn();
        _turns.Add(ChatMessage.OfTool(callId, text));
    }

    /// <summary>All turns.</summary>
    public IReadOnlyList<ChatMessage> End()
    {
        EndTurn();
        return _turns;
    }

    private void AddToAnswer(params AnswerDelta[] deltas)
    {
        if (_answer is null) EndTurn();
        _answer ??= new ChatAnswer();
        _answer.Add(deltas);
    }

    private void EndTurn()
    {
        if (_role is not null) _turns.Add(new ChatMessage(_role, _text.ToString()));
        if (_answer is { } answer) _turns.Add(answer.ToMessage());
        _text.Clear();
        (_role, _answer, _hasContent) = (null, null, false);
    }
}
