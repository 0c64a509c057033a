using System.Reflection;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Operations;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve;

/// <summary>The web page: the files of the folder Page, which are part of the program.</summary>
internal static class WebPage
{
    private const string Prefix = "page/"; // of their names as resources

    // Whatever a message contains, the browser runs and loads nothing but these files.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    /// <summary>Serves each file under its name, and index.html at the root. No key is needed: the page asks for it.</summary>
    public static void AddTo(Routes routes)
    {
        Assembly assembly = typeof(WebPage).Assembly;
        foreach (string resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            string name = resource[Prefix.Length..];
            byte[] bytes = Read(assembly, resource);
            Endpoint file = context => AnswerAsync(context, ContentType(name), bytes);
            if (name == "index.html") routes.Get("/", context => Root.AnswerAsync(context, file), OpenAiError.WriteAsync, isOpen: true);
            else routes.Get("/" + name, file, OpenAiError.WriteAsync, isOpen: true);
        }
    }

    private static Task AnswerAsync(RequestContext context, string contentType, byte[] bytes)
    {
        var headers = context.Http.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-cache"; // the next version of the program has other files of the same names
        headers["Referrer-Policy"] = "no-referrer";
        return Reply.BytesAsync(context.Http, contentType, bytes);
    }

    private static byte[] Read(Assembly assembly, string resource)
    {
        using Stream stream = assembly.GetManifestResourceStream(resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string ContentType(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        _ => "image/svg+xml",
    };
}
