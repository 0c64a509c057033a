using System.Text;
using Edge.Llm.Answers;

namespace Edge.Llm;

/// <summary>Takes the text of an answer in pieces and tells content, reasoning and calls of tools apart. What turns out to be no call comes out as
/// content, unchanged. Each character is looked at a bounded number of times, and few are held back. White space that stands between a marker and
/// text belongs to the marker.</summary>
public sealed partial class AnswerScanner
{
    private const int LongestName = 256;

    private readonly AnswerFormat _format;
    private readonly MarkerSet _markers;
    private readonly ulong _seed;
    private readonly List<AnswerDelta> _deltas = [];
    private readonly Stack<char> _again = []; // text that was held back for nothing and is looked at once more
    private readonly StringBuilder _text = new(); // of the delta under way
    private readonly StringBuilder _space = new(); // white space that may belong to a marker that follows
    private readonly StringBuilder _held = new(); // text that may be a marker, or the beginning of a call
    private readonly StringBuilder _raw = new(); // the call under way as it was written
    private readonly List<Candidate> _candidates = [];
    private readonly StringBuilder _name = new();
    private ArgumentReader? _arguments;
    private AnswerPart _part; // of the text under way
    private State _state;
    private int _calls;
    private bool _inReasoning, _afterMarker, _isFresh = true, _afterCall;

    internal AnswerScanner(AnswerFormat format, ulong seed)
    {
        (_format, _seed, _inReasoning) = (format, seed, format.InReasoning);
        _markers = MarkerSet.Of(format);
        _afterMarker = format.InReasoning;
    }

    private enum State { Text, Name, Middle, Arguments, Close }

    /// <summary>Calls that have begun so far.</summary>
    public int Calls => _calls;

    /// <summary>Takes the next piece; returns what it completes.</summary>
    public IReadOnlyList<AnswerDelta> Append(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        foreach (char c in text) Take(c);
        return Made();
    }

    /// <summary>The answer has ended: what was held back is no marker.</summary>
    public IReadOnlyList<AnswerDelta> Finish()
    {
        while (_state is State.Name or State.Middle || (_state == State.Arguments && _arguments is null))
        {
            Fail();
            StepAgain();
        }
        if (_state == State.Arguments) Break();
        if (_state == State.Text) Release(_held.Length);
        _held.Clear();
        if (!_afterMarker) Write(_space);
        _space.Clear();
        return Made();
    }

    private AnswerDelta[] Made()
    {
        EndText();
        AnswerDelta[] made = [.. _deltas];
        _deltas.Clear();
        return made;
    }

    private void Take(char c)
    {
        Step(c);
        StepAgain();
    }

    private void StepAgain()
    {
        while (_again.TryPop(out char again)) Step(again);
    }

    private void Step(char c)
    {
        switch (_state)
        {
            case State.Text: StepText(c); break;
            case State.Name: StepName(c); break;
            case State.Middle: StepMiddle(c); break;
            case State.Arguments: StepArguments(c); break;
            case State.Close: StepClose(c); break;
        }
    }

    private void StepText(char c)
    {
        _held.Append(c);
        int found = Advance(c);
        if (_candidates.Count == 0) Release(_held.Length - 1);
        if (found < 0)
        {
            foreach (Marker marker in _markers.Beginning(_inReasoning, _isFresh && _held.Length == 1, _afterCall && _held.Length == 1))
                if (marker.Advance(0, c) is > 0 and int place) _candidates.Add(new Candidate(marker, _held.Length - 1, place));
            found = _candidates.FindIndex(candidate => candidate.Marker.IsEnd(candidate.Place));
        }
        if (found < 0)
        {
            Release(_candidates.Count == 0 ? _held.Length : _candidates[0].Start);
            return;
        }
        Candidate marked = _candidates[found];
        Release(marked.Start);
        _candidates.Clear();
        Enter(_markers.RoleOf(marked.Marker));
    }

    // Moves the candidates on; the index of one that is complete, or -1.
    private int Advance(char c)
    {
        int kept = 0, found = -1;
        for (int i = 0; i < _candidates.Count; i++)
        {
            Candidate candidate = _candidates[i];
            int place = candidate.Marker.Advance(candidate.Place, c);
            if (place < 0 || _held.Length - candidate.Start > candidate.Marker.Longest) continue;
            if (found < 0 && candidate.Marker.IsEnd(place)) found = kept;
            _candidates[kept++] = candidate with { Place = place };
        }
        _candidates.RemoveRange(kept, _candidates.Count - kept);
        return found;
    }

    private void Enter(MarkerRole role)
    {
        if (role == MarkerRole.Call)
        {
            _state = State.Name;
            return;
        }
        _held.Clear();
        _space.Clear();
        (_inReasoning, _afterMarker, _isFresh, _afterCall) = (role == MarkerRole.ReasoningOpen, true, true, false);
    }

    // What looked like the beginning of a call is text. Its first character is; the others may begin something.
    private void Fail()
    {
        _candidates.Clear();
        _name.Clear();
        _state = State.Text;
        char first = _held[0];
        PushHeld(1);
        WriteText(first);
    }

    private void PushHeld(int from)
    {
        for (int i = _held.Length - 1; i >= from; i--) _again.Push(_held[i]);
        _held.Clear();
    }

    // The first characters held back are text.
    private void Release(int count)
    {
        if (count <= 0) return;
        for (int i = 0; i < count; i++) WriteText(_held[i]);
        _held.Remove(0, count);
        for (int i = 0; i < _candidates.Count; i++) _candidates[i] = _candidates[i] with { Start = _candidates[i].Start - count };
    }

    private void WriteText(char c)
    {
        AnswerPart part = _inReasoning ? AnswerPart.Reasoning : AnswerPart.Content;
        if (_part != part)
        {
            EndText();
            _part = part;
        }
        if (char.IsWhiteSpace(c) && !_markers.IsEmpty)
        {
            if (_afterMarker && c is '\n' or '\r') return;
            if (_space.Length < 2 * LongestName)
            {
                _space.Append(c);
                return;
            }
        }
        _afterMarker = false;
        Write(_space);
        _space.Clear();
        if (!char.IsWhiteSpace(c)) (_isFresh, _afterCall) = (false, false);
        _text.Append(c);
    }

    private void Write(StringBuilder text)
    {
        if (text.Length == 0) return;
        if (_part is not (AnswerPart.Content or AnswerPart.Reasoning)) _part = _inReasoning ? AnswerPart.Reasoning : AnswerPart.Content;
        _text.Append(text);
    }

    private void EndText()
    {
        if (_text.Length == 0) return;
        _deltas.Add(new AnswerDelta(_part, _text.ToString(), _part == AnswerPart.Arguments ? _calls - 1 : -1));
        _text.Clear();
    }
}
