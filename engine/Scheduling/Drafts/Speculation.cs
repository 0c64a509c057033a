namespace Edge.Llm.Scheduling;

/// <summary>Guesses the next tokens of requests, so that one pass can check several. Guesses change no token: each is chosen from the logits of
/// the model, with the draw of its position, and a guess only counts if it is that very token.</summary>
internal sealed class Speculation(DraftModel? model, bool lookup, int most) : IDisposable
{
    private readonly List<Request> _rest = [];

    /// <summary>What a request needs for it, or null: its options allow none.</summary>
    public Draft? DraftFor(GenerateOptions options) => Math.Min(most, options.DraftTokens ?? most) is > 0 and int limit ? new Draft(limit) : null;

    /// <summary>Guesses for all requests that continue an answer: from their texts where these repeat themselves, else by the draft model.</summary>
    public void Propose(List<Request> running)
    {
        _rest.Clear();
        foreach (Request request in running)
        {
            if (request.Draft is not { } draft) continue;
            draft.Tokens.Clear();
            int limit = request.MostDrafted;
            if (limit == 0) continue;
            if (lookup) draft.Lookup.Propose(request.Text, limit, draft.Tokens);
            if (draft.Tokens.Count == 0) _rest.Add(request);
        }
        if (_rest.Count > 0) model?.Propose(_rest);
    }

    /// <summary>Frees the draft model's runner.</summary>
    public void Dispose() => model?.Dispose();
}
