using System.Text;
using System.Text.RegularExpressions;
using Edge.Llm.Cli.Serve;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Tests.Serve;

/// <summary>What is counted and released of requests that end early.</summary>
[TestClass]
public sealed class GivenUpTests
{
    private const string Ask = """{"messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":900,"ignore_eos":true,"stream":true}""";

    [TestMethod]
    public async Task TokensOfAnswersThatAreGivenUpCount()
    {
        TestServer server = await TestServer.StartAsync();
        await using var serving = server.ConfigureAwait(false);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = ServeAssert.Json(Ask) };
        using (HttpResponseMessage response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            for (int i = 0; i < 6; i++) Assert.IsNotNull(await reader.ReadLineAsync());
        }
        Regex counted = new("edge_llm_generation_tokens_total ([0-9]+)\n"), prompts = new("edge_llm_prompt_tokens_total ([0-9]+)\n");
        for (int i = 0; ; i++)
        {
            string metrics = await server.Client.GetStringAsync("/metrics");
            if (int.Parse(counted.Match(metrics).Groups[1].Value) >= 2 && int.Parse(prompts.Match(metrics).Groups[1].Value) > 2) return;
            Assert.IsLessThan(600, i, "the answer was not counted");
            await Task.Delay(100);
        }
    }

    [TestMethod]
    [DataRow(10, 0, 0, 0, 0)] // it has waited only
    [DataRow(10, 0, 4, 0, 4)]
    [DataRow(10, 3, 4, 0, 7)]
    [DataRow(10, 3, 40, 0, 10)] // it was preempted, and computed again
    [DataRow(10, 0, 12, 3, 10)]
    public async Task WhatWasReadOfAPromptCounts(int prompt, int reused, int evaluated, int generated, int counted)
    {
        var server = new Server(new ServerOptions { Port = 0, Quiet = true }, [TestServer.Small()]);
        await using var serving = server.ConfigureAwait(false);
        using var context = new RequestContext(new DefaultHttpContext(), server, "", "id");
        var statistics = new GenerationStatistics { PromptTokens = prompt, ReusedTokens = reused, EvaluatedTokens = evaluated, GeneratedTokens = generated };
        context.Count(statistics, withPrompt: true, "cancelled");
        context.Count(statistics, withPrompt: false, "cancelled");
        Assert.AreEqual((counted, 2 * generated), (context.PromptTokens, context.CompletionTokens));
        CollectionAssert.AreEqual((string[])["cancelled", "cancelled"], context.Finishes);
        string metrics = await MetricsAsync(context);
        Assert.Contains($"edge_llm_prompt_tokens_total {counted}\n", metrics);
        Assert.Contains($"edge_llm_prompt_tokens_cached_total {reused}\n", metrics);
        Assert.Contains($"edge_llm_generation_tokens_total {2 * generated}\n", metrics);
        Assert.Contains($"edge_llm_time_to_first_token_seconds_count {(generated > 0 ? 1 : 0)}\n", metrics);
    }

    [TestMethod]
    public async Task AnAnswerNobodyWaitsForIsCancelled()
    {
        var server = new Server(new ServerOptions { Port = 0, Quiet = true }, [TestServer.Small()]);
        await using var serving = server.ConfigureAwait(false);
        var context = new RequestContext(new DefaultHttpContext(), server, "", "id");
        using (context)
        {
            var options = new GenerateOptions { MaxTokens = 9 };
            AnswerStream answers = context.Hold(new AnswerStream(await context.UseModelAsync(null), [5, 6, 7], options, 2, context));
            Assert.AreEqual(2, answers.Count);
        }
        CollectionAssert.AreEqual((string[])["cancelled", "cancelled"], context.Finishes);
    }

    [TestMethod]
    public void WhatIsHeldIsReleasedThoughSomethingThrows()
    {
        var released = new List<int>();
        var context = new RequestContext(new DefaultHttpContext(), null!, "", "id");
        for (int i = 0; i < 4; i++) context.Hold(new Held(i, released));
        InvalidOperationException error = Assert.ThrowsExactly<InvalidOperationException>(context.Dispose);
        Assert.AreEqual("1", error.Message, "the last one that threw");
        CollectionAssert.AreEqual((int[])[3, 2, 1, 0], released);
        context.Dispose();
        Assert.HasCount(4, released);
    }

    private static async Task<string> MetricsAsync(RequestContext context)
    {
        using var body = new MemoryStream();
        context.Http.Response.Body = body;
        await Edge.Llm.Cli.Serve.Operations.Metrics.AnswerAsync(context);
        return Encoding.UTF8.GetString(body.ToArray());
    }

    private sealed class Held(int number, List<int> released) : IDisposable
    {
        public void Dispose()
        {
            released.Add(number);
            if (number % 2 == 1) throw new InvalidOperationException($"{number}");
        }
    }
}
