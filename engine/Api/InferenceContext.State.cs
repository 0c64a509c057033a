using Edge.Llm.Cache;

namespace Edge.Llm;

/// <content>Sequences saved and loaded.</content>
public sealed partial class InferenceContext
{
    /// <summary>Bytes that <see cref="Save"/> writes for a sequence.</summary>
    public static long SavedBytes(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        return SequenceState.Bytes(sequence);
    }

    /// <summary>Writes a sequence, tokens, keys and values, so that <see cref="Load"/> can go on with it later or elsewhere without computing
    /// it again. The same bits come back.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: the sequence belongs to another context. Busy.</exception>
    public void Save(Sequence sequence, Stream output)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(output);
        With(sequence, state => state.Save(sequence, output));
    }

    /// <summary>Replaces what a sequence holds by a saved one, of a context with the same model and cache types. After an error the sequence
    /// is empty.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: damaged. InvalidArgument: of another model or cache type. Unsupported: of another
    /// arithmetic version. ContextFull, OutOfMemory, Busy.</exception>
    public void Load(Sequence sequence, Stream input)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(input);
        With(sequence, state => state.Load(sequence, input));
    }

    // Does what has context and sequence for itself.
    private void With(Sequence sequence, Action<SequenceState> work)
    {
        Enter();
        try
        {
            if (!sequence.IsOf(_cache))
                throw new EdgeLlmException(ErrorCode.InvalidArgument, "the sequence was disposed of or belongs to another context");
            sequence.Enter();
            try
            {
                work(new SequenceState(_model.Fingerprint, EngineVersion.Arithmetic, _model.VocabSize));
            }
            finally
            {
                sequence.Leave();
            }
        }
        finally
        {
            Leave();
        }
    }
}
