"""Byte-level BPE with GPT-2's pre-tokenizer: training, encoding, and the files that the exporter reads.

    python3 tokenizer.py --out tokenizer.json       # trains on the corpus of seed 1
"""

import argparse
import collections
import json
import re

import corpus

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|unused0|>"]
VOCAB = 2048
# GPT-2's pattern, for ASCII letters and digits by class and for the rest by what \w says
PRE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byte_letters():
    """GPT-2's printable letter for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {b: chr(b) for b in plain}, 256
    for b in range(256):
        if b not in letters:
            letters[b], extra = chr(extra), extra + 1
    return letters


LETTERS = byte_letters()


def to_letters(word):
    return tuple(LETTERS[b] for b in word.encode("utf-8"))


def texts(document):
    if "text" in document:
        return [document["text"]]
    return [t for turn in document["turns"] for t in turn] + ([document["system"]] if document["system"] else []) + ["user\n", "assistant\n", "system\n"]


def merge_pair(word, pair):
    out, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


def train(count, vocab=VOCAB):
    """The merges, most frequent pair first (ties by the pair itself). Words with digits take no part: a digit is a token."""
    words, stream = collections.Counter(), corpus.documents(1)
    for _ in range(count):
        for text in texts(next(stream)):
            words.update(w for w in PRE.findall(text) if not any(c.isdigit() for c in w))
    spelled = {to_letters(w): n for w, n in words.items()}
    merges = []
    while len(merges) < vocab - 256 - len(SPECIAL):
        pairs = collections.Counter()
        for w, n in spelled.items():
            for pair in zip(w, w[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs.items(), key=lambda x: (x[1], x[0]))[0]
        merges.append(best)
        spelled = {merge_pair(w, best) if best[0] in w else w: n for w, n in spelled.items()}
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.tokens = SPECIAL + [LETTERS[b] for b in range(256)] + [a + b for a, b in self.merges]
        self.tokens += [f"<|unused{i}|>" for i in range(1, VOCAB - len(self.tokens) + 1)]
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.cache = {}
        self.eos, self.im_start, self.im_end = 0, 1, 2

    @staticmethod
    def load(path):
        with open(path, encoding="utf-8") as f:
            return Tokenizer(json.load(f)["merges"])

    def save(self, path):
        with open(path, "w", encoding="utf-8", newline="\n") as f:
            json.dump({"merges": self.merges}, f, ensure_ascii=False, indent=0)

    def word(self, w):
        if w not in self.cache:
            parts = to_letters(w)
            while len(parts) > 1:
                best = min(zip(parts, parts[1:]), key=lambda p: self.rank.get(p, 1 << 30))
                if best not in self.rank:
                    break
                parts = merge_pair(parts, best)
            self.cache[w] = [self.ids[p] for p in parts]
        return self.cache[w]

    def encode(self, text):
        return [i for w in PRE.findall(text) for i in self.word(w)]

    def decode(self, ids):
        back = {c: b for b, c in LETTERS.items()}
        return bytes(back[c] for i in ids if i >= len(SPECIAL) for c in self.tokens[i]).decode("utf-8", "replace")

    def turn(self, role, text):
        """One turn as the chat template writes it."""
        return [self.im_start, *self.encode(f"{role}\n{text}"), self.im_end, *self.encode("\n")]

    def prompt(self, question):
        return self.turn("user", question) + [self.im_start, *self.encode("assistant\n")]

    def document(self, d):
        """(token ids, loss weight of each as a target). Answers count most, questions least; <|endoftext|> closes."""
        if "text" in d:
            ids = self.encode(d["text"]) + [self.eos]
            return ids, [1.0] * len(ids)
        ids, weights = [], []

        def add(part, weight):
            ids.extend(part)
            weights.extend([weight] * len(part))

        if d["system"]:
            add(self.turn("system", d["system"]), 0.2)
        for q, a in d["turns"]:
            add(self.turn("user", q) + [self.im_start, *self.encode("assistant\n")], 0.2)
            add([*self.encode(a), self.im_end], 1.0 if d["kind"] == "request" else 2.0)
            add(self.encode("\n"), 0.2)
        add([self.eos], 0.2)
        return ids, weights


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--documents", type=int, default=30000)
    p.add_argument("--out", required=True)
    a = p.parse_args()
    t = Tokenizer(train(a.documents))
    t.save(a.out)
    print(f"{len(t.merges)} merges, {len(t.tokens)} tokens")


if __name__ == "__main__":
    main()
