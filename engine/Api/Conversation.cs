using Edge.Llm.Answers;

namespace Edge.Llm;

/// <summary>A chat with a model: messages in, an answer out, token by token. The model's chat template turns messages to tokens. When they no
/// longer fit the context, the oldest turns are left out of what the model sees; <see cref="Messages"/> keeps them. Not for use by two
/// threads at once.</summary>
public sealed class Conversation : IDisposable
{
    private const string SystemRole = "system", UserRole = "user", AssistantRole = "assistant";

    private readonly Context _context;
    private readonly Sequence _sequence;
    private readonly Func<IReadOnlyList<ChatMessage>, GenerateOptions, ChatPrompt> _prepare;
    private readonly List<ChatMessage> _messages = [];
    private int _firstSeen; // of the messages but the system's

    /// <summary>Starts an empty conversation in a context, with a sequence of its own.</summary>
    /// <param name="context">What runs the model; it stays the caller's.</param>
    /// <param name="template">A template to use instead of the model's.</param>
    /// <param name="adapters">The adapters that it is computed with; null: the context's.</param>
    /// <exception cref="EdgeLlmException">Unsupported: the model has no chat template.</exception>
    public Conversation(Context context, ChatTemplate? template = null, IReadOnlyList<AdapterScale>? adapters = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        template ??= context.Model.ChatTemplate;
        var format = new ChatFormat(template, context.Model.Tokenizer);
        _context = context;
        _prepare = (messages, options) => format.Prepare(messages, AnswerOptions with { Date = AnswerOptions.Date ?? Date }, options);
        _sequence = context.NewSequence(adapters);
    }

    internal Conversation(Context context, Func<IReadOnlyList<ChatMessage>, int[]> encode)
    {
        _context = context;
        _prepare = (messages, options) => new ChatPrompt("", encode(messages), options, new AnswerFormat(null, null, false, ToolSet.None));
        _sequence = context.NewSequence();
    }

    /// <summary>The date that a template may tell the model: that of the conversation's beginning, unless it is set.</summary>
    public DateTime Date { get; init; } = DateTime.Now;

    /// <summary>The tools that the model may call, and how long it may write to itself.</summary>
    public AnswerOptions AnswerOptions { get; set; } = new();

    /// <summary>What the item read last has completed: content, reasoning, calls of tools. The items themselves have the text as the model wrote
    /// it.</summary>
    public IReadOnlyList<AnswerDelta> Deltas { get; private set; } = [];

    /// <summary>All messages, oldest first.</summary>
    public IReadOnlyList<ChatMessage> Messages => _messages;

    /// <summary>Tokens that fit, messages and answer together.</summary>
    public int ContextSize => _sequence.MaxLength;

    /// <summary>The tokens in its cache: prompt and answer, but for the token chosen last.</summary>
    public ReadOnlySpan<int> Tokens => _sequence.Tokens;

    /// <summary>How many of the messages the model no longer sees: the oldest, but for the system's.</summary>
    public int ForgottenMessages => Math.Max(0, _firstSeen - SystemMessages);

    /// <summary>Counts and times of the last answer.</summary>
    public GenerationStatistics Statistics { get; private set; } = new();

    /// <summary>The system's message at the start, or null.</summary>
    public string? System
    {
        get => SystemMessages > 0 ? _messages[0].Content : null;
        set
        {
            int before = SystemMessages;
            if (before > 0) _messages.RemoveAt(0);
            if (value is not null) _messages.Insert(0, new ChatMessage(SystemRole, value));
            _firstSeen = Math.Max(0, _firstSeen - before + SystemMessages);
        }
    }

    /// <summary>Adds a message without an answer.</summary>
    public void Add(ChatMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        _messages.Add(message);
    }

    /// <summary>Takes other messages in place of all.</summary>
    public void Replace(IEnumerable<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ChatMessage[] copy = [.. messages];
        _messages.Clear();
        _messages.AddRange(copy);
        _firstSeen = 0;
    }

    /// <summary>Forgets all messages but the system's.</summary>
    public void Reset() => Replace(_messages[..SystemMessages]);

    /// <summary>Adds a user's message and generates the answer to it.</summary>
    /// <inheritdoc cref="Answer"/>
    public IEnumerable<GeneratedToken> Ask(string text, GenerateOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Generate(messages => messages.Add(new ChatMessage(UserRole, text)), options ?? new GenerateOptions(), cancellation);
    }

