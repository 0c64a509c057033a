"""A Llama with random weights and a tokenizer of single characters, small enough to make in a test."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

VOCAB, WIDTH, LAYERS, HEADS, FF, CONTEXT = 131, 32, 2, 2, 64, 1024
TEMPLATE = "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"

_UINT32, _FLOAT32, _STRING, _ARRAY, _INT32, _BOOL = 4, 6, 8, 9, 5, 7


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _key(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _array(name: str, kind: int, items: list[bytes]) -> bytes:
    return _key(name, _ARRAY, struct.pack("<IQ", kind, len(items)) + b"".join(items))


def write(path: str, seed: int = 1, **flags: bool) -> None:
    """Writes the file; flags are those of the tokenizer, add_bos_token and the like."""
    numbers = random.Random(seed)
    keys = [_key("general.architecture", _STRING, _text("llama")), _key("general.name", _STRING, _text("tiny"))]
    for name, value in (("context_length", CONTEXT), ("embedding_length", WIDTH), ("block_count", LAYERS), ("feed_forward_length", FF),
                        ("attention.head_count", HEADS)):
        keys.append(_key("llama." + name, _UINT32, struct.pack("<I", value)))
    keys.append(_key("llama.attention.layer_norm_rms_epsilon", _FLOAT32, struct.pack("<f", 1e-5)))
    characters = [*map(chr, range(ord("!"), ord("~") + 1)), *map(chr, range(0xA1, 0xA1 + VOCAB))]
    tokens = ["<unk>", "<s>", "</s>", "\u2581", *characters][:VOCAB]
    keys += [_key("tokenizer.ggml.model", _STRING, _text("llama")), _key("tokenizer.chat_template", _STRING, _text(TEMPLATE)),
             _array("tokenizer.ggml.tokens", _STRING, [_text(token) for token in tokens]),
             _array("tokenizer.ggml.scores", _FLOAT32, [struct.pack("<f", 0)] * VOCAB),
             _array("tokenizer.ggml.token_type", _INT32, [struct.pack("<i", 2 if i == 0 else 3 if i < 3 else 1) for i in range(VOCAB)])]

    keys += [_key("tokenizer.ggml." + name, _BOOL, struct.pack("<?", value)) for name, value in flags.items()]

    _write(path, keys, _shapes(), lambda name, shape: 1.0 if "norm" in name else numbers.gauss(0, 2 / shape[0] ** 0.5))


def write_adapter(path: str, seed: int = 2, rank: int = 4, alpha: float = 8.0) -> None:
    """Writes a LoRA adapter for the model: all matrices but the embeddings."""
    numbers = random.Random(seed)
    keys = [_key(name, _STRING, _text(value)) for name, value in (("general.type", "adapter"), ("adapter.type", "lora"), ("general.architecture", "llama"),
                                                                  ("adapter.lora.task_name", "a test"))]
    keys.append(_key("adapter.lora.alpha", _FLOAT32, struct.pack("<f", alpha)))
    shapes = {}
    for name, shape in _shapes().items():
        if len(shape) == 2 and name != "token_embd.weight":
            shapes |= {name + ".lora_a": (shape[0], rank), name + ".lora_b": (rank, shape[1])}
    _write(path, keys, shapes, lambda _, shape: numbers.gauss(0, 1 / shape[0] ** 0.5))


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (WIDTH, VOCAB), "output_norm.weight": (WIDTH,)}
    for i in range(LAYERS):
        shapes |= {f"blk.{i}.attn_norm.weight": (WIDTH,), f"blk.{i}.ffn_norm.weight": (WIDTH,)}
        shapes |= {f"blk.{i}.attn_{name}.weight": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {f"blk.{i}.ffn_{name}.weight": (WIDTH, FF) for name in ("gate", "up")} | {f"blk.{i}.ffn_down.weight": (FF, WIDTH)}
    return shapes


def _write(path: str, keys: list[bytes], shapes: dict[str, tuple[int, ...]], value: Callable[[str, tuple[int, ...]], float]) -> None:
    directory, data = b"", b""
    for name, shape in shapes.items():
        directory += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        data += struct.pack(f"<{count}f", *[value(name, shape) for _ in range(count)])
        data += bytes(-len(data) % 32)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(keys)) + b"".join(keys) + directory
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32) + data)
