"""A model and a context in one, with the calls of OpenAI's client."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from .context import Context, Piece
from .model import Message, Model

_REASONS = {"eos": "stop", "deadline": "length", "cancelled": "length"}
_IGNORED = ("model", "user", "stream_options")


class LLM:
    """llm = LLM("model.gguf", n_ctx=4096); llm.chat.completions.create(messages=[...]); llm("Once upon a time", max_tokens=64).

    Takes the options of Model and Context. Requests of several threads are answered one after the other; a stream that is not read to its end
    makes the others wait until it is closed or collected. A new request of the same thread ends it.
    """

    def __init__(self, model_path: str | os.PathLike[str], *, n_ctx: int | None = None, n_batch: int = 512, n_threads: int | None = None,
                 n_gpu_layers: int = 0, offload_kqv: bool = True, use_mmap: bool = True, use_mlock: bool = False, type_k: str = "f16",
                 type_v: str = "f16", seed: int | None = None, chat_template: str | None = None, verbose: bool = False) -> None:
        log = _print if verbose else None
        self.model = Model(model_path, n_gpu_layers=n_gpu_layers, offload_kqv=offload_kqv, use_mmap=use_mmap, use_mlock=use_mlock, log=log)
        self.context = Context(self.model, n_ctx=n_ctx, n_batch=n_batch, n_threads=n_threads, type_k=type_k, type_v=type_v, seed=seed)
        self.name = os.path.basename(os.fspath(model_path))
        self._chat_template = chat_template
        self._lock = threading.Lock()
        self._streams: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()  # begun and not finished, by thread
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._create_chat))
        self.completions = SimpleNamespace(create=self._create_completion)
        self.embeddings = SimpleNamespace(create=self._create_embeddings)

    def close(self) -> None:
        """Closes context and model."""
        self.context.close()
        self.model.close()

    def __enter__(self) -> LLM:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, prompt: str, **options: Any) -> str:
        """The text that follows a prompt."""
        with self._turn():
            return self.context.complete(prompt, **options)

    def _create_chat(self, *, messages: Iterable[Message], stream: bool = False, tools: Sequence[Any] | None = None, **options: Any) -> Any:
        tokens = self.model.chat_tokenize(messages, tools=tools, chat_template=self._chat_template)
        frame = _Frame("chatcmpl", self.name)
        if stream:
            return self._stream(tokens, options, lambda piece, first: frame.chunk("chat.completion.chunk", _choice(
                piece, delta=SimpleNamespace(role="assistant" if first else None, content=str(piece)))))
        text, last, usage = self._whole(tokens, options)
        return frame.response("chat.completion", _choice(last, message=SimpleNamespace(role="assistant", content=text)), usage)

    def _create_completion(self, *, prompt: str | Sequence[int], stream: bool = False, **options: Any) -> Any:
        frame = _Frame("cmpl", self.name)
        if stream:
            return self._stream(prompt, options, lambda piece, _: frame.chunk("text_completion", _choice(piece, text=str(piece))))
        text, last, usage = self._whole(prompt, options)
        return frame.response("text_completion", _choice(last, text=text), usage)

    def _create_embeddings(self, *, input: str | Sequence[str], **_: Any) -> Any:
        texts = [input] if isinstance(input, str) else list(input)
        with self._turn():
            tokens = [self.model.tokenize(text) for text in texts]
            vectors = [list(self.context.embed(t)) for t in tokens]
        data = [SimpleNamespace(object="embedding", index=i, embedding=vector) for i, vector in enumerate(vectors)]
        count = sum(map(len, tokens))
        return SimpleNamespace(object="list", model=self.name, data=data, usage=SimpleNamespace(prompt_tokens=count, total_tokens=count))

    def _whole(self, prompt: str | Sequence[int], options: dict[str, Any]) -> tuple[str, Piece, SimpleNamespace]:
        with self._turn():
            pieces = list(self.context.generate(prompt, **_known(options)))
            counters = self.context.counters
        usage = SimpleNamespace(prompt_tokens=counters.prompt_tokens, completion_tokens=counters.generated_tokens,
                                total_tokens=counters.prompt_tokens + counters.generated_tokens)
        return "".join(pieces), pieces[-1], usage

    def _stream(self, prompt: str | Sequence[int], options: dict[str, Any], make: Any) -> Iterator[Any]:
        itself: list[Any] = []  # weakly: a stream that is dropped ends at once

        def run() -> Iterator[Any]:
            with self._turn():
                self._streams[threading.get_ident()] = itself[0]()
                for i, piece in enumerate(self.context.generate(prompt, **_known(options))):
                    yield make(piece, i == 0)

        stream = run()
        itself.append(weakref.ref(stream))
        return stream

    def _turn(self) -> threading.Lock:
        """To be held by a request. A thread that has a stream half read would wait for itself."""
        stream = self._streams.pop(threading.get_ident(), None)
        if stream is not None:
            with contextlib.suppress(ValueError):  # another thread is reading it at this moment
                stream.close()
        return self._lock


def _print(_: int, text: str) -> None:
    if sys.stderr is not None:  # it is closed; print would take the standard output instead
        print(f"edge_llm: {text}", file=sys.stderr)


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's names for options; those that mean nothing here are left out."""
    known = {name: value for name, value in options.items() if name not in _IGNORED}
    if "max_completion_tokens" in known:
        known["max_tokens"] = known.pop("max_completion_tokens")
    if known.get("logit_bias"):
        known["logit_bias"] = {int(token): bias for token, bias in known["logit_bias"].items()}
    return known


def _choice(piece: Piece, **content: Any) -> SimpleNamespace:
    reason = piece.finish_reason
    return SimpleNamespace(index=0, finish_reason=_REASONS.get(reason, reason) if reason else None, logprobs=None, **content)


class _Frame:
    """What all parts of one answer have in common."""

    def __init__(self, prefix: str, model: str) -> None:
        self._common = {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def chunk(self, kind: str, choice: SimpleNamespace) -> SimpleNamespace:
        return SimpleNamespace(**self._common, object=kind, choices=[choice])

    def response(self, kind: str, choice: SimpleNamespace, usage: SimpleNamespace) -> SimpleNamespace:
        return SimpleNamespace(**self._common, object=kind, choices=[choice], usage=usage)
