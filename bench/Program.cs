using BenchmarkDotNet.Running;
using Edge.Llm.Bench;

// kernels [type ...]: quick timing of the kernel table; read FILE THREADS: speed of reading memory. Anything else goes to BenchmarkDotNet.
if (args is ["kernels", .. string[] types]) return KernelTimes.Run(types);
if (args is ["read", string path, string threads]) return PlainRead.Run(path, int.Parse(threads, System.Globalization.CultureInfo.InvariantCulture));
BenchmarkSwitcher.FromAssembly(typeof(KernelBench).Assembly).Run(args);
return 0;
