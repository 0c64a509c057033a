using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

[TestClass]
public sealed class ConversationTests
{
    private const int One = ScriptedModel.FirstWord, Two = One + 1, Three = One + 2;
    private static readonly GenerateOptions s_greedy = new() { Sampling = SamplingOptions.Greedy };

    [TestMethod]
    public void AnAnswerBecomesAMessage()
    {
        using var chat = new Chat();
        chat.Conversation.System = "be brief";
        Assert.AreEqual(" two three", chat.Say("one"));
        Assert.AreEqual("system:be brief|user:one|assistant: two three", chat.Messages);
        Assert.AreEqual("system:be brief|user:one", chat.LastRendered);
        chat.Say("again one");
        Assert.AreEqual("system:be brief|user:one|assistant: two three|user:again one", chat.LastRendered);
        Assert.AreEqual(0, chat.Conversation.ForgottenMessages);
    }

    [TestMethod]
    public void ATemplateMayAskForTheDate()
    {
        using var file = new ScriptedModel([" one"], ScriptedModel.FirstByte + 'X', One);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext();
        using var today = new Conversation(context, ChatTemplate.Parse("{% if strftime_now('%Y')|int < 2025 %}{{ raise_exception('no clock') }}{% endif %}X"));
        Assert.AreEqual(" one", string.Concat(today.Ask("hi", s_greedy).Select(step => step.Text)));
        using var once = new Conversation(context, ChatTemplate.Parse("{{ strftime_now('%Y') }}X")) { Date = new DateTime(1999, 1, 1) };
        _ = once.Ask("hi", s_greedy).Count();
        CollectionAssert.AreEqual(ScriptedModel.Bytes("1999X"), once.Tokens[^6..^1].ToArray());
    }

