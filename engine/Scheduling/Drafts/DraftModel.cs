using Edge.Llm.Models;

namespace Edge.Llm.Scheduling;

/// <summary>A smaller model with the same tokens, which drafts for all requests together.</summary>
internal sealed class DraftModel(ModelRunner runner) : IDisposable
{
    private readonly Batch _batch = new();
    private readonly List<Request> _active = [];

    /// <summary>Drafts for each request as many tokens as its pace asks for.</summary>
    public void Propose(IEnumerable<Request> requests)
    {
        foreach (Request[] group in requests.Chunk(runner.LogitsRows))
        {
            _active.Clear();
            foreach (Request request in group)
                if (TryCatchUp(request)) _active.Add(request);
            while (_active.Count > 0) DraftOne();
        }
    }

    /// <summary>Frees it.</summary>
    public void Dispose() => runner.Dispose();

    // All but the text's last token joins the draft's sequence.
    private bool TryCatchUp(Request request)
    {
        Draft draft = request.Draft!;
        ReadOnlySpan<int> text = request.Text;
        try
        {
            // The same options, seed and positions: where the two models agree, so do the draws.
            draft.Sampler ??= new SamplerChain(request.DraftSampling, runner.VocabSize, request.Choice);
            Sequence sequence = draft.Sequence ??= runner.NewSequence();
            sequence.ForgetLost();
            int known = sequence.Trim(Math.Min(text.CommonPrefixLength(sequence.Tokens), text.Length - 1));
            runner.Evaluate(sequence, text[known..^1], wantedFrom: text.Length, wantsHidden: false, (_, _) => { }, request.Cancellation);
            return true;
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            draft.Pace.Pause(); // a draft that fails costs nothing but time
            return false;
        }
    }

    private void DraftOne()
    {
        _batch.Clear();
        foreach (Request request in _active)
            _batch.Add(request.Draft!.Sequence!, request.Draft.Tokens is [.., int last] ? last : request.Text[^1], wantLogits: true);
        try
        {
            var logits = new Logits(runner.Forward(_batch));
            for (int i = 0; i < _active.Count; i++) Choose(_active[i], logits[i]);
            _active.RemoveAll(request => request.Draft!.Tokens.Count >= request.MostDrafted);
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            foreach (Request request in _active) request.Draft!.Pace.Pause();
            _active.Clear();
        }
    }

    private static void Choose(Request request, ReadOnlySpan<float> logits)
    {
        Draft draft = request.Draft!;
        draft.Tokens.Add(draft.Sampler!.Sample(logits, draft.Sequence!.Tokens, draft.Sequence.Length));
    }
}
