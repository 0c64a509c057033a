using Edge.Llm.Evaluation;
using Edge.Llm.Ops;
using Edge.Llm.Sampling;

namespace Edge.Llm;

/// <summary>Measures how well a model predicts a text, by llama.cpp's convention: the predictions of the second half of each chunk are scored.
/// The result depends on neither threads nor batches.</summary>
public sealed unsafe class PerplexityRun : IDisposable
{
    private readonly LanguageModel _model;
    private readonly TextChunks _chunks;
    private readonly int _bos;
    private readonly Context _context;
    private readonly RowScore[] _scores;
    private readonly byte[] _packed;
    private readonly Stream? _save;
    private readonly LogitsFile? _compare;

    /// <summary>Prepares a run: a context is made. The caller disposes of the model, of the stream that log-probabilities are written to and of
    /// the file that they are compared with.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: the file is of another vocabulary or text. OutOfMemory.</exception>
    public PerplexityRun(LanguageModel model, Vocabulary vocabulary, TextChunks chunks, ContextOptions options,
        Stream? save = null, LogitsFile? compare = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(vocabulary);
        ArgumentNullException.ThrowIfNull(chunks);
        ArgumentNullException.ThrowIfNull(options);
        if (compare is not null)
        {
            Check(compare, model);
            Check(compare, model, chunks);
        }
        _model = model;
        _chunks = chunks;
        _bos = vocabulary.AddBos ? vocabulary.BosId : -1;
        _save = save;
        _compare = compare;
        _scores = new RowScore[chunks.Scored];
        _context = model.CreateContext(ChunkRunner.ContextFor(options, model, chunks.Size));
        _packed = save is null ? [] : new byte[(long)PackedRow.Bytes(model.VocabSize) * _context.Options.LogitsRows];
    }

    /// <summary>Throws unless a model can be compared with a file.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: it has another vocabulary.</exception>
    public static void Check(LogitsFile file, LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(model);
        if (file.VocabSize != model.VocabSize)
            throw new EdgeLlmException(ErrorCode.InvalidArgument,
                $"{model.File.Path}: a vocabulary of {model.VocabSize} tokens, and the logits to compare with are of {file.VocabSize}");
    }

    /// <summary>What is known so far.</summary>
    public PerplexityResult Result { get; } = new();

    /// <summary>Runs all chunks; after each, <paramref name="chunkDone"/> is called.</summary>
    /// <exception cref="EdgeLlmException">Cancelled (the result is that of the chunks done), NonFinite, InvalidFile.</exception>
    public void Run(Action? chunkDone, CancellationToken cancellation)
    {
        if (_save is not null) LogitsFile.WriteHead(_save, _chunks, _model.VocabSize);
        for (int chunk = 0; chunk < _chunks.Count; chunk++)
        {
            int current = chunk;
            // The last token is only ever predicted.
            ChunkRunner.Run(_context, _chunks[chunk][..^1], _bos, _chunks.FirstScored,
                (logits, position) =>
                {
                    if (logits.Count > 0) Score(logits.Rows, current, position - _chunks.FirstScored);
                }, cancellation);
            Result.Add(_scores, _compare is not null);
            chunkDone?.Invoke();
        }
        _save?.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _context.Dispose();

    private static void Check(LogitsFile file, LanguageModel model, TextChunks chunks)
    {
        if (chunks.Size != file.Chunks.Size)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"chunks of {chunks.Size} tokens, and the logits to compare with are of {file.Chunks.Size}");
        if (!file.Chunks.Tokens.StartsWith(chunks.Tokens))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{model.File.Path}: the logits to compare with are of another text or tokenizer");
    }

    private void Score(FloatRows logits, int chunk, int firstRow)
    {
        int rowBytes = PackedRow.Bytes(logits.Width);
        fixed (RowScore* scores = _scores)
        fixed (int* targets = _chunks[chunk][(_chunks.FirstScored + firstRow + 1)..])
        fixed (byte* packed = _packed)
        {
            var body = new ScoreBody
            {
                Logits = logits, Targets = targets, Scores = scores + firstRow, RowBytes = rowBytes,
                Packed = _save is null ? null : packed, Compare = _compare is null ? null : _compare.Rows(chunk, firstRow, logits.Count),
            };
            RowLoop<ScoreBody>.Run(_context.Cpu.Pool, logits.Count, (long)logits.Width * sizeof(float), ref body);
        }
        _save?.Write(_packed.AsSpan(0, logits.Count * rowBytes));
    }

    private struct ScoreBody : IRowBody
    {
        public FloatRows Logits;
        public int* Targets;
        public RowScore* Scores;
        public int RowBytes;
        public byte* Packed, Compare;

        public void Run(int row)
        {
            ReadOnlySpan<float> logits = Logits[row];
            double logSumExp = LogProbabilities.LogSumExp(logits);
            int likeliest = SamplerChain.ArgMax(logits);
            var score = new RowScore { Nll = logSumExp - logits[Targets[row]], Top1 = likeliest == Targets[row] };
            if (Packed is not null) PackedRow.Pack(logits, logSumExp, new Span<byte>(Packed + ((long)row * RowBytes), RowBytes));
            if (Compare is not null)
            {
                (score.Kl, int other) = PackedRow.Compare(new ReadOnlySpan<byte>(Compare + ((long)row * RowBytes), RowBytes), logits, logSumExp);
                score.SameTop1 = likeliest == other;
            }
            Scores[row] = score;
        }
    }
}
