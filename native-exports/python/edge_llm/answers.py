"""What the calls of OpenAI's client give back."""

from __future__ import annotations

import base64
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

from .context import Context
from .errors import EdgeLlmError, InvalidArgument, Status
from .generation import Part, Piece

_REASONS = {"eos": "stop", "deadline": "length", "cancelled": "length"}


class Stream:
    """The parts of an answer, computed as they are read, by any thread. A stream that is not read to its end keeps a context until it is closed
    or collected. To read on after close raises."""

    def __init__(self, turn: AbstractContextManager[Any], context: Context, give_back: Callable[[Context], None], pieces: Iterator[Piece],
                 make: Callable[[Piece, bool], SimpleNamespace], with_usage: bool) -> None:
        self._turn, self._context, self._pieces, self._make = turn, context, pieces, make
        self._give_back = weakref.finalize(self, give_back, context)
        self._give_back.atexit = False
        self._with_usage, self._first, self._ended = with_usage, True, False
        self._left: SimpleNamespace | None = None  # a part behind the last piece

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> SimpleNamespace:
        with self._turn:
            if self._left is not None:
                part, self._left = self._left, None
                return part
            if self._ended:
                raise StopIteration
            if not self._give_back.alive:
                raise InvalidArgument(Status.INVALID_ARGUMENT, "the stream was closed before its end")
            try:
                piece = next(self._pieces)
            except BaseException as error:
                if not (isinstance(error, EdgeLlmError) and error.status == Status.BUSY):  # then it may be asked for again
                    self.close()
                raise
            part = self._make(piece, self._first)
            self._first = False
            if piece.finish_reason is not None:
                self._ended = True
                if self._with_usage:
                    self._left = SimpleNamespace(**{**vars(part), "choices": [], "usage": usage(self._context)})
                self.close()
            return part

    def close(self) -> None:
        """Ends the answer. Closing twice does nothing."""
        with self._turn:
            self._give_back()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Frame:
    """What all parts of one answer have in common."""

    def __init__(self, prefix: str, model: str) -> None:
        self._common = {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def part(self, kind: str, choices: list[SimpleNamespace]) -> SimpleNamespace:
        """A part of a stream."""
        return SimpleNamespace(**self._common, object=kind, choices=choices, usage=None)

    def whole(self, kind: str, choices: list[SimpleNamespace], used: SimpleNamespace) -> SimpleNamespace:
        """An answer."""
        return SimpleNamespace(**self._common, object=kind, choices=choices, usage=used)


def choice(index: int, piece: Piece, *, calls: bool = False, **content: Any) -> SimpleNamespace:
    """One of several answers, or a part of it."""
    reason = _REASONS.get(piece.finish_reason, piece.finish_reason) if piece.finish_reason else None
    return SimpleNamespace(index=index, finish_reason="tool_calls" if calls and reason == "stop" else reason, logprobs=None, **content)


def message(parts: list[Part]) -> SimpleNamespace:
    """The assistant's message. A call that broke off stands in its content."""
    whole = {part.index for part in parts if part.kind == "call_end"}
    calls = [SimpleNamespace(id=part.id, type="function", function=SimpleNamespace(name=part.name, arguments="".join(
        more.text for more in parts if more.kind == "arguments" and more.index == part.index))) for part in parts if part.kind == "call_begin" and part.index in whole]
    content, reasoning = _texts(parts)
    return SimpleNamespace(role="assistant", content=content if content or not calls else None, reasoning_content=reasoning or None, refusal=None,
                           tool_calls=calls or None)


def delta(parts: list[Part], first: bool) -> SimpleNamespace:
    """What a part of a stream adds to the message."""
    calls = [SimpleNamespace(index=part.index, id=part.id or None, type="function" if part.id else None, function=SimpleNamespace(
        name=part.name or None, arguments=part.text)) for part in parts if part.kind in ("call_begin", "arguments")]
    content, reasoning = _texts(parts)
    return SimpleNamespace(role="assistant" if first else None, content=content, reasoning_content=reasoning or None, tool_calls=calls or None)


def _texts(parts: list[Part]) -> tuple[str, str]:
    return ("".join(part.text for part in parts if part.kind in ("content", "call_broken")),
            "".join(part.text for part in parts if part.kind == "reasoning"))


def usage(context: Context) -> SimpleNamespace:
    """What the last generation of a context took."""
    counters = context.counters
    return SimpleNamespace(prompt_tokens=counters.prompt_tokens, completion_tokens=counters.generated_tokens,
                           total_tokens=counters.prompt_tokens + counters.generated_tokens)


def embedding(index: int, vector: memoryview, encoding: str) -> SimpleNamespace:
    """A vector, as numbers or as their bytes in base64, little-endian."""
    if encoding not in ("float", "base64"):
        raise EdgeLlmError(Status.UNSUPPORTED, f"encoding_format: expected float or base64, found {encoding!r}")
    return SimpleNamespace(object="embedding", index=index, embedding=vector.tolist() if encoding == "float" else base64.b64encode(vector).decode())
