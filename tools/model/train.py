"""Trains a model on the corpus, resumably: every batch depends only on the seed and the step.

    python3 train.py --preset main --folder DIR --steps 1200        # starts or goes on from DIR/main.pt

DIR holds tokenizer.json (tokenizer.py) and gets main.pt (weights, optimizer, step) every few minutes, and main-stable.pt just
before the learning rate starts to fall: `--resume main-stable.pt` with more steps goes on from there as if it had not fallen."""

import argparse
import math
import os
import random
import time

import torch
from torch.nn import functional as F

import corpus
from network import PRESETS, Network, causal
from tokenizer import Tokenizer

WARM_UP = 40
DECAY = 0.35  # share of the steps over which the learning rate falls to 0


class Bf16Linear(torch.autograd.Function):
    """x @ w.T with bfloat16 factors, float sums and float results: twice as fast on CPUs with AVX512-BF16."""

    @staticmethod
    def forward(ctx, x, w):
        x, w = x.bfloat16(), w.bfloat16()
        ctx.save_for_backward(x, w)
        return F.linear(x, w).float()

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        g = g.bfloat16()
        rows = g.reshape(-1, g.shape[-1])
        return (g @ w).float(), torch.mm(rows.t(), x.reshape(-1, x.shape[-1])).float()


