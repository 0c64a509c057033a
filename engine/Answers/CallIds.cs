using System.Buffers.Binary;
using System.IO.Hashing;

namespace Edge.Llm.Answers;

/// <summary>Ids of calls: another one for each seed and index.</summary>
internal static class CallIds
{
    private const string Letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int Length = 9, Head = 6;

    /// <summary>The id of a call.</summary>
    /// <param name="seed">That of the answer.</param>
    /// <param name="index">The call's number in it.</param>
    /// <param name="isShort">Nine letters and digits, without a prefix.</param>
    public static string Of(ulong seed, int index, bool isShort)
    {
        Span<byte> key = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(key, seed);
        ulong hash = XxHash3.HashToUInt64(key);
        ulong head = hash % Power(Head), tail = (hash / Power(Head) + (ulong)index) % Power(Length - Head); // it counts the calls, so that those of one answer differ
        Span<char> id = stackalloc char[Length];
        for (int i = 0; i < Length; i++)
        {
            ref ulong number = ref i < Head ? ref head : ref tail;
            id[i] = Letters[(int)(number % 62)];
            number /= 62;
        }
        return isShort ? new string(id) : "call_" + new string(id);
    }

    private static ulong Power(int exponent) => exponent == 0 ? 1 : 62 * Power(exponent - 1);
}
