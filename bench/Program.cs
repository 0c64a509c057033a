using BenchmarkDotNet.Running;
using Edge.Llm.Bench;

// kernels [type ...]: quick timing of the kernel table. Anything else goes to BenchmarkDotNet.
if (args is ["kernels", .. string[] types]) return KernelTimes.Run(types);
BenchmarkSwitcher.FromAssembly(typeof(KernelBench).Assembly).Run(args);
return 0;
