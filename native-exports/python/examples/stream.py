"""Streams a text until Ctrl-C or a time limit ends it: python3 stream.py MODEL [PROMPT [SECONDS]]"""

import signal
import sys

from edge_llm import Model

arguments = dict(enumerate(sys.argv))
with Model(arguments[1]) as model, model.context() as context:
    signal.signal(signal.SIGINT, lambda *_: context.cancel())
    piece = None
    for piece in context.generate(arguments.get(2, "Once upon a time"), ignore_eos=True, timeout=float(arguments[3]) if 3 in arguments else None):
        print(piece, end="", flush=True)
    print(f"\n{piece.finish_reason}", file=sys.stderr)
