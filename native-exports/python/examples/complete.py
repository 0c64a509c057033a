"""Continues a text: python3 complete.py MODEL [PROMPT [TOKENS [SEED]]]"""

import sys

from edge_llm import Model

arguments = dict(enumerate(sys.argv))
with Model(arguments[1]) as model, model.context() as context:
    seed = int(arguments[4]) if 4 in arguments else None
    for piece in context.generate(arguments.get(2, "Once upon a time"), max_tokens=int(arguments.get(3, 128)), seed=seed):
        print(piece, end="", flush=True)
    print()
