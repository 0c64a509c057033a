#!/usr/bin/env python3
"""What llama.cpp's released libraries make of quantized blocks; they are used as a black box.

    ggml-formats.py grids             write engine/Kernels/Formats/Grids.*.cs: the codebooks of the IQ formats, found by dequantizing every index
    ggml-formats.py golden            write tests/data/dequantize.txt: hashes of dequantized pseudo-random blocks of every format
    ggml-formats.py dequantize TYPE   blocks from standard input to float32 on standard output

Needs EDGE_LLM_SHARED, whose tools/peer/peer.py finds the libraries.
"""

import ctypes
import hashlib
import os
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Values and bytes a block, and the 16-bit words whose 15th bit is the highest of a scale's exponent.
FORMATS = {
    "Q4_0": (32, 18, [0]), "Q4_1": (32, 20, [0, 2]), "Q5_0": (32, 22, [0]), "Q5_1": (32, 24, [0, 2]), "Q8_0": (32, 34, [0]),
    "Q2_K": (256, 84, [80, 82]), "Q3_K": (256, 110, [108]), "Q4_K": (256, 144, [0, 2]), "Q5_K": (256, 176, [0, 2]),
    "Q6_K": (256, 210, [208]), "Q8_K": (256, 292, [2]), "IQ1_S": (256, 50, [0]), "IQ1_M": (256, 56, [54]), "IQ2_XXS": (256, 66, [0]),
    "IQ2_XS": (256, 74, [0]), "IQ2_S": (256, 82, [0]), "IQ3_XXS": (256, 98, [0]), "IQ3_S": (256, 110, [0]),
    "IQ4_NL": (32, 18, [0]), "IQ4_XS": (256, 136, [0]), "TQ1_0": (256, 54, [52]), "TQ2_0": (256, 66, [64]),
    "MXFP4": (32, 17, []), "NVFP4": (64, 36, []), "Q1_0": (128, 18, [0]), "Q2_0": (64, 18, [0]),
}
ONE = struct.pack("<e", 1.0)


class Peer:
    """llama.cpp's portable code."""

    def __init__(self):
        shared = os.environ.get("EDGE_LLM_SHARED")
        if not shared:
            sys.exit("EDGE_LLM_SHARED is not set")
        sys.path.insert(0, os.path.join(shared, "tools", "peer"))
        import peer
        self.base = peer.Peer(cpu="x64").base

    def dequantize(self, name, blocks):
        """Bytes of whole blocks to bytes of float32."""
        values, size, _ = FORMATS[name]
        count = len(blocks) // size * values
        function = getattr(self.base, "dequantize_row_" + name.lower().replace("_k", "_K"))
        function.restype, function.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        data, out = ctypes.create_string_buffer(bytes(blocks), len(blocks)), (ctypes.c_float * count)()
        function(data, out, count)
        return bytes(out)

    def first(self, name, block, count, scale):
        """The first values of a block as integers, once the scale is taken out."""
        values = [v / scale for v in struct.unpack(f"<{count}f", self.dequantize(name, block)[:4 * count])]
        assert all(v == int(v) for v in values), (name, values)
        return [int(v) for v in values]


def grids(peer):
    def word(i):
        return struct.pack("<H", i)

    def packed(values):
        return sum(v << (8 * i) for i, v in enumerate(values))

    iq2_xxs = [packed(peer.first("IQ2_XXS", ONE + struct.pack("<II", i, 0) * 8, 8, 1 / 8)) for i in range(256)]
    iq2_xs = [packed(peer.first("IQ2_XS", ONE + word(i) * 32 + bytes(8), 8, 1 / 8)) for i in range(512)]
    iq2_s = [packed(peer.first("IQ2_S", ONE + bytes([i & 255] * 32) + bytes(32) + bytes([(i >> 8) * 0x55] * 8) + bytes(8), 8, 1 / 8))
             for i in range(1024)]
    iq3_xxs = [packed(peer.first("IQ3_XXS", ONE + bytes([i] * 64) + bytes(32), 4, 1 / 4)) for i in range(256)]
    iq3_s = [packed(peer.first("IQ3_S", ONE + bytes([i & 255] * 64) + bytes([(i >> 8) * 0xff] * 8) + bytes(36), 4, 1)) for i in range(512)]
    iq1 = []
    for i in range(2048):
        eighths = peer.first("IQ1_S", ONE + bytes([i & 255] * 32) + word((i >> 8) * 0x249) * 8, 8, 1 / 8)
        digits = [(v - 1) // 8 for v in eighths]
        iq1.append(sum((t >= 0) << j | (t == 1) << (8 + j) for j, t in enumerate(digits)))

    write_grids("IQ1", [("IQ1", "ushort", 4, 16, iq1,
                         "Of IQ1_S and IQ1_M: bit i is set if value i is not -1, bit 8 + i if it is 1.")])
    write_grids("IQ2", [("IQ2_XXS", "ulong", 16, 6, iq2_xxs, "Magnitudes 8, 25 and 43."),
                        ("IQ2_XS", "ulong", 16, 6, iq2_xs, "Magnitudes 8, 25 and 43."),
                        ("IQ2_S", "ulong", 16, 6, iq2_s, "Magnitudes 8, 25 and 43.")])
    write_grids("IQ3", [("IQ3_XXS", "uint", 8, 10, iq3_xxs, "Magnitudes 4, 12, 20, 28, 36, 44, 52 and 62."),
                        ("IQ3_S", "uint", 8, 10, iq3_s, "Magnitudes 1, 3, 5, 7, 9, 11, 13 and 15.")])


def write_grids(family, tables):
    lines = ["namespace Edge.Llm.Kernels;", "", f"/// <content>Written by tools/ggml-formats.py: {family}.</content>",
             "internal static unsafe partial class Grids", "{"]
    for name, kind, digits, columns, values, doc in tables:
        lines += [f"    /// <summary>{doc}</summary>", f"    public static ReadOnlySpan<{kind}> {name} =>", "    ["]
        for i in range(0, len(values), columns):
            lines.append("        " + " ".join(f"0x{v:0{digits}x}," for v in values[i:i + columns]))
        lines += ["    ];", ""]
    lines[-1] = "}"
    with open(os.path.join(ROOT, "engine", "Kernels", "Formats", f"Grids.{family}.cs"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def pseudo_random(count, seed):
    """The bytes that tests/Kernels/DequantizeTests.cs makes too."""
    out = bytearray(count)
    for i in range(count):
        seed = (seed * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        out[i] = seed >> 56
    return out


def golden(peer):
    lines = ["# type, blocks, SHA-256 of their values as llama.cpp v0.5.0 dequantizes them; written by tools/ggml-formats.py golden"]
    for name, (values, size, halves) in FORMATS.items():
        blocks = 65536 // values * (4 if name.startswith("IQ") else 1)  # every index of a codebook of 2048 occurs
        data = pseudo_random(blocks * size, values)
        for block in range(0, len(data), size):
            for half in halves:
                data[block + half + 1] &= 0xbf  # finite
        lines.append(f"{name} {blocks} {hashlib.sha256(peer.dequantize(name, data)).hexdigest()}")
    with open(os.path.join(ROOT, "tests", "data", "dequantize.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def main(command, *arguments):
    if command == "grids":
        grids(Peer())
    elif command == "golden":
        golden(Peer())
    elif command == "dequantize":
        sys.stdout.buffer.write(Peer().dequantize(arguments[0], sys.stdin.buffer.read()))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*(sys.argv[1:] or [""]))
