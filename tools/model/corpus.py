"""The training text and the held-out text, made from a seed.

A document is {"kind": ..., "text": ...} or {"kind": ..., "system": ..., "turns": [[question, answer], ...]}.
What is held out is decided by a hash of what the document is about, so a training document can never hold it:
one combination in ten of (name, place, thing), of a fact with a phrasing, of a pair of numbers, of a JSON object's values.

    python3 corpus.py --seed 1 --documents 40000 --out corpus.jsonl     # training documents
    python3 corpus.py --held-out ../../tests/data                       # heldout.txt and the *.jsonl exercises
"""

import argparse
import json
import os
import random
import re
import zlib

import tasks
from stories import story

HELD_OUT_SEED = 20000
SYSTEM = ["You are a helpful assistant.", "You are a kind teacher. Answer in one sentence.", "Answer the question."]
# kind -> share of documents (a story is about 130 tokens, an exercise about 30)
MIX = {"story": 16, "reading": 16, "request": 4, "facts": 12, "talk": 2, "arithmetic": 26, "instruction": 16,
       "json": 18, "copy": 16, "lookup": 16, "mixed": 6}
# while the learning rate falls: what is learned last, sums and reading, comes more often
LATE_MIX = {"story": 12, "reading": 24, "request": 4, "facts": 8, "talk": 2, "arithmetic": 60, "instruction": 14,
            "json": 8, "copy": 4, "lookup": 8, "mixed": 8}
EXERCISES = {"facts": tasks.fact, "talk": tasks.talk, "arithmetic": tasks.arithmetic, "instruction": tasks.instruction,
             "json": tasks.extraction, "copy": tasks.copy, "lookup": tasks.lookup}


def is_held_out(*key):
    return key[0] is not None and zlib.crc32("|".join(key).encode()) % 10 == 0


def exercise(r, kind, held_out):
    while True:
        q, a, key = EXERCISES[kind](r)
        if key is None or is_held_out(key) == held_out:
            return [q, a]


def reading(r, held_out, questions):
    s = story(r, lambda *key: is_held_out(*key) == held_out)
    asked = r.sample(s.questions, min(questions, len(s.questions)))
    first = f"Read the story and answer. {s.text}\nQuestion: {asked[0][0]}"
    return [[first, asked[0][1]]] + [list(qa) for qa in asked[1:]]


def document(r, held_out=False, mix=MIX):
    kind = r.choices(list(mix), mix.values())[0]
    keep = lambda *key: is_held_out(*key) == held_out
    if kind == "story":
        texts = [story(r, keep).text for _ in range(2 if r.random() < 0.1 else 1)]
        return {"kind": kind, "text": "\n\n".join(texts)}
    if kind == "request":
        s = story(r, keep)
        turns = [[s.request, s.text]]
    elif kind == "reading":
        turns = reading(r, held_out, r.choice([2, 3, 4]))
    elif kind == "mixed":
        turns = [exercise(r, r.choice(list(EXERCISES)), held_out) for _ in range(r.randint(2, 4))]
    else:
        turns = [exercise(r, kind, held_out) for _ in range(r.choice([1, 1, 2]))]
    system = r.choice(SYSTEM) if r.random() < 0.1 else None
    return {"kind": kind, "system": system, "turns": turns}


def documents(seed, held_out=False):
    """An endless stream."""
    r = random.Random(seed)
    while True:
        yield document(r, held_out)


def opening(s):
    """A story's sentences up to the first that names its thing: only with it can training text not begin so."""
    return re.match(rf"(?s).*?\b{s.cast.thing}\b.*?[.!?](?= )", s.text)[0]


def write_held_out(folder, stories=240):
    r = random.Random(HELD_OUT_SEED)
    os.makedirs(folder, exist_ok=True)
    held = lambda *key: is_held_out(*key)

    def write(name, lines):
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as f:
            f.writelines(lines)

    write("heldout.txt", ["\n\n".join(story(r, held).text for _ in range(stories)), "\n"])
    openings = []
    while len(openings) < 20:
        s = story(r, held)
        if len(opening(s)) < 200:  # in some plots the thing comes late
            openings.append({"prompt": opening(s), "name": s.cast.name})
    questions = []
    for kind, count in (("reading", 90), ("facts", 45), ("arithmetic", 35), ("instruction", 30)):
        chosen = {}
        while len(chosen) < count:
            q, a = reading(r, True, 1)[0] if kind == "reading" else exercise(r, kind, True)
            chosen[q] = a
        questions += [{"kind": kind, "prompt": q, "answer": a} for q, a in chosen.items()]
    extractions = [dict(zip(("prompt", "answer"), exercise(r, "json", True))) for _ in range(100)]
    for name, rows in (("openings", openings), ("questions", questions), ("extractions", extractions)):
        write(f"{name}.jsonl", [json.dumps(row) + "\n" for row in rows])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--documents", type=int, default=40000)
    p.add_argument("--out")
    p.add_argument("--held-out", metavar="FOLDER")
    a = p.parse_args()
    if a.held_out:
        write_held_out(a.held_out)
    if a.out:
        stream = documents(a.seed)
        with open(a.out, "w", encoding="utf-8", newline="\n") as f:
            for _ in range(a.documents):
                f.write(json.dumps(next(stream)) + "\n")


if __name__ == "__main__":
    main()
