"""The tables of docs/memory.md and docs/raspberry-pi.md: python3 plan_tables.py EDGE-LLM [CONTEXT...]

Writes, for published models of the Llama architecture, files with the right tensors and no data (sparse: they take no room on the disk), and
asks `EDGE-LLM plan` what they take; the types of the tensors are those of `EDGE-LLM quantize --dry-run`. EDGE-LLM is the executable.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

# name: layers, width, query heads, KV heads, head width, feed-forward width, vocabulary, tied embeddings, context
MODELS = {
    "SmolLM2 135M": (30, 576, 9, 3, 64, 1536, 49152, True, 8192),
    "SmolLM2 360M": (32, 960, 15, 5, 64, 2560, 49152, True, 8192),
    "TinyLlama 1.1B": (22, 2048, 32, 4, 64, 5632, 32000, False, 2048),
    "Llama 3.2 1B": (16, 2048, 32, 8, 64, 8192, 128256, True, 131072),
    "SmolLM2 1.7B": (24, 2048, 32, 32, 64, 8192, 49152, True, 8192),
    "Llama 3.2 3B": (28, 3072, 24, 8, 128, 8192, 128256, True, 131072),
    "Mistral 7B v0.3": (32, 4096, 32, 8, 128, 14336, 32768, False, 32768),
    "Llama 3.1 8B": (32, 4096, 32, 8, 128, 14336, 128256, False, 131072),
    "Llama 2 13B": (40, 5120, 40, 40, 128, 13824, 32000, False, 4096),
    "Llama 3.1 70B": (80, 8192, 64, 8, 128, 28672, 128256, False, 131072),
}

# name: number in GGUF, values and bytes of a block
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34),
         "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210)}
MIXES = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0")


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def write(path: Path, shape: tuple, types: dict[str, str]) -> None:
    """A file with a header, a tensor directory, and a hole where the data would be. Matrices that types does not name are F16."""
    layers, width, heads, heads_kv, head, ff, vocab, tied, context = shape
    q, kv = heads * head, heads_kv * head
    tensors = [("token_embd", width, vocab), ("output_norm", width, 1)]
    if not tied:
        tensors.append(("output", width, vocab))
    for i in range(layers):
        for name, n, m in (("attn_q", width, q), ("attn_k", width, kv), ("attn_v", width, kv), ("attn_output", q, width), ("ffn_gate", width, ff),
                           ("ffn_up", width, ff), ("ffn_down", ff, width), ("attn_norm", width, 1), ("ffn_norm", width, 1)):
            tensors.append((f"blk.{i}.{name}", n, m))
    directory, size = b"", 0
    for name, n, m in tensors:
        number, block, block_bytes = TYPES["F32" if m == 1 else types.get(name + ".weight", "F16")]
        directory += text(name + ".weight") + struct.pack("<IQQIQ", 2, n, m, number, size)
        size += (n // block * block_bytes * m + 31) // 32 * 32
    keys = [text("general.architecture") + struct.pack("<I", 8) + text("llama"),
            text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5)]
    for name, value in (("context_length", context), ("embedding_length", width), ("block_count", layers), ("feed_forward_length", ff),
                        ("attention.head_count", heads), ("attention.head_count_kv", heads_kv), ("attention.key_length", head),
                        ("attention.value_length", head)):
        keys.append(text("llama." + name) + struct.pack("<II", 4, value))
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys)) + b"".join(keys) + directory
    with open(path, "wb") as file:
        file.write(header)
        file.truncate((len(header) + 31) // 32 * 32 + size)


def write_quantized(executable: str, path: Path, shape: tuple, mix: str) -> None:
    """The file that quantizing would make."""
    write(path, shape, {})
    if mix == "F16":
        return
    command = [executable, "quantize", str(path), str(path) + ".none", mix, "--dry-run"]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    write(path, shape, dict(re.findall(r"^(\S+) +F16 +-> (\S+)", lines, re.MULTILINE)))


def plan(executable: str, path: Path, context: int, cache: str) -> dict[str, int]:
    command = [executable, "plan", "-m", str(path), "-c", str(context), "--type-k", cache, "--type-v", cache, "-t", "4", "--json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def mebibytes(count: int) -> str:
    return f"{count / (1 << 20):,.0f}"


def main() -> None:
    executable, contexts = sys.argv[1], [int(c) for c in sys.argv[2:]] or [2048, 4096, 8192]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        print("| model | " + " | ".join(MIXES) + " |\n| --- |" + " --: |" * len(MIXES))
        for name, shape in MODELS.items():
            cells = []
            for mix in MIXES:
                write_quantized(executable, path, shape, mix)
                cells.append(mebibytes(plan(executable, path, contexts[0], "f16")["weights_bytes"]))
            print(f"| {name} | " + " | ".join(cells) + " |")
        heads = [f"{c} tokens, {cache}" for c in contexts for cache in ("f16", "q8_0")]
        print("\n| model | " + " | ".join(heads) + " | activations |\n| --- |" + " --: |" * (len(heads) + 1))
        for name, shape in MODELS.items():
            write_quantized(executable, path, shape, "Q4_K_M")
            plans = [plan(executable, path, c, cache) for c in contexts for cache in ("f16", "q8_0")]
            print(f"| {name} | " + " | ".join(mebibytes(p["kv_cache_bytes"]) for p in plans) + f" | {mebibytes(plans[0]['activations_bytes'])} |")


if __name__ == "__main__":
    main()
