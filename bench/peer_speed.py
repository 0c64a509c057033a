"""llama.cpp's speed as `edge-llm bench` measures its own, in a process that keeps the model: Peer below starts
    python3 peer_speed.py FOLDER-OF-PEER.PY MODEL THREADS CACHE
and that answers each line `pp|tg TOKENS DEPTH` of standard input with a line of tokens a second.

The prompt test evaluates TOKENS in batches of 512, the generation test one by one, both after DEPTH tokens that are not timed, in a context
of just that size, flash attention on; the first test of its kind warms up before."""

import argparse
import os
import random
import subprocess
import sys
import time

BATCH = 512


class Peer:
    """llama.cpp with a model loaded, in a process of its own; idle between tests."""

    def __init__(self, folder, model, threads, cache):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), folder, model, str(threads), cache],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def speed(self, kind, tokens, depth):
        self.process.stdin.write(f"{kind} {tokens} {depth}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"head-to-head: llama.cpp ended with status {self.process.wait()}")
        return float(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def serve(folder, path, threads, cache):
    sys.path.insert(0, folder)
    import peer as llama  # the harness over the released libraries

    options = argparse.Namespace(threads=threads, fa="on", type_k=cache, type_v=cache)
    rng = random.Random(1)
    warm = set()
    with llama.Peer().model(path) as model:
        def run(ctx, kind, tokens, depth):
            def evaluate(count, width, at):
                for first in range(0, count, width):
                    ids = [rng.randrange(model.n_vocab) for _ in range(min(width, count - first))]
                    ctx.decode(ids, at + first, [0] * (len(ids) - 1) + [1])
                model.peer.lib.llama_synchronize(ctx.handle)
            ctx.clear(False)
            evaluate(depth, BATCH, 0)
            start = time.perf_counter()
            evaluate(tokens, BATCH if kind == "pp" else 1, depth)
            return tokens / (time.perf_counter() - start)

        for line in sys.stdin:
            kind, tokens, depth = line.split()
            with model.context(int(tokens) + int(depth), BATCH, options, swa_full=False) as ctx:
                if (kind, depth) not in warm:
                    run(ctx, kind, min(int(tokens), BATCH), 0)
                    warm.add((kind, depth))
                print(run(ctx, kind, int(tokens), int(depth)), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
