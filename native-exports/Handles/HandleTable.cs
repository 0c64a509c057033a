using System.Runtime.CompilerServices;

namespace Edge.Llm.Native;

/// <summary>Turns what callers hold into objects, and anything else into InvalidHandle. A handle is a number, never an address: a slot of the
/// table and the slot's generation, which a close raises, so that no handle is given out twice.</summary>
internal sealed class HandleTable
{
    private const int SlotBits = 20, MarkBits = 8, Mark = 0xED; // an odd mark: no address of anything aligned looks like a handle

    private readonly object _gate = new();
    private readonly List<(Resource? Resource, uint Generation)> _slots = [];
    private readonly Stack<int> _free = [];

    /// <summary>The handles of this process.</summary>
    public static HandleTable Instance { get; } = new();

    /// <summary>Gives a resource a handle, which holds one of its uses.</summary>
    /// <exception cref="EdgeLlmException">OutOfMemory: a million handles are open.</exception>
    public nint Open(Resource resource)
    {
        lock (_gate)
        {
            if (!_free.TryPop(out int slot))
            {
                slot = _slots.Count;
                if (slot == 1 << SlotBits) throw new EdgeLlmException(ErrorCode.OutOfMemory, $"{slot} handles are open");
                // Not from 1: a handle of another process, or one kept in a file, is to be refused.
                _slots.Add((null, (uint)Random.Shared.Next(1, 1 << 30)));
            }
            uint generation = _slots[slot].Generation;
            _slots[slot] = (resource, generation);
            return (nint)(((long)generation << (SlotBits + MarkBits)) | ((long)slot << MarkBits) | Mark);
        }
    }

    /// <summary>The object of a handle, which lives at least until the result is disposed of.</summary>
    /// <exception cref="EdgeLlmException">InvalidHandle.</exception>
    public Use<T> Use<T>(nint handle, string what) where T : Resource
    {
        lock (_gate)
        {
            T resource = Find<T>(handle, what, out _);
            resource.AddUse();
            return new Use<T>(resource);
        }
    }

    /// <summary>Makes a handle invalid. What it held goes when its last use has ended; the caller ends the handle's own.</summary>
    /// <exception cref="EdgeLlmException">InvalidHandle.</exception>
    public Use<T> Close<T>(nint handle, [CallerArgumentExpression(nameof(handle))] string what = "") where T : Resource
    {
        lock (_gate)
        {
            T resource = Find<T>(handle, what, out int slot);
            uint generation = _slots[slot].Generation + 1;
            _slots[slot] = (null, generation);
            if (generation < uint.MaxValue >> 1) _free.Push(slot); // a slot whose generations are used up is left alone
            return new Use<T>(resource);
        }
    }

    private T Find<T>(nint handle, string what, out int slot) where T : Resource
    {
        slot = (int)(handle >> MarkBits) & ((1 << SlotBits) - 1);
        uint generation = (uint)(handle >> (SlotBits + MarkBits));
        if (handle == 0) throw Invalid(what, "it is null");
        if ((handle & ((1 << MarkBits) - 1)) != Mark || slot >= _slots.Count || (long)handle >> (SlotBits + MarkBits) != generation)
            throw Invalid(what, "it was never given out");
        (Resource? resource, uint current) = _slots[slot];
        if (generation > current) throw Invalid(what, "it was never given out");
        if (generation < current || resource is null) throw Invalid(what, "it is closed");
        return resource as T ?? throw Invalid(what, $"it is a {resource.Kind}");
    }

    private static EdgeLlmException Invalid(string what, string why) => new(ErrorCode.InvalidHandle, $"{what}: not a valid handle: {why}");
}