    /// <summary>Generates the assistant's next message: content, <c>reasoning_content</c> and <c>tool_calls</c>. What was generated when the caller stops asking or cancels is the message; if that
    /// is nothing, and on an error, the messages are those from before the call.</summary>
    /// <param name="options">What to generate.</param>
    /// <param name="cancellation">Ends the answer with <see cref="FinishReason.Cancelled"/>.</param>
    /// <exception cref="EdgeLlmException">ContextFull: the last turn alone does not fit. InvalidArgument: the template refuses the messages.</exception>
    public IEnumerable<GeneratedToken> Answer(GenerateOptions? options = null, CancellationToken cancellation = default) =>
        Generate(_ => { }, options ?? new GenerateOptions(), cancellation);

    /// <summary>Generates the last answer again, in place of the one there is. The same seed would give the same answer.</summary>
    /// <inheritdoc cref="Answer"/>
    /// <exception cref="EdgeLlmException">InvalidArgument: the last message is no answer; and as with <see cref="Answer"/>.</exception>
    public IEnumerable<GeneratedToken> Regenerate(GenerateOptions? options = null, CancellationToken cancellation = default)
    {
        if (_messages.Count == 0 || _messages[^1].Role != AssistantRole)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "there is no answer to generate again");
        return Generate(messages => messages.RemoveAt(messages.Count - 1), options ?? new GenerateOptions(), cancellation);
    }

    /// <summary>Gives its sequence back.</summary>
    public void Dispose() => _sequence.Dispose();

    private int SystemMessages => _messages.Count > 0 && _messages[0].Role == SystemRole ? 1 : 0;

    private IEnumerable<GeneratedToken> Generate(Action<List<ChatMessage>> ask, GenerateOptions options, CancellationToken cancellation)
    {
        ChatMessage[] before = [.. _messages];
        int firstSeen = _firstSeen;
        var answer = new ChatAnswer();
        AnswerScanner? scanner = null;
        bool failed = true, finished = false;
        try
        {
            ask(_messages);
            ChatPrompt prompt = Prompt(options);
            using Generation generation = _context.Generate(prompt.Tokens, prompt.Options, _sequence, cancellation);
            scanner = prompt.NewScanner(generation.Statistics.Seed);
            Statistics = generation.Statistics;
            foreach (GeneratedToken step in generation)
            {
                Deltas = step.Finish is null ? scanner.Append(step.Text) : [.. scanner.Append(step.Text), .. scanner.Finish()];
                answer.Add(Deltas);
                finished = step.Finish is not (null or FinishReason.Cancelled);
                failed = false; // if the caller stops asking
                yield return step;
                failed = true;
            }
            failed = false;
        }
        finally
        {
            if (!failed && !finished) answer.Add(scanner?.Finish() ?? []);
            if (!failed && (finished || !answer.IsEmpty)) _messages.Add(answer.ToMessage());
            else
            {
                _messages.Clear();
                _messages.AddRange(before);
                _firstSeen = firstSeen;
            }
        }
    }

    // The tokens of the messages, oldest turns left out until there is room for an answer.
    private ChatPrompt Prompt(GenerateOptions options)
    {
        if (_messages.Count == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "there are no messages to answer");
        ChatPrompt prompt = _prepare(Seen(), options);
        int answer = Math.Min(options.MaxTokens < 0 ? int.MaxValue : options.MaxTokens, ContextSize / 4);
        if (prompt.Tokens.Count <= ContextSize - answer) return prompt;
        // Whatever is left out makes the model read the rest again: so leave out enough for several turns.
        while (prompt.Tokens.Count > ContextSize / 2 && ForgetTurn()) prompt = _prepare(Seen(), options);
        return prompt;
    }

    private List<ChatMessage> Seen() => [.. _messages.Take(SystemMessages), .. _messages.Skip(Math.Max(_firstSeen, SystemMessages))];

    // A turn begins with a message of the user; the last one stays.
    private bool ForgetTurn()
    {
        int next = _messages.FindIndex(Math.Min(Math.Max(_firstSeen, SystemMessages) + 1, _messages.Count), message => message.Role == UserRole);
        if (next < 0) return false;
        _firstSeen = next;
        return true;
    }
}
