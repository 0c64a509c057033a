using System.Globalization;
using System.Reflection;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

// onnx MODEL mean|cls FOLDER < ids
// Writes a package's model.onnx and vocab.txt to FOLDER, and for each line of token ids on standard input a line with ONNX Runtime's vector.
(string model, string pooling, string folder) = (args[0], args[1], args[2]);
Assembly package = Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, "models", $"SentenceTransformers.{model}.dll"));
foreach (string file in (string[])["model.onnx", "vocab.txt"])
{
    using Stream resource = package.GetManifestResourceStream($"SentenceTransformers.{model}.Resources.{file}")!;
    using FileStream output = File.Create(Path.Combine(folder, file));
    resource.CopyTo(output);
}

using var session = new InferenceSession(Path.Combine(folder, "model.onnx"));
while (Console.ReadLine() is { } line)
{
    long[] ids = Array.ConvertAll(line.Split(' '), text => long.Parse(text, CultureInfo.InvariantCulture));
    int[] shape = [1, ids.Length];
    NamedOnnxValue Input(string name, long[] values) => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(values, shape));
    using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results = session.Run(
    [
        Input("input_ids", ids), Input("attention_mask", Array.ConvertAll(ids, _ => 1L)), Input("token_type_ids", new long[ids.Length]),
    ]);
    Tensor<float> hidden = results.First(result => result.AsTensor<float>().Dimensions.Length == 3).AsTensor<float>();
    var vector = new double[hidden.Dimensions[2]];
    int rows = pooling == "mean" ? ids.Length : 1;
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < vector.Length; i++) vector[i] += hidden[0, row, i] / rows;
    Console.WriteLine(string.Join(' ', vector.Select(value => value.ToString("R", CultureInfo.InvariantCulture))));
}
