using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>What validates the replies sees what is wrong with one.</summary>
[TestClass]
public sealed class OpenAiSchemasTests
{
    [TestMethod]
    [DataRow("/v1/chat/completions", 200, "application/json", "{}")]
    [DataRow("/v1/chat/completions", 200, "text/event-stream", "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0}]}\n\n")]
    [DataRow("/v1/completions", 400, "application/json", """{"error":{"message":"m","type":"t","param":null}}""")]
    [DataRow("/v1/models", 200, "application/json", """{"object":"list","data":[{"id":"x"}]}""")]
    [DataRow("/v1/responses", 200, "text/event-stream", "data: {\"type\":\"response.output_text.delta\"}\n\n")]
    public void AViolationIsSeen(string path, int status, string type, string reply)
    {
        Settings.Shared();
        Assert.AreNotEqual(0, OpenAiSchemas.Violations(new Exchange("POST", path, "", status, type, reply)).Count);
    }
}
