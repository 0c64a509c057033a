using System.Text.Json;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>The items of the latest responses, in memory only: clients name them in the next request instead of sending them again. Each tenant sees
/// its own. The oldest leave first.</summary>
internal sealed class ItemMemory
{
    private const int MostItems = 4096, MostBytes = 16 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Salt, string Id), byte[]> _items = [];
    private readonly Queue<(string Salt, string Id)> _order = [];
    private long _bytes;

    /// <summary>Keeps an item.</summary>
    public void Add(string salt, string id, byte[] json)
    {
        if (json.Length > MostBytes) return;
        lock (_gate)
        {
            if (!_items.TryAdd((salt, id), json)) return;
            _order.Enqueue((salt, id));
            _bytes += json.Length;
            while (_items.Count > MostItems || _bytes > MostBytes)
                if (_items.Remove(_order.Dequeue(), out byte[]? oldest)) _bytes -= oldest.Length;
        }
    }

    /// <summary>The item that a reference names.</summary>
    /// <param name="salt">Whose it is.</param>
    /// <param name="reference">The reference.</param>
    /// <param name="found">Bytes that the request has found so far: as many as it could have sent.</param>
    /// <exception cref="ApiException">It is not known, or no longer; or the request finds too much.</exception>
    public Field Find(string salt, Field reference, ref long found)
    {
        Field id = reference.Require("id");
        byte[]? json;
        lock (_gate) json = _items.GetValueOrDefault((salt, id.Text(256)));
        if ((found += json?.Length ?? 0) > Limits.BodyBytes) throw id.Error($"expected at most {Limits.BodyBytes} bytes in all items that are named");
        return json is null ? throw id.Error("this item is not known here, or no longer: send the item itself", "item_not_found") : new Field(JsonElement.Parse(json), reference.Path);
    }
}
