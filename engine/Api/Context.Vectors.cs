using Edge.Llm.Adapters;
using Edge.Llm.Models;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <content>Vectors and scores of texts.</content>
public sealed partial class Context
{
    /// <summary>A vector for a text, as the model makes it of the hidden states after the last norm (<c>result_norm</c>): their mean, the
    /// first or the last, by the file's <c>pooling_type</c>, through further matrices if it has any; their mean where the file does not say.
    /// Needs room for the tokens in the cache while it runs.</summary>
    /// <param name="tokens">The text's tokens, with those that begin and end it.</param>
    /// <param name="normalize">Whether the vector is brought to the length of 1.</param>
    /// <param name="adapters">The adapters that it is computed with; null: the context's.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>As many numbers as the model's embeddings have.</returns>
    /// <exception cref="EdgeLlmException">InvalidArgument: no tokens, or more than a batch of a model whose tokens see those behind them; a
    /// model that ranks; otherwise as with <see cref="Forward"/>.</exception>
    public float[] Embed(
        ReadOnlySpan<int> tokens, bool normalize = true, IReadOnlyList<AdapterScale>? adapters = null, CancellationToken cancellation = default)
    {
        PoolingSpec pooling = Model.Spec.Pooling;
        if (pooling.Kind == Pooling.Rank) throw new EdgeLlmException(ErrorCode.InvalidArgument, "this model scores texts: it makes no vectors of them (rank)");
        AdapterSet set = adapters is null ? _runner.Cache.Adapters : SetOf(adapters);
        float[] vector = Pool(tokens, pooling.Kind == Pooling.None ? Pooling.Mean : pooling.Row, normalize && pooling.Steps.Length == 0, set, cancellation);
        if (pooling.Steps.Length == 0) return vector;
        vector = _runner.Head(vector, set);
        return normalize ? Unit(vector) : vector;
    }

    /// <summary>The scores of a text by a model that ranks: one, or one for each of its labels.</summary>
    /// <param name="tokens">The text's tokens: for a reranker those of a query and of a document, as <see cref="Tokenizer"/> joins them.</param>
    /// <param name="adapters">The adapters that they are computed with; null: the context's.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: the model does not rank; otherwise as with <see cref="Embed"/>.</exception>
    public float[] Rank(ReadOnlySpan<int> tokens, IReadOnlyList<AdapterScale>? adapters = null, CancellationToken cancellation = default)
    {
        PoolingSpec pooling = Model.Spec.Pooling;
        if (pooling.Kind != Pooling.Rank)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "this model does not score texts: its pooling_type is not rank");
        AdapterSet set = adapters is null ? _runner.Cache.Adapters : SetOf(adapters);
        return _runner.Head(Pool(tokens, pooling.Row, false, set, cancellation), set);
    }

    private float[] Pool(ReadOnlySpan<int> tokens, Pooling pooling, bool normalize, AdapterSet adapters, CancellationToken cancellation)
    {
        if (tokens.IsEmpty) throw new EdgeLlmException(ErrorCode.InvalidArgument, "there are no tokens to embed");
        using Gate.Use use = _lifetime.Hold();
        using Sequence sequence = NewSequence();
        sequence.Use(adapters);
        if (pooling == Pooling.Mean)
        {
            var pool = new MeanPool(Model.EmbeddingLength);
            _runner.Evaluate(sequence, tokens, wantedFrom: 0, wantsHidden: true, (rows, _) => pool.Add(rows), cancellation);
            return pool.Mean(normalize);
        }
        float[] vector = [];
        int wantedFrom = pooling == Pooling.Last ? tokens.Length - 1 : 0;
        _runner.Evaluate(sequence, tokens, wantedFrom, wantsHidden: true, (rows, _) =>
        {
            if (vector.Length == 0 && rows.Count > 0) vector = rows[0].ToArray();
        }, cancellation);
        return normalize ? Unit(vector) : vector;
    }

    private static float[] Unit(float[] vector)
    {
        double squares = 0;
        foreach (float value in vector) squares += (double)value * value;
        return squares == 0 ? vector : Array.ConvertAll(vector, value => (float)(value / Math.Sqrt(squares)));
    }
}
