using Edge.Llm.Cli.Serve.Anthropic;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.LlamaCpp;
using Edge.Llm.Cli.Serve.Ollama;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Operations;
using Edge.Llm.Cli.Serve.Responses;

namespace Edge.Llm.Cli.Serve;

/// <summary>All that the server answers to.</summary>
internal static class Endpoints
{
    public static Routes Make(ServerOptions options)
    {
        var routes = new Routes();
        foreach (string version in (string[])["/v1", ""]) // llama.cpp's clients know both
        {
            routes.Post(version + "/chat/completions", ChatCompletions.AnswerAsync, OpenAiError.WriteAsync);
            routes.Post(version + "/responses", ResponseEndpoints.AnswerAsync, OpenAiError.WriteAsync);
            routes.Post(version + "/responses/input_tokens", ResponseEndpoints.CountAsync, OpenAiError.WriteAsync);
            routes.GetUnder(version + "/responses/", ResponseEndpoints.FindAsync, OpenAiError.WriteAsync);
            routes.Post(version + "/embeddings", Embeddings.AnswerAsync, OpenAiError.WriteAsync);
            routes.Get(version + "/models", ModelList.AnswerAllAsync, OpenAiError.WriteAsync);
            routes.GetUnder(version + "/models/", ModelList.AnswerOneAsync, OpenAiError.WriteAsync);
        }
        routes.Post("/v1/completions", Completions.AnswerAsync, OpenAiError.WriteAsync);
        routes.Post("/v1/messages", MessagesEndpoints.AnswerAsync, AnthropicError.WriteAsync);
        routes.Post("/v1/messages/count_tokens", MessagesEndpoints.CountAsync, AnthropicError.WriteAsync);
        routes.Get("/health", Health.AnswerAsync, OpenAiError.WriteAsync, isOpen: true);
        routes.Get("/ready", Health.AnswerReadyAsync, OpenAiError.WriteAsync, isOpen: true);
        routes.Get("/metrics", Metrics.AnswerAsync, OpenAiError.WriteAsync);
        AddOllama(routes);
        AddLlamaCpp(routes);
        if (options.HasPage) WebPage.AddTo(routes);
        else routes.Get("/", Root.AnswerAsync, OpenAiError.WriteAsync, isOpen: true);
        return routes;
    }

    private static void AddOllama(Routes routes)
    {
        routes.Post("/api/chat", OllamaChat.AnswerAsync, OllamaError.WriteAsync);
        routes.Post("/api/generate", OllamaGenerate.AnswerAsync, OllamaError.WriteAsync);
        routes.Post("/api/embed", OllamaEmbeddings.AnswerAsync, OllamaError.WriteAsync);
        routes.Post("/api/embeddings", OllamaEmbeddings.AnswerOneAsync, OllamaError.WriteAsync);
        routes.Get("/api/tags", OllamaModels.AnswerTagsAsync, OllamaError.WriteAsync);
        routes.Get("/api/ps", OllamaModels.AnswerRunningAsync, OllamaError.WriteAsync);
        routes.Post("/api/show", OllamaShow.AnswerAsync, OllamaError.WriteAsync);
        routes.Get("/api/version", OllamaModels.AnswerVersionAsync, OllamaError.WriteAsync);
        foreach (string path in (string[])["pull", "push", "create", "delete", "copy"]) routes.Any("/api/" + path, OllamaModels.RefuseAsync, OllamaError.WriteAsync);
        routes.AnyUnder("/api/blobs/", OllamaModels.RefuseAsync, OllamaError.WriteAsync);
    }

    private static void AddLlamaCpp(Routes routes)
    {
        foreach (string path in (string[])["/v1/rerank", "/v1/reranking", "/rerank", "/reranking"]) routes.Post(path, Rerank.AnswerAsync, OpenAiError.WriteAsync);
        foreach (string path in (string[])["/completion", "/completions"]) routes.Post(path, Completion.AnswerAsync, OpenAiError.WriteAsync);
        routes.Post("/tokenize", Tokens.AnswerTokenizeAsync, OpenAiError.WriteAsync);
        routes.Post("/detokenize", Tokens.AnswerDetokenizeAsync, OpenAiError.WriteAsync);
        routes.Post("/apply-template", Tokens.AnswerTemplateAsync, OpenAiError.WriteAsync);
        routes.Get("/props", State.AnswerPropsAsync, OpenAiError.WriteAsync);
        routes.Get("/slots", State.AnswerSlotsAsync, OpenAiError.WriteAsync);
        routes.Get("/lora-adapters", State.AnswerAdaptersAsync, OpenAiError.WriteAsync);
    }
}
