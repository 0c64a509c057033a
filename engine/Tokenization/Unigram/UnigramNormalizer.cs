using System.Buffers;

namespace Edge.Llm.Tokenization;

/// <summary>Writes text as a Unigram model was trained on it: characters replaced, spaces marked ▁ and, if asked, joined.</summary>
internal sealed class UnigramNormalizer(Vocabulary vocabulary, CharacterMap? map, bool joinSpaces)
{
    /// <summary>Above any real map, where one character becomes eighteen; a map cannot make the memory run out.</summary>
    private const int MostGrowth = 32;

    private readonly ByteTrie _userDefined = new(vocabulary.Texts,
        Enumerable.Range(0, vocabulary.Count).Where(id => vocabulary.GetType(id) == TokenType.UserDefined));

    private readonly bool _prefix = vocabulary.AddSpacePrefix;

    public void Normalize(ReadOnlySpan<byte> text, ArrayBufferWriter<byte> output)
    {
        long most = 1024 + (long)MostGrowth * text.Length;
        bool inWord = false, begun = false;
        while (!text.IsEmpty)
        {
            int read = Next(text, out ReadOnlySpan<byte> written);
            foreach (byte value in written)
            {
                if (value == ' ')
                {
                    inWord = false;
                    if (!joinSpaces) output.Write(SpaceMark.Text);
                    continue;
                }
                if (!inWord && (joinSpaces || (_prefix && !begun)))
                {
                    output.Write(SpaceMark.Text);
                    begun = true;
                }
                inWord = true;
                output.Write([value]);
            }
            if (output.WrittenCount > most) throw TooLong();
            text = text[read..];
        }
    }

    /// <summary>What stands for the beginning of a text, and how much of it that is.</summary>
    private int Next(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> written)
    {
        // What a user-defined token begins with passes as it is, as in llama.cpp: even if the rest of the token does not follow.
        int length = 0, node = ByteTrie.Root;
        while (length < text.Length && (node = _userDefined.Step(node, text[length])) >= 0) length++;
        if (length == 0 && map is not null)
        {
            length = map.Match(text, out written);
            if (length > 0) return length;
        }
        if (length == 0) length = LooseUtf8.LengthOfCharacter(text);
        written = length > 0 ? text[..length] : "\uFFFD"u8;
        return Math.Max(length, 1);
    }

    private static EdgeLlmException TooLong() =>
        new(ErrorCode.InvalidFile, $"tokenizer.ggml.precompiled_charsmap makes a text more than {MostGrowth} times as long");
}
