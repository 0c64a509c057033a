using BenchmarkDotNet.Running;
using Edge.Llm.Bench;

// kernels [type ...]: quick timing of the kernel table. few [type ...]: what 1 to 16 tokens cost. instructions [type ...]: how many each kernel executes. read FILE THREADS: speed of
// reading memory, GB/s. grammars VOCABULARY SCHEMAS [compact]: times of compiling schemas and of masks. hostile VOCABULARY [NAME ...]: what hostile
// grammars cost. sampling: what choosing a token costs. Anything else goes to BenchmarkDotNet.
if (args is ["kernels", .. string[] types]) return KernelTimes.Run(types);
if (args is ["few", .. string[] few]) return FewTokenTimes.Run(few);
if (args is ["instructions", .. string[] counted]) return InstructionCounts.Run(counted);
if (args is ["read", string path, string threads]) return PlainRead.Run(path, int.Parse(threads, System.Globalization.CultureInfo.InvariantCulture));
if (args is ["grammars", string vocabulary, string schemas, .. string[] style]) return GrammarTimes.Run(vocabulary, schemas, style is not ["compact"]);
if (args is ["hostile", string tokens, .. string[] hostile]) return HostileGrammarTimes.Run(tokens, hostile);
if (args is ["serving", string served, .. [_, _, _] counts])
{
    int[] numbers = [.. counts.Select(count => int.Parse(count, System.Globalization.CultureInfo.InvariantCulture))];
    return ServingTimes.Run(served, numbers[0], numbers[1], numbers[2]);
}
if (args is ["sampling"]) return SamplingTimes.Run();
BenchmarkSwitcher.FromAssembly(typeof(KernelBench).Assembly).Run(args);
return 0;
