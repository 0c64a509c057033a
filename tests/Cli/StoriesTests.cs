using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>The main job on a trained model.</summary>
[TestClass]
public sealed class StoriesTests
{
    [TestMethod]
    public void OnceUponATime()
    {
        CommandLine.Result result = CommandLine.Run("run", "-m", Settings.Shared("models", "stories260K.gguf"), "-p", "Once upon a time", "-n", "60", "--temp", "0");
        Assert.AreEqual((0, """
            , there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.
            Lily

            """.ReplaceLineEndings("\n")), (result.ExitCode, result.Output), result.Error);
    }
}
