"""Held-out accuracy and perplexity, story continuations, questions and JSON extractions, from tests/data.

    python3 evaluate.py --folder DIR [--preset main]                    # a checkpoint, in PyTorch
    python3 evaluate.py --model X.gguf --edge-llm PATH/edge-llm         # a GGUF file, answered by the program itself
"""

import argparse
import collections
import json
import math
import os
import subprocess

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/data")


def rows(name):
    with open(os.path.join(DATA, f"{name}.jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class Program:
    """Answers by running edge-llm on a GGUF file."""

    def __init__(self, program, model):
        self.program, self.model = program, model

    def text(self, prompt):
        done = subprocess.run([self.program, "run", "-m", self.model, "--temp", "0", "-n", "300", "-p", prompt],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip(), "finish: eos" in done.stderr

    def story(self, opening):
        return self.text(opening)

    def answer(self, question):
        return self.text(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")[0]


class Checkpoint:
    """Answers by running the checkpoint in PyTorch."""

    def __init__(self, folder, preset, checkpoint):
        import torch
        from network import PRESETS, Network
        from tokenizer import Tokenizer
        torch.set_num_threads(2)
        state = torch.load(os.path.join(folder, checkpoint or f"{preset}.pt"))
        self.network = Network(PRESETS[preset])
        self.network.load_state_dict(state["weights"])
        self.tokenizer = Tokenizer.load(os.path.join(folder, "tokenizer.json"))
        print(f"step {state['step']}, {state['tokens']:,} tokens seen")

    def text(self, ids):
        from network import greedy
        t = self.tokenizer
        out = greedy(self.network, ids, {t.eos, t.im_end}, 300)
        return t.decode(out).strip(), out[-1] in (t.eos, t.im_end)

    def story(self, opening):
        return self.text(self.tokenizer.encode(opening))

    def answer(self, question):
        return self.text(self.tokenizer.prompt(question))[0]

    def held_out(self, chunk=512):
        """llama-perplexity's convention: each chunk alone, the predictions of its second half."""
        import torch
        from torch.nn import functional as F
        from network import causal
        with open(os.path.join(DATA, "heldout.txt"), encoding="utf-8") as f:
            ids = self.tokenizer.encode(f.read().rstrip("\n"))
        chunks = torch.tensor(ids[:len(ids) // chunk * chunk]).view(-1, chunk)
        nll, right = [], []
        with torch.no_grad():
            for part in chunks.split(4):
                logits = self.network(part, causal(chunk))[:, chunk // 2:-1]
                target = part[:, chunk // 2 + 1:]
                nll.append(F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none"))
                right.append((logits.argmax(-1) == target).flatten().float())
        print(f"held-out text: {len(ids):,} tokens, perplexity {math.exp(torch.cat(nll).mean()):.4f}, top-1 {torch.cat(right).mean():.4f}")


def is_right(text, answer):
    try:
        return json.loads(text) == json.loads(answer)
    except ValueError:
        return False


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--folder")
    p.add_argument("--preset", default="main")
    p.add_argument("--checkpoint")
    p.add_argument("--model")
    p.add_argument("--edge-llm", default="edge-llm")
    p.add_argument("--wrong", type=int, default=12, help="how many wrong answers to print")
    a = p.parse_args()
    if bool(a.model) == bool(a.folder):
        p.error("one of --model and --folder")
    model = Program(a.edge_llm, a.model) if a.model else Checkpoint(a.folder, a.preset, a.checkpoint)
    if a.folder:
        model.held_out()

    ended = named = 0
    for row in rows("openings"):
        text, end = model.story(row["prompt"])
        ended += end
        named += row["name"] in text
        print(f"  {row['prompt']} | {text}{'' if end else ' ...'}")
    print(f"stories: of 20, {ended} end and {named} keep the name")

    total, good, wrong = collections.Counter(), collections.Counter(), []
    for row in rows("questions"):
        text = model.answer(row["prompt"])
        total[row["kind"]] += 1
        good[row["kind"]] += text == row["answer"]
        if text != row["answer"]:
            wrong.append((row["prompt"].split("Question: ")[-1], text, row["answer"]))
    print(f"questions: {sum(good.values())} of {sum(total.values())} exact (" + ", ".join(f"{k} {good[k]}/{n}" for k, n in total.items()) + ")")

    right = 0
    extractions = rows("extractions")
    for row in extractions:
        text = model.answer(row["prompt"])
        right += is_right(text, row["answer"])
        if not is_right(text, row["answer"]):
            wrong.append((row["prompt"], text, row["answer"]))
    print(f"JSON: {right} of {len(extractions)} right")
    for question, text, answer in wrong[:a.wrong]:
        print(f"  {question!r}: {text!r}, not {answer!r}")


if __name__ == "__main__":
    main()
