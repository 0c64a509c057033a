using Edge.Llm.Answers;

namespace Edge.Llm;

/// <content>The calls: a name, what stands behind it, arguments, and an end.</content>
public sealed partial class AnswerScanner
{
    private void StepName(char c)
    {
        _held.Append(c);
        if (ToolSet.IsNameCharacter(c) && _name.Length < LongestName)
        {
            _name.Append(c);
            return;
        }
        if (!_format.Tools.Has(_name.ToString()))
        {
            Fail();
            return;
        }
        foreach (Marker marker in _markers.Middle)
            if (marker.Advance(0, c) is >= 0 and int place) _candidates.Add(new Candidate(marker, _held.Length - 1, place));
        _state = State.Middle;
        if (_candidates.Count > 0) EndMiddle(_candidates.FindIndex(candidate => candidate.Marker.IsEnd(candidate.Place)));
        else if (!_markers.MayLackMiddle) Fail();
        else
        {
            _held.Length--;
            EnterArguments();
            StepArguments(c);
        }
    }

    private void StepMiddle(char c)
    {
        _held.Append(c);
        int found = Advance(c);
        if (_candidates.Count == 0) Fail();
        else EndMiddle(found);
    }

    private void EndMiddle(int found)
    {
        if (found < 0) return;
        _candidates.Clear();
        EnterArguments();
    }

    private void EnterArguments()
    {
        _state = State.Arguments;
        if (_format.Style!.Arguments is KeyedForm) Begin();
    }

    // The call is one: what stood before it goes.
    private void Begin()
    {
        string name = _name.ToString();
        _space.Clear();
        EndText();
        _raw.Append(_held);
        _held.Clear();
        _name.Clear();
        _arguments = _format.Style!.Arguments.NewReader(key => _format.Tools.IsText(name, key));
        _deltas.Add(new AnswerDelta(AnswerPart.CallBegin, "", _calls, CallIds.Of(_seed, _calls, _format.Style.ShortIds), name));
        _calls++;
        _part = AnswerPart.Arguments;
    }

    private void StepArguments(char c)
    {
        if (_arguments is null)
        {
            if (c != '{')
            {
                _held.Append(c);
                if (!char.IsWhiteSpace(c) || _held.Length > 4 * LongestName) Fail();
                return;
            }
            Begin();
        }
        switch (_arguments!.Accept(c, _text))
        {
            case Reading.More: _raw.Append(c); break;
            case Reading.Wrong:
                Break();
                _again.Push(c);
                break;
            case Reading.Done:
                EndCall(AnswerPart.CallEnd, "");
                _state = _markers.MayLackClose ? State.Text : State.Close;
                break;
        }
    }

    private void Break()
    {
        EndCall(AnswerPart.CallBroken, _raw.ToString());
        _state = State.Text;
        (_afterMarker, _isFresh, _afterCall) = (false, false, false);
    }

    private void EndCall(AnswerPart end, string text)
    {
        EndText();
        _deltas.Add(new AnswerDelta(end, text, _calls - 1));
        _raw.Clear();
        _arguments = null;
        (_afterMarker, _isFresh, _afterCall) = (true, true, true);
    }

    private void StepClose(char c)
    {
        if (_held.Length == 0 && char.IsWhiteSpace(c)) return;
        _held.Append(c);
        int found = Advance(c);
        if (_held.Length == 1)
        {
            foreach (Marker marker in _markers.Close)
                if (marker.Advance(0, c) is > 0 and int place) _candidates.Add(new Candidate(marker, 0, place));
            found = _candidates.FindIndex(candidate => candidate.Marker.IsEnd(candidate.Place));
        }
        if (_candidates.Count == 0)
        {
            _state = State.Text;
            PushHeld(0);
        }
        else if (found >= 0)
        {
            _candidates.Clear();
            _held.Clear();
            _state = State.Text;
        }
    }
}
