using Microsoft.Extensions.AI;

namespace Edge.Llm.Extensions.AI;

/// <summary>A model behind <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>: a text's vector is the mean of its hidden states, of length 1.
/// Requests are answered one after the other, each on a thread of the pool.</summary>
public sealed class EdgeLlmEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly LanguageModel _model;
    private readonly Context _context;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly EmbeddingGeneratorMetadata _metadata;

    /// <summary>Embeds with a model, which stays the caller's and must outlive this.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory, InvalidArgument, InvalidFile, Unsupported.</exception>
    public EdgeLlmEmbeddingGenerator(LanguageModel model, ContextOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _context = model.CreateContext(options);
        _metadata = new EmbeddingGeneratorMetadata("edge-llm", null, model.File.Metadata.GetString("general.name", model.Architecture), model.VectorLength);
    }

    /// <inheritdoc/>
    /// <exception cref="EdgeLlmException">ContextFull: a text does not fit the context; InvalidArgument: a text is empty, or other dimensions than the
    /// model's are asked for.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (options?.Dimensions is { } dimensions && dimensions != _model.VectorLength)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{dimensions} dimensions: expected {_model.VectorLength}");
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Embed(values, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.Cancelled)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        return serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType == typeof(LanguageModel) ? _model
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Frees the cache and ends the threads, once a pass under way has ended. Requests under way fail.</summary>
    public void Dispose() => _context.Dispose(); // and not the turn: requests that wait for it would never end

    private GeneratedEmbeddings<Embedding<float>> Embed(IEnumerable<string> values, CancellationToken cancellation)
    {
        var embeddings = new GeneratedEmbeddings<Embedding<float>>();
        long tokens = 0;
        foreach (string value in values)
        {
            if (string.IsNullOrEmpty(value)) throw new EdgeLlmException(ErrorCode.InvalidArgument, "a text to embed is empty");
            int[] ids = _model.Tokenizer.Encode(value);
            embeddings.Add(new Embedding<float>(_context.Embed(ids, cancellation: cancellation))
            {
                ModelId = _metadata.DefaultModelId, CreatedAt = DateTimeOffset.UtcNow,
            });
            tokens += ids.Length;
        }
        embeddings.Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens };
        return embeddings;
    }
}
