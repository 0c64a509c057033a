"""Two models in one process, each on a thread of its own: python3 two_models.py MODEL MODEL [PROMPT]"""

import sys
import threading

from edge_llm import Model

texts = {}


def run(number: int, path: str, prompt: str) -> None:
    with Model(path) as model, model.context(n_threads=1) as context:
        texts[number] = context.complete(prompt, max_tokens=40, temperature=0)


paths, prompt = sys.argv[1:3], sys.argv[3] if len(sys.argv) > 3 else "Once upon a time"
threads = [threading.Thread(target=run, args=(i, path, prompt)) for i, path in enumerate(paths)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for i, path in enumerate(paths):
    print(f"{path}:{texts[i]}")
