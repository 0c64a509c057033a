using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Http;

/// <summary>The keys that clients must have one of. Comparing hashes takes the same time for any key.</summary>
internal sealed class ApiKeys(IReadOnlyList<string> keys)
{
    private readonly byte[][] _hashes = [.. keys.Select(key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))];

    /// <summary>Whom a request comes from: a text that differs between keys; "" where no key is needed.</summary>
    /// <exception cref="ApiException">It has no key, or a wrong one.</exception>
    public string Tenant(HttpRequest request, bool isOpen)
    {
        if (_hashes.Length == 0 || isOpen) return "";
        if (Given(request) is not { } key)
            throw new ApiException(401, "an API key is needed: send it as 'Authorization: Bearer KEY' or as 'x-api-key'", null, "invalid_api_key");
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        bool isKnown = false;
        foreach (byte[] known in _hashes) isKnown |= CryptographicOperations.FixedTimeEquals(known, hash);
        return isKnown ? Convert.ToHexString(hash) : throw new ApiException(401, "the API key is not known here", null, "invalid_api_key");
    }

    private static string? Given(HttpRequest request)
    {
        string authorization = request.Headers.Authorization.ToString();
        if (authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return authorization["Bearer ".Length..].Trim();
        return request.Headers.TryGetValue("x-api-key", out var key) ? key.ToString() : null;
    }
}
