using Edge.Llm.Ops;

namespace Edge.Llm.Backends;

/// <summary>Is shown the input of a matmul and what it is multiplied with, before the products are computed. Of a tensor of several matrices
/// (experts) a weight is the one used, under the tensor's name.</summary>
internal delegate void MatMulObserver(FloatRows x, ReadOnlySpan<(Tensor Weight, FloatRows Y)> products);