@torch.no_grad()
def relate(network, tokenizer):
    """Starts a word's forms (with a space before, capital, upper case) near each other, and in the middle layers queries near keys, so that
    a word seen is easily found again and said in another form: copying is what such a small network learns last."""
    first = {}
    for i, token in enumerate(tokenizer.tokens):
        word = token.lstrip("\u0120").lower()
        if len(word) > 1 and first.setdefault(word, i) != i:
            network.embedding[i] = 0.85 * network.embedding[first[word]] + 0.53 * network.embedding[i]
    c = network.c
    for layer in network.layers[c.n_layer // 3:]:
        q = layer.qkv[:c.n_head * 64].view(c.n_head, 64, -1)
        k = layer.qkv[c.n_head * 64:(c.n_head + c.n_head_kv) * 64].view(c.n_head_kv, 64, -1)
        for head in range(0, c.n_head, 2):
            shared = k[head * c.n_head_kv // c.n_head]
            shared *= 1.5
            q[head] = shared


def batch(tokenizer, seed, step, length, count, held_out=False, mix=corpus.MIX):
    """Documents packed whole into `count` rows: ids, targets, weights, mask. In half of the rows a document sees only itself; in
    the others it sees all before it, as in a long chat or a text of many stories."""
    r = random.Random((seed << 32) + step)
    rows, weights, owner, misses = [[] for _ in range(count)], [[] for _ in range(count)], [[] for _ in range(count)], 0
    number = 0
    while misses < 8:
        ids, w = tokenizer.document(corpus.document(r, held_out, mix))
        fit = next((i for i in range(count) if not rows[i] or len(rows[i]) + len(ids) <= length + 1), None)
        if fit is None:
            misses += 1
            continue
        rows[fit] += ids[:length + 1]
        weights[fit] += w[:length + 1]
        owner[fit] += [number] * min(len(ids), length + 1)
        number += 1
    for i in range(count):
        pad = length + 1 - len(rows[i])
        rows[i] += [tokenizer.eos] * pad
        weights[i] += [0.0] * pad
        owner[i] += [-1] * pad
    rows, weights, owner = torch.tensor(rows), torch.tensor(weights), torch.tensor(owner)[:, :-1]
    alone = torch.tensor([r.random() < 0.5 for _ in range(count)])
    hidden = (owner[:, :, None] != owner[:, None, :]) & alone[:, None, None]
    mask = causal(length)[None].masked_fill(hidden, float("-inf"))
    return rows[:, :-1], rows[:, 1:], weights[:, 1:], mask[:, None, None]


def loss_of(network, data, linear):
    ids, targets, weights, mask = data
    logits = network(ids, mask, linear=linear)
    each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    w = weights.flatten()
    return (each * w).sum() / w.sum(), logits


def orthogonal(g):
    """The nearest orthogonal matrices, roughly, by Newton-Schulz steps (a stack of matrices at once)."""
    x = g / (g.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = (x.transpose(-1, -2) if tall else x).bfloat16()
    for _ in range(5):
        a = x @ x.transpose(-1, -2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return (x.transpose(-1, -2) if tall else x).float()


class Muon:
    """Momentum made orthogonal for the matrices inside the layers. State is plain tensors, so that a checkpoint holds it."""

    def __init__(self, network):
        c = network.c
        q, kv = c.n_head * 64, c.n_head_kv * 64
        parts = {"qkv": [q, kv, kv], "out": [c.n_embd], "gate_up": [c.n_ff, c.n_ff], "down": [c.n_embd]}
        self.blocks = [(getattr(layer, name), size) for layer in network.layers for name, size in parts.items()]
        self.momentum = [torch.zeros_like(w) for w, _ in self.blocks]

    @torch.no_grad()
    def step(self, lr):
        groups = {}
        for (w, sizes), m in zip(self.blocks, self.momentum):
            m.mul_(0.95).add_(w.grad, alpha=0.05)
            update = w.grad.lerp(m, 0.95)
            for part, g in zip(w.split(sizes), update.split(sizes)):
                flip = g.shape[0] > g.shape[1]
                groups.setdefault(tuple(sorted(g.shape)), []).append((part, g.t() if flip else g, flip))
            w.grad = None
        for group in groups.values():
            for (part, _, flip), o in zip(group, orthogonal(torch.stack([g for _, g, _ in group]))):
                o = o.t() if flip else o
                part.mul_(1 - lr * 0.05).add_(o, alpha=-lr * max(1.0, o.shape[0] / o.shape[1]) ** 0.5)


@torch.no_grad()
def held_out_loss(network, tokenizer, length=256, count=8):
    """Mean loss a token (unweighted), and of the answers alone; top-1 accuracy of both."""
    ids, targets, weights, mask = data = batch(tokenizer, 7, 0, length, count, held_out=True)
    _, logits = loss_of(network, data, F.linear)
    each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    right = (logits.argmax(-1) == targets).flatten().float()
    real, answer = weights.flatten() > 0, weights.flatten() == 2
    return [float(x) for x in (each[real].mean(), right[real].mean(), each[answer].mean(), right[answer].mean())]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--preset", choices=PRESETS, default="main")
    p.add_argument("--folder", required=True)
    p.add_argument("--resume", help="checkpoint in the folder to go on from (default: PRESET.pt if it is there)")
    p.add_argument("--steps", type=int, default=1200)
    p.add_argument("--batch", type=int, default=12, help="rows of 256 tokens; every eighth step has a quarter as many rows of 1,024")
    p.add_argument("--lr", type=float, default=0.008, help="of the matrices; the embedding and the norms take a sixth")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--minutes", type=float, default=3, help="between checkpoints")
    p.add_argument("--float32", action="store_true", help="no bfloat16 in the matrix products")
    a = p.parse_args()

    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    tokenizer = Tokenizer.load(os.path.join(a.folder, "tokenizer.json"))
    network = Network(PRESETS[a.preset])
    relate(network, tokenizer)
    linear = F.linear if a.float32 else Bf16Linear.apply
    muon = Muon(network)
    matrices = {id(w) for w, _ in muon.blocks}
    adam = torch.optim.AdamW([w for w in network.parameters() if id(w) not in matrices], lr=1e-3, betas=(0.9, 0.97), weight_decay=0.0)
    path, first, seen = os.path.join(a.folder, f"{a.preset}.pt"), 0, 0
    source = os.path.join(a.folder, a.resume) if a.resume else path
    if a.resume or os.path.exists(source):
        state = torch.load(source)
        network.load_state_dict(state["weights"])
        muon.momentum = state["muon"]
        adam.load_state_dict(state["adam"])
        first, seen = state["step"], state["tokens"]
    print(f"{sum(w.numel() for w in network.parameters()):,} parameters, step {first} of {a.steps}", flush=True)

    def save(to):
        torch.save({"preset": a.preset, "weights": network.state_dict(), "muon": muon.momentum, "adam": adam.state_dict(), "step": step,
                    "tokens": seen, "seed": a.seed}, to + ".new")
        os.replace(to + ".new", to)

    stable_until = int(a.steps * (1 - DECAY))
    saved = reported = time.time()
    reported_seen, losses = seen, []
    for step in range(first, a.steps):
        if step == stable_until:
            save(os.path.join(a.folder, f"{a.preset}-stable.pt"))
        rate = a.lr * min(1, (step + 1) / WARM_UP, (a.steps - step) / (a.steps - stable_until))
        long = step % 8 == 7
        mix = corpus.MIX if step < stable_until else corpus.LATE_MIX
        data = batch(tokenizer, a.seed, step, 1024 if long else 256, max(1, a.batch // 4) if long else a.batch, mix=mix)
        loss, _ = loss_of(network, data, linear)
        loss.backward()
        if not math.isfinite(loss.item()):
            raise SystemExit(f"step {step}: the loss is {loss.item()}")
        muon.step(rate)
        adam.param_groups[0]["lr"] = rate / 6
        adam.step()
        adam.zero_grad()
        seen += int((data[2] > 0).sum())
        losses.append(loss.item())
        if (step + 1) % 25 == 0:
            now = time.time()
            print(f"step {step + 1} tokens {seen:,} loss {sum(losses) / len(losses):.4f} rate {rate:.4f} {(seen - reported_seen) / (now - reported):.0f} tokens/s", end="")
            if (step + 1) % 100 == 0:
                print(" held out: loss %.4f top-1 %.4f, answers: loss %.4f top-1 %.4f" % tuple(held_out_loss(network, tokenizer)), end="")
            print(flush=True)
            reported, reported_seen, losses = now, seen, []
        if time.time() - saved > a.minutes * 60:
            step += 1
            save(path)
            saved = time.time()
    step = a.steps
    save(path)


if __name__ == "__main__":
    main()
