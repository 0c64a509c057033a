"""What the other interfaces must equal: parity.py LIBRARY MODEL PROMPT SEED TOKENS LOGITS: see tests/Native/c/parity.c."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "native-exports" / "python"))
library, path, prompt, seed, count, out = sys.argv[1:]
os.environ["EDGE_LLM_LIBRARY"] = library

from edge_llm import Model  # noqa: E402

with Model(path) as model:
    tokens = model.tokenize(prompt)
    with model.context(logits_rows=len(tokens)) as context:
        print(",".join(str(piece.token) for piece in context.generate(tokens, max_tokens=int(count), seed=int(seed)) if piece.token >= 0))
        context.remove()
        context.eval_batch(tokens, want_logits=[True] * len(tokens))
        with open(out, "wb") as file:
            for row in range(len(tokens)):
                file.write(context.logits(row))
