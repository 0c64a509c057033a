"""Eight texts at a time in one context, which share its forward passes: python3 many.py MODEL [PROMPT [TOKENS]]"""

import asyncio
import sys

from edge_llm import Context, Model


async def tell(context: Context, prompt: str, tokens: int, seed: int) -> str:
    with context.submit(prompt, max_tokens=tokens, seed=seed) as request:
        return "".join([piece async for piece in request])


async def main(path: str, prompt: str = "Once upon a time", tokens: str = "48") -> None:
    with Model(path) as model, model.context(n_seq_max=8) as context:
        texts = await asyncio.gather(*(tell(context, prompt, int(tokens), seed) for seed in range(1, 9)))
        for number, text in enumerate(texts, 1):
            print(f"{number}:{text}")


asyncio.run(main(*sys.argv[1:]))
