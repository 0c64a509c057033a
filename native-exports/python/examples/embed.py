"""How alike texts are: python3 embed.py MODEL TEXT TEXT... prints the cosine of each with the first one."""

import sys

from edge_llm import Model

with Model(sys.argv[1]) as model, model.context() as context:
    vectors = [context.embed(text) for text in sys.argv[2:]]
    for text, vector in zip(sys.argv[2:], vectors):
        print(f"{sum(a * b for a, b in zip(vectors[0], vector)):.4f}  {text}")
