"""The network in PyTorch, exactly llama.cpp's `llama` architecture: RMSNorm, rotary embeddings over adjacent pairs, grouped-query
attention, SwiGLU, tied embedding. Attributes are grouped so that one matrix product makes q, k and v, and one makes gate and up."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    n_embd: int = 256
    n_layer: int = 6
    n_head: int = 4
    n_head_kv: int = 2
    n_ff: int = 768
    n_vocab: int = 2048
    n_ctx: int = 1024
    eps: float = 1e-5
    rope_base: float = 10000.0


# the draft model's n_embd keeps the K-quants' block of 256 out of its rows: it ships as Q8_0 or F16
PRESETS = {"main": Config(), "draft": Config(n_embd=128, n_layer=4, n_head=2, n_head_kv=1, n_ff=256)}
HEAD = 64


def rope_table(config, length):
    angle = torch.outer(torch.arange(length).float(), config.rope_base ** (-torch.arange(0, HEAD, 2).float() / HEAD))
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.attn_norm = nn.Parameter(torch.ones(c.n_embd))
        self.ffn_norm = nn.Parameter(torch.ones(c.n_embd))
        self.qkv = nn.Parameter(torch.randn((c.n_head + 2 * c.n_head_kv) * HEAD, c.n_embd) * 0.03)
        self.out = nn.Parameter(torch.zeros(c.n_embd, c.n_head * HEAD))
        self.gate_up = nn.Parameter(torch.randn(2 * c.n_ff, c.n_embd) * 0.03)
        self.down = nn.Parameter(torch.zeros(c.n_embd, c.n_ff))

    def forward(self, x, cos, sin, mask, kv=None, linear=F.linear):
        c, (batch, length, _) = self.c, x.shape
        q, k, v = linear(norm(x, self.attn_norm, c.eps), self.qkv).split([c.n_head * HEAD, c.n_head_kv * HEAD, c.n_head_kv * HEAD], -1)
        q = rotate(q.view(batch, length, c.n_head, HEAD).transpose(1, 2), cos, sin)
        k = rotate(k.view(batch, length, c.n_head_kv, HEAD).transpose(1, 2), cos, sin)
        v = v.view(batch, length, c.n_head_kv, HEAD).transpose(1, 2)
        if kv is not None:
            k, v = kv.append(self, k, v)
        group = c.n_head // c.n_head_kv
        q = q.reshape(batch, c.n_head_kv, group * length, HEAD) * HEAD ** -0.5
        score = (q @ k.transpose(-1, -2)).view(batch, c.n_head_kv, group, length, -1)
        p = (score + mask).softmax(-1).view(batch, c.n_head_kv, group * length, -1)
        y = (p @ v).view(batch, c.n_head, length, HEAD).transpose(1, 2).reshape(batch, length, -1)
        x = x + linear(y, self.out)
        gate, up = linear(norm(x, self.ffn_norm, c.eps), self.gate_up).chunk(2, -1)
        return x + linear(F.silu(gate) * up, self.down)


class Network(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embedding = nn.Parameter(torch.randn(c.n_vocab, c.n_embd) * 0.7)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.n_layer))
        self.output_norm = nn.Parameter(torch.full((c.n_embd,), 0.05))  # the tied embedding is large: logits start near 0
        cos, sin = rope_table(c, c.n_ctx)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids, mask, start=0, kv=None, linear=F.linear):
        x = self.embedding[ids]
        cos, sin = self.cos[start:start + ids.shape[1]], self.sin[start:start + ids.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin, mask, kv, linear)
        return linear(norm(x, self.output_norm, self.c.eps), self.embedding)


class KeyValues:
    """Keys and values so far, for generation."""

    def __init__(self):
        self.layers = {}

    def append(self, layer, k, v):
        if layer in self.layers:
            k, v = (torch.cat(pair, 2) for pair in zip(self.layers[layer], (k, v)))
        self.layers[layer] = k, v
        return k, v


def causal(length):
    return torch.full((length, length), float("-inf")).triu(1)


@torch.no_grad()
def greedy(network, ids, stop, limit):
    kv, out, start = KeyValues(), [], 0
    step, mask = ids, causal(len(ids))
    while len(out) < limit:
        logits = network(torch.tensor([step]), mask, start, kv)
        start += len(step)
        out.append(int(logits[0, -1].argmax()))
        if out[-1] in stop or start >= network.c.n_ctx:
            break
        step, mask = out[-1:], torch.zeros(1, 1)
    return out
