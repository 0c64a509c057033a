"""Tokens a second between the first and the last token, as a caller sees them: speed.py MODEL THREADS TOKENS"""

import sys
import time

from edge_llm import Model

with Model(sys.argv[1]) as model, model.context(n_threads=int(sys.argv[2])) as context:
    first, count = 0.0, 0
    for piece in context.generate([1, 5, 9, 17, 33, 65, 129, 257], max_tokens=int(sys.argv[3]), temperature=0, ignore_eos=True):
        if piece.token >= 0:
            last = time.perf_counter()
            count += 1
            if count == 1:
                first = last
    print(f"{(count - 1) / (last - first):.3f}")