    [TestMethod]
    public void AQuestionWithinAnAnswerIsRefusedAndTheAnswerGoesOn()
    {
        using var chat = new Chat();
        string answer = "";
        foreach (GeneratedToken step in chat.Conversation.Ask("one", s_greedy))
        {
            answer += step.Text;
            if (step.Finish is null) Assert.AreEqual(ErrorCode.Busy, Assert.ThrowsExactly<EdgeLlmException>(() => chat.Say("two")).Code);
        }
        Assert.AreEqual((" two three", "user:one|assistant: two three"), (answer, chat.Messages));
        using IEnumerator<GeneratedToken> cut = chat.Conversation.Ask("one", s_greedy).GetEnumerator();
        Assert.IsTrue(cut.MoveNext());
        chat.Conversation.Dispose();
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => cut.MoveNext()).Code);
        Assert.AreEqual("user:one|assistant: two three", chat.Messages, "an error leaves no trace");
    }

    [TestMethod]
    public void WithoutMessagesThereIsNothingToAnswer()
    {
        using var chat = new Chat();
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => chat.Conversation.Answer(s_greedy).Count()).Code);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => new ChatMessage("", "hi")).Code);
        foreach (string empty in (string[])["", " \n"])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => ChatTemplate.Parse(empty)).Code);
        using var file = new ScriptedModel([" one"], [One], chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        Assert.AreEqual(ErrorCode.Unsupported, Assert.ThrowsExactly<EdgeLlmException>(() => model.ChatTemplate).Code, "an empty template is none");
    }

    [TestMethod]
    public void TheSecondTurnReusesTheFirst()
    {
        using var chat = new Chat();
        chat.Say("one");
        int first = chat.Conversation.Statistics.PromptTokens;
        chat.Say("one");
        Assert.AreEqual(first - 1, chat.Conversation.Statistics.ReusedTokens); // all but the template's last token
    }

    [TestMethod]
    public void TheSystemsMessageIsSetReplacedAndTakenAway()
    {
        using var chat = new Chat();
        chat.Say("one");
        chat.Conversation.System = "a";
        chat.Conversation.System = "b";
        Assert.AreEqual("system:b|user:one|assistant: two three", chat.Messages);
        chat.Conversation.Reset();
        Assert.AreEqual("system:b", chat.Messages);
        chat.Conversation.System = null;
        Assert.AreEqual("", chat.Messages);
        Assert.IsNull(chat.Conversation.System);
    }

    [TestMethod]
    public void AnAnswerIsGeneratedAnew()
    {
        using var chat = new Chat();
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => chat.Conversation.Regenerate()).Code);
        chat.Say("one");
        chat.Conversation.Replace([.. chat.Conversation.Messages.SkipLast(1), new ChatMessage("assistant", "wrong")]);
        foreach (GeneratedToken _ in chat.Conversation.Regenerate(s_greedy)) { }
        Assert.AreEqual("user:one|assistant: two three", chat.Messages);
    }

    [TestMethod]
    public void WhatWasGeneratedBeforeAStopIsTheMessage()
    {
        using var chat = new Chat();
        foreach (GeneratedToken _ in chat.Conversation.Ask("one", s_greedy)) break;
        Assert.AreEqual("user:one|assistant: two", chat.Messages);
        using var stop = new CancellationTokenSource();
        foreach (GeneratedToken step in chat.Conversation.Ask("one", s_greedy, stop.Token)) stop.Cancel();
        Assert.AreEqual("user:one|assistant: two|user:one|assistant: two", chat.Messages);
    }

    [TestMethod]
    public void AStopBeforeTheFirstTokenLeavesNoTrace()
    {
        using var chat = new Chat();
        chat.Say("one");
        string before = chat.Messages;
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        foreach (GeneratedToken step in chat.Conversation.Ask("one", s_greedy, stop.Token)) Assert.AreEqual(FinishReason.Cancelled, step.Finish);
        Assert.AreEqual(before, chat.Messages);
        foreach (GeneratedToken step in chat.Conversation.Regenerate(s_greedy, stop.Token)) Assert.AreEqual(FinishReason.Cancelled, step.Finish);
        Assert.AreEqual(before, chat.Messages);
    }

    [TestMethod]
    public void ErrorsLeaveNoTrace()
    {
        using var chat = new Chat(contextSize: 64);
        chat.Say("one");
        string before = chat.Messages;
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => chat.Say(new string('x', 100)));
        Assert.AreEqual(ErrorCode.ContextFull, error.Code);
        Assert.AreEqual(before, chat.Messages);
        chat.Refuse = true;
        Assert.ThrowsExactly<EdgeLlmException>(() => chat.Say("one"));
        Assert.AreEqual(before, chat.Messages);
        chat.Refuse = false;
        Assert.AreEqual(" two three", chat.Say("one"));
    }

    [TestMethod]
    public void AFullContextLosesTheOldestTurnsAndNeverTheSystem()
    {
        using var chat = new Chat(contextSize: 64);
        chat.Conversation.System = "S";
        for (int turn = 0; turn < 20; turn++)
        {
            Assert.AreEqual(" two three", chat.Say($"{turn} one"), $"turn {turn}");
            StringAssert.StartsWith(chat.LastRendered, "system:S|user:"); // turns go as a whole
            StringAssert.EndsWith(chat.LastRendered, $"|user:{turn} one");
            Assert.IsLessThanOrEqualTo(64 - 16, chat.Conversation.Statistics.PromptTokens); // a quarter is the answer's
        }
        Assert.HasCount(41, chat.Conversation.Messages);
        int seen = chat.LastRendered.Split('|').Length + 1; // with the last answer
        Assert.AreEqual(41 - seen, chat.Conversation.ForgottenMessages);
        Assert.IsGreaterThan(20, chat.Conversation.ForgottenMessages);
    }

    [TestMethod]
    public void SeveralTurnsGoAtOnceSoThatTheCacheIsOfUse()
    {
        using var chat = new Chat(contextSize: 100);
        int drops = 0, forgotten = 0;
        for (int turn = 0; turn < 40; turn++)
        {
            chat.Say("one");
            if (chat.Conversation.ForgottenMessages > forgotten) drops++;
            forgotten = chat.Conversation.ForgottenMessages;
        }
        Assert.IsGreaterThan(2 * drops, forgotten / 2);
    }

    [TestMethod]
    public void ChangingTheSystemKeepsWhatIsForgotten()
    {
        using var chat = new Chat(contextSize: 64);
        for (int turn = 0; turn < 10; turn++) chat.Say($"{turn} one");
        int forgotten = chat.Conversation.ForgottenMessages;
        Assert.IsGreaterThan(0, forgotten);
        chat.Conversation.System = "S";
        Assert.AreEqual(forgotten, chat.Conversation.ForgottenMessages);
        chat.Conversation.System = null;
        Assert.AreEqual(forgotten, chat.Conversation.ForgottenMessages);
        chat.Conversation.Reset();
        Assert.AreEqual(0, chat.Conversation.ForgottenMessages);
    }

    [TestMethod]
    public void AMessageThatNeverFitsMakesTheModelForgetNothing()
    {
        using var chat = new Chat(contextSize: 64);
        chat.Say("a");
        chat.Say("b");
        Assert.ThrowsExactly<EdgeLlmException>(() => chat.Say(new string('x', 100)));
        Assert.AreEqual(0, chat.Conversation.ForgottenMessages);
        chat.Say("c");
        Assert.AreEqual("user:a|assistant: two three|user:b|assistant: two three|user:c", chat.LastRendered);
    }

    [TestMethod]
    public void NothingHappensBeforeTheFirstTokenIsAskedFor()
    {
        using var chat = new Chat();
        chat.Say("one");
        string before = chat.Messages;
        IEnumerable<GeneratedToken> asked = chat.Conversation.Ask("two"), again = chat.Conversation.Regenerate();
        Assert.AreEqual(before, chat.Messages);
        Assert.IsNotNull(asked);
        Assert.IsNotNull(again);
    }

    [TestMethod]
    public void TheTemplateOfTheModelWritesThePrompt()
    {
        using var chat = new Chat();
        Tokenizer tokenizer = chat.Tokenizer;
        using var conversation = new Conversation(chat.Context, ChatTemplate.Parse("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %} one"))
        {
            System = "S",
        };
        string text = string.Concat(conversation.Ask("</s>", s_greedy).Select(step => step.Text));
        Assert.AreEqual(" two three", text);
        int[] prompt = [.. conversation.Tokens[..conversation.Statistics.PromptTokens]];
        Assert.AreEqual("[system]S[user]</s> one", tokenizer.Decode(prompt).TrimStart());
        CollectionAssert.DoesNotContain(prompt, ScriptedModel.Eos); // a user's text is text
    }

    /// <summary>A model that answers every message with " two three", for its template ends with " one"; before that stand the messages' texts.</summary>
    private sealed class Chat : IDisposable
    {
        private readonly ScriptedModel _file = new(["▁one", "▁two", "▁three"], One, Two, Three);
        private readonly LanguageModel _model;
        private readonly Context _context;

        public Chat(int contextSize = ScriptedModel.ContextLength)
        {
            _model = LanguageModel.Open(_file.File);
            _context = _model.CreateContext(new ContextOptions { ContextSize = contextSize, Threads = 1 });
            Conversation = new Conversation(_context, messages =>
            {
                if (Refuse) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the template refuses");
                LastRendered = Show(messages);
                return [.. messages.SelectMany(message => ScriptedModel.Bytes(message.Content!)), One];
            });
        }

        public Tokenizer Tokenizer => _model.Tokenizer;

        public Context Context => _context;

        public Conversation Conversation { get; }

        public string LastRendered { get; private set; } = "";

        public bool Refuse { get; set; }

        public string Messages => Show(Conversation.Messages);

        public string Say(string text) => string.Concat(Conversation.Ask(text, s_greedy).Select(step => step.Text));

        public void Dispose()
        {
            Conversation.Dispose();
            _context.Dispose();
            _model.Dispose();
            _file.Dispose();
        }

        private static string Show(IEnumerable<ChatMessage> messages) => string.Join('|', messages.Select(message => $"{message.Role}:{message.Content}"));
    }
}
